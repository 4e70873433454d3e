//! Takes back the operations of a change that turned out to be refused.

use super::{NO_OP, RecordState, accept};

impl RecordState {
    /// Removes the last change and its operations from `first_op` on. `replaced` holds (operation, pred) in the order
    /// in which they were joined.
    pub(super) fn undo(&mut self, first_op: u32, replaced: &mut Vec<(u32, u32)>) {
        while self.ops.len() > first_op as usize {
            let index = accept::number(self.ops.len()) - 1;
            let mut revived = Vec::new();
            while let Some((_, pred)) = replaced.pop_if(|(op, _)| *op == index) {
                let successors = &mut self.ops[pred as usize].successors;
                successors.pop();
                if successors.is_empty() {
                    revived.push(pred);
                }
            }
            self.undo_register(index, &revived);
            self.ops.pop();
        }
        self.changes.pop();
    }

    fn undo_register(&mut self, index: u32, revived: &[u32]) {
        let Self { registers, ops, changes, .. } = self;
        let row = &ops[index as usize];
        if row.earlier == NO_OP {
            registers.remove(&row.path);
            return;
        }
        let register = registers.get_mut(&row.path).expect("every operation has its register");
        register.latest = row.earlier;
        register.live.remove_sorted(index, |live| accept::op_id(changes, ops, live));
        for pred in revived {
            register.live.insert_sorted(*pred, |live| accept::op_id(changes, ops, live));
        }
    }
}
