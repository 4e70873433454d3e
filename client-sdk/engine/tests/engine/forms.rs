//! The forms with which the phones of these tests begin.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fieldmerge_engine::shipped_forms;
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::form::{Form, Text};
use fieldmerge_model::pack::HIMO;

use crate::phone::Rows;

/// The forms of the pack that these phones fill.
const FORMS: [&str; 4] = ["himo_worker", "himo_attendance", "himo_payment", "himo_injury"];

/// The rows of a store that begins with them. They are read each time that a store is opened, so nothing is in them that
/// these tests do not look at.
pub(crate) fn forms() -> Rows {
    static ROWS: LazyLock<Rows> = LazyLock::new(|| {
        let forms = HIMO.forms().into_iter().filter(|form| FORMS.contains(&form.id.as_str()));
        let versions: Vec<Vec<u8>> = forms.map(without_texts).collect();
        assert_eq!(versions.len(), FORMS.len());
        let rows = shipped_forms(&versions).into_iter();
        rows.filter_map(|write| Some(((write.table, write.key), write.value?))).collect()
    });
    ROWS.clone()
}

fn without_texts(mut form: Form) -> Vec<u8> {
    for element in &mut form.elements {
        (element.label, element.hint, element.guidance) = Default::default();
        (element.logic.required_message, element.logic.constraint_message) = Default::default();
    }
    for choice in form.lists.iter_mut().flat_map(|list| &mut list.choices) {
        choice.label = Text::default();
    }
    FormVersion { form, tables: BTreeMap::new() }.to_bytes()
}
