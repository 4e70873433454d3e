//! Whatever a workbook holds, its import ends, and says why there is no form of it.

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::import::{Severity, import};
use proptest::prelude::*;

use super::workbooks::workbooks;

proptest! {
    #[test]
    fn an_import_ends_and_says_why(rows in workbooks()) {
        let workbook = Workbook::from_rows(rows);
        let first = import(&workbook, "form", None);
        let errors = first.findings.iter().filter(|finding| finding.mistake.severity() == Severity::Error);
        prop_assert_eq!(first.form.is_none(), errors.count() > 0, "{:?}", first.findings);
        for finding in &first.findings {
            prop_assert!(!finding.message("en").is_empty() && !finding.message("fr").is_empty());
        }
        prop_assert_eq!(&import(&workbook, "form", None), &first, "it says the same again");
        if let Some(form) = &first.form {
            let again = import(&workbook, "form", Some(form));
            prop_assert_eq!(again.form.as_ref(), Some(form), "what it was before keeps its paths");
        }
    }

    #[test]
    fn any_text_is_a_workbook(text in any::<String>()) {
        import(&Workbook::from_markdown(&text), "form", None);
    }
}
