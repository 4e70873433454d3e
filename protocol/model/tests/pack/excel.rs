//! A workbook as a file of Excel, the same bytes each time.

use fieldmerge_model::form::Workbook;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook as Excel, XlsxError};

/// Writes the sheets that a form is read from, with their first row in bold and kept in sight.
pub fn excel(workbook: &Workbook) -> Result<Vec<u8>, XlsxError> {
    let mut excel = Excel::new();
    let made = ExcelDateTime::from_ymd(2026, 1, 1)?;
    excel.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let bold = Format::new().set_bold();
    for sheet in &workbook.sheets {
        let page = excel.add_worksheet();
        page.set_name(&sheet.name)?.set_freeze_panes(1, 2)?;
        for (row, at) in sheet.rows.iter().zip(0_u32..) {
            for (text, column) in row.cells.iter().zip(0_u16..).filter(|(text, _)| !text.is_empty()) {
                if at == 0 {
                    page.write_string_with_format(at, column, text, &bold)?;
                } else {
                    page.write_string(at, column, text)?;
                }
            }
        }
    }
    excel.save_to_buffer()
}
