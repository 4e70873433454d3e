//! Workbooks as people send them: `.xlsx` and `.xlsm`, one table of text with the name of the sheet in its first column,
//! Markdown.
//!
//! What a file is its bytes say, not its name. [`read`] ends within its limits whatever they are, and says of each kind of
//! file that is no XLSForm what to do with it.

mod error;
mod guards;
pub mod lists;
pub mod pack;
mod package;
pub mod publish;
pub mod published;
mod table;
mod xlsx;

pub use error::WorkbookError;
pub use guards::Guard;
pub use published::{Forms, Published, record_types};

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::import::{MAX_ROWS, is_read};

/// The most bytes of a file.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// The most sheets of a workbook: what a spreadsheet opens with.
pub const MAX_SHEETS: usize = 255;
/// The most columns that are used: ten of each kind for thirty languages leave room for the filters of choices.
pub const MAX_COLUMNS: usize = 1_000;
/// The most cells up to the last one that is used in each row, those that are empty among them.
pub const MAX_CELLS: usize = 4_000_000;

/// Reads a workbook. `name` is that of the file: prose around the tables of a Markdown text is told from a table of
/// another kind by its ending alone.
pub fn read(bytes: &[u8], name: &str) -> Result<Workbook, WorkbookError> {
    read_sheets(bytes, is_read, |bytes| table::read(bytes, name))
}

/// Reads every sheet of a workbook that is no form, whatever it is called. A table of text is one sheet without a name.
pub fn read_tables(bytes: &[u8], name: &str) -> Result<Workbook, WorkbookError> {
    let workbook = read_sheets(bytes, |_| true, |bytes| table::read_one(bytes, name))?;
    if workbook.sheets.iter().any(|sheet| sheet.rows.len() > MAX_ROWS) {
        return Err(WorkbookError::TooManyCells);
    }
    Ok(workbook)
}

fn read_sheets(
    bytes: &[u8],
    is_wanted: impl Fn(&str) -> bool,
    text: impl FnOnce(&[u8]) -> Result<Workbook, WorkbookError>,
) -> Result<Workbook, WorkbookError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(WorkbookError::TooLarge);
    }
    let workbook = match bytes {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => xlsx::read(bytes, is_wanted)?,
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => return Err(compound(bytes)),
        [b'%', b'P', b'D', b'F', ..] => return Err(WorkbookError::Pdf),
        _ => text(bytes)?,
    };
    check_sheets(workbook.sheets.len())?;
    for sheet in &workbook.sheets {
        for row in &sheet.rows {
            check_width(&sheet.name, row.number, row.cells.len())?;
        }
    }
    Ok(workbook)
}

/// Reads a table that comes with a form, a `.csv` file for example.
pub fn read_table(bytes: &[u8]) -> Result<Table, WorkbookError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(WorkbookError::TooLarge);
    }
    table::read_table(bytes)
}

fn check_sheets(count: usize) -> Result<(), WorkbookError> {
    if count > MAX_SHEETS {
        return Err(WorkbookError::TooManySheets);
    }
    Ok(())
}

fn check_width(sheet: &str, row: u32, columns: usize) -> Result<(), WorkbookError> {
    if columns > MAX_COLUMNS {
        return Err(WorkbookError::TooWide { sheet: sheet.to_owned(), row });
    }
    Ok(())
}

/// What an OLE file is: a workbook that needs a password, or one of the old format.
fn compound(bytes: &[u8]) -> WorkbookError {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if bytes.windows(name.len()).any(|window| window == name) {
        return WorkbookError::Encrypted;
    }
    WorkbookError::OldExcel
}
