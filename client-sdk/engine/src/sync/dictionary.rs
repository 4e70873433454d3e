//! Dictionaries: the server sends what the device needs and does not name in its hello.

use std::collections::BTreeSet;
use std::sync::Arc;

use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::limits::MAX_DICTIONARIES;
use fieldmerge_protocol::sync::Dictionary;

use super::answer::Reading;
use crate::stage::Stage;
use crate::store::Table;

impl Reading<'_, '_, '_> {
    /// Keeps a dictionary. It is named by its content, so a wrong one does no harm: nothing that names another is read
    /// by it, and a server that does not know it says so.
    pub(crate) fn dictionary(&mut self, sent: &Dictionary) {
        let Ok(bytes) = sent.unpack() else {
            self.problem("unreadable-dictionary", None);
            return;
        };
        let number = Dictionary::number(&bytes);
        // Beyond as many as a hello may name, one takes the place of another that no own frame was packed with: a server
        // that is restored is told anew what stands in these.
        let held = &self.stage.memory.dictionaries;
        if held.len() >= MAX_DICTIONARIES && !held.contains_key(&number) {
            let (current, own) = (self.stage.state.dictionary, self.stage.dictionaries_of_frames());
            let other = held.keys().copied().find(|other| Some(*other) != current && !own.contains(other));
            if let Some(other) = other {
                self.stage.put(Table::Dictionaries, other.to_be_bytes().to_vec(), None);
            }
        }
        self.stage.put(Table::Dictionaries, number.to_be_bytes().to_vec(), Some(Arc::from(bytes)));
        if sent.current {
            self.stage.state.dictionary = Some(number);
        }
    }
}

impl Stage<'_> {
    /// The dictionary of this number; it is empty for 0, and `None` where the device does not have it.
    pub(crate) fn dictionary(&self, number: u32) -> Option<&[u8]> {
        if number == 0 {
            return Some(&[]);
        }
        let staged = self.staged(Table::Dictionaries, &number.to_be_bytes());
        staged.or_else(|| self.memory.dictionaries.get(&number)).map(|bytes| &**bytes)
    }

    /// The numbers of those that the device's own frames were packed with.
    fn dictionaries_of_frames(&self) -> BTreeSet<u32> {
        let keys = self.frame_keys().into_iter();
        let frames = keys.filter_map(|key| Frame::parse(&self.frame(key)?.bytes).ok());
        frames.map(|frame| frame.header.dictionary).collect()
    }

    /// The dictionary to pack with, and its number.
    pub(crate) fn dictionary_to_pack(&self) -> Option<(u32, &[u8])> {
        let number = self.state.dictionary?;
        Some((number, self.dictionary(number)?))
    }
}
