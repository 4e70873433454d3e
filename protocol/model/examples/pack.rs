//! Writes the workbooks of the pack as files of Excel: `cargo run -p fieldmerge-model --example pack`.

use std::error::Error;
use std::fs;
use std::path::Path;

use fieldmerge_model::form::Workbook;

#[path = "../tests/pack/excel.rs"]
mod excel;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pack/himo");
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|ending| ending == "md") {
            let workbook = Workbook::from_markdown(&fs::read_to_string(&path)?);
            fs::write(path.with_extension("xlsx"), excel::excel(&workbook)?)?;
        }
    }
    Ok(())
}
