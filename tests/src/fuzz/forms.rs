//! Workbooks, expressions and published versions of forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::filling::{Filling, World};
use fieldmerge_model::form::import::import;
use fieldmerge_model::form::types::record_types;
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::xpath::Expr;
use fieldmerge_server::forms;

use crate::workbook::Parts;

/// The most elements of a form that is begun: what a larger one does it only does for longer.
const MAX_ELEMENTS: usize = 200;

/// A world that stands still.
struct Still;

impl World for Still {
    fn now(&mut self) -> i64 {
        1_772_323_200_000
    }

    fn offset_minutes(&mut self) -> i32 {
        180
    }

    fn random(&mut self) -> f64 {
        0.5
    }

    fn uuid(&mut self) -> String {
        "019cd19e-4c00-7000-8000-000000000000".to_owned()
    }

    fn key(&mut self) -> String {
        self.uuid()
    }

    fn property(&mut self, _name: &str) -> Option<String> {
        None
    }
}

/// Any file as a workbook: it is refused, or everything that is wrong with it is said, or it is a form that works.
pub fn workbook(bytes: &[u8]) {
    // The ending decides only whether a text is Markdown.
    let name = if bytes.len().is_multiple_of(2) { "form.md" } else { "form" };
    let Ok(workbook) = forms::read(bytes, name) else { return };
    let found = import(&workbook, "form", None);
    for finding in &found.findings {
        assert!(!finding.message("en").is_empty() && !finding.message("fr").is_empty());
    }
    if let Some(form) = found.form {
        let version = FormVersion { form, tables: BTreeMap::new() };
        let again = FormVersion::from_bytes(&version.to_bytes()).expect("what was imported is read again");
        assert_eq!(again, version);
        works(&version);
    }
}

/// Any bytes as the parts of a file of Excel, which a mutant of the packed file would never reach.
pub fn sheets(bytes: &[u8]) {
    workbook(&Parts::of(bytes).file());
}

/// Any text as an expression: what is read is written, and read from that, the same.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(expr) = Expr::parse(text) {
        let written = expr.to_string();
        let again = Expr::parse(&written).expect("what was written is read");
        assert_eq!(again.to_string(), written, "{text}");
        _ = (expr.bounds(), expr.dependencies());
    }
}

/// Any bytes as a version of a form that a server sends.
pub fn form(bytes: &[u8]) {
    if let Ok(version) = FormVersion::from_bytes(bytes) {
        works(&version);
    }
}

/// A form can be made ready and begun, or not made ready.
fn works(version: &FormVersion) {
    _ = record_types(&[&version.form]);
    if version.form.elements.len() > MAX_ELEMENTS {
        return;
    }
    let Ok(compiled) = version.compile() else { return };
    let mut filling =
        Filling::begin(Arc::new(compiled), version.form.default_language, BTreeMap::new(), &mut Still);
    for complaint in filling.complaints(&mut Still) {
        _ = filling.answer(complaint.place, "1", &mut Still);
    }
    _ = filling.changes(&[]);
}

/// A form with something of everything.
const FORM: &str = "\
| survey |
| | type | name | label::English (en) | label::Français (fr) | relevant | calculation | constraint | choice_filter | fm::record |
| | select_one sex | sex | Sex | Sexe | | | | | |
| | integer | age | Age | Âge | ${sex} = 'female' | | . >= 0 and . < 130 | | |
| | begin_repeat | children | Children | Enfants | ${age} > 15 | | | | |
| | select_multiple tool | tools | Tools of ${sex} | Outils | | | | kind = ${sex} | |
| | calculate | count | | | | count-selected(${tools}) | | | |
| | end_repeat | | | | | | | | |
| | begin_group | seen | Seen | Vu | | | | | observation |
| | date | day | Day | Jour | | | . <= today() | | |
| | end_group | | | | | | | | |
| choices |
| | list_name | name | label::English (en) | label::Français (fr) | kind |
| | sex | female | Female | Féminin | |
| | sex | male | Male | Masculin | |
| | tool | hoe | Hoe | Houe | female |
| settings |
| | form_id | version | fm::record | default_language |
| | works | 3 | worker | English (en) |
";

/// Expressions with something of everything.
pub const EXPRESSIONS: [&str; 6] = [
    "${age} > 15 and not(selected(${tools}, 'hoe')) or ../a[b = 2]/c[last()] != \"x\"",
    "if(. >= 1.5e0, coalesce(/data/a, //b), concat('a', string(-3 * 2 div 4 mod 5)))",
    "indexed-repeat(${age}, ${children}, position(..) - 1) | instance('t')/root/item[name = current()/../x]/label",
    "format-date(date-time('2026-03-01T07:30:00+03:00'), '%Y-%n-%e') = today()",
    "regex(., '^[a-z]{2,}$') and pulldata('f', 'a', 'b', ${x}) = sum(${y}) + count(ancestor::*/child::node())",
    "once(uuid())",
];

/// Honest workbooks: the form as Markdown and as a table of tabs, and a file of Excel.
pub fn workbooks() -> Vec<Vec<u8>> {
    let line = |line: &str| line.trim_matches('|').trim().replace(" | ", "\t");
    let table = FORM.lines().map(line).collect::<Vec<_>>().join("\n");
    vec![FORM.as_bytes().to_vec(), table.into_bytes(), Parts::default().file()]
}

/// The form as it is sent.
pub fn honest() -> Vec<u8> {
    let found = import(&Workbook::from_markdown(FORM), "form", None);
    let form = found.form.unwrap_or_else(|| panic!("{:?}", found.findings));
    FormVersion { form, tables: BTreeMap::new() }.to_bytes()
}
