//! What a workbook is packed in, looked through before anything is read of it.
//!
//! Calamine keeps the texts, styles and relationships of a workbook in memory, as many as they say they are, and repeats
//! what one attribute says for every element that refers to it. So the parts that it keeps are bounded here, and every part
//! is unpacked once to see that it is as large as it says.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::WorkbookError;

/// The most bytes that a file may unpack to, and that one part of it may.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
const MAX_PART_BYTES: u64 = 64 << 20;
/// The most parts.
const MAX_PARTS: usize = 10_000;
/// The most elements of the shared texts, and of another part that is kept.
const MAX_TEXT_ELEMENTS: u64 = 4_000_000;
const MAX_ELEMENTS: u64 = 50_000;
/// The most bytes of the attributes of one element in a part that is kept.
const MAX_ATTRIBUTE_BYTES: usize = 2 << 10;

/// Refuses a file that is no workbook of Excel 2007 or later, and one that would take more memory than a form can need.
pub(super) fn check(bytes: &[u8]) -> Result<(), WorkbookError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| WorkbookError::Incomplete)?;
    check_kind(&mut archive)?;
    if archive.len() > MAX_PARTS {
        return Err(WorkbookError::Overgrown);
    }
    let mut left = MAX_UNPACKED_BYTES;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|_| WorkbookError::Damaged)?;
        let size = part.size();
        if size > MAX_PART_BYTES.min(left) {
            return Err(WorkbookError::Overgrown);
        }
        left -= size;
        let kept = part.name().map(|name| Kept::of(&name)).map_err(|_| WorkbookError::Damaged)?;
        let mut part = part.take(size + 1);
        if let Some(kept) = kept {
            kept.check(BufReader::new(&mut part))?;
        }
        io::copy(&mut part, &mut io::sink()).map_err(|_| WorkbookError::Damaged)?;
        if part.limit() != 1 {
            return Err(WorkbookError::Damaged);
        }
    }
    Ok(())
}

fn check_kind(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), WorkbookError> {
    let mut kind = String::new();
    if let Ok(part) = archive.by_name("mimetype")
        && part.take(64).read_to_string(&mut kind).is_ok()
        && kind.starts_with("application/vnd.oasis.opendocument.spreadsheet")
    {
        return Err(WorkbookError::OpenDocument);
    }
    let names: Vec<String> = archive.file_names().flatten().map(|name| plain(&name)).collect();
    if names.iter().any(|name| name.ends_with("/workbook.bin")) {
        return Err(WorkbookError::BinaryExcel);
    }
    if !names.iter().any(|name| is_workbook(name)) {
        return Err(WorkbookError::OtherZip);
    }
    Ok(())
}

/// The name of a part as calamine compares it.
fn plain(name: &str) -> String {
    name.replace('\\', "/").to_ascii_lowercase()
}

/// Whether a part is the list of sheets: `xl/workbook.xml`, `xl/workbook2.xml` …
fn is_workbook(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.starts_with("workbook") && name.strip_suffix(".xml").is_some()
}

/// A part that calamine keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// The shared texts.
    Texts,
    /// Where the list of sheets stands.
    Package,
    /// Styles, colours, sheets, and where each stands.
    Other,
}

impl Kept {
    fn of(name: &str) -> Option<Self> {
        let name = plain(name);
        match name.rsplit('/').next().unwrap_or_default() {
            "sharedstrings.xml" => Some(Self::Texts),
            ".rels" => Some(Self::Package),
            "styles.xml" | "theme1.xml" => Some(Self::Other),
            last if is_workbook(last.strip_suffix(".rels").unwrap_or(last)) => Some(Self::Other),
            _ => None,
        }
    }

    fn check(self, part: impl BufRead) -> Result<(), WorkbookError> {
        let mut xml = Reader::from_reader(part);
        xml.config_mut().check_end_names = false;
        let most = if self == Self::Texts { MAX_TEXT_ELEMENTS } else { MAX_ELEMENTS };
        let (mut elements, mut buffer) = (0, Vec::new());
        loop {
            buffer.clear();
            match xml.read_event_into(&mut buffer).map_err(|_| WorkbookError::Damaged)? {
                Event::Start(element) | Event::Empty(element) => {
                    elements += 1;
                    if elements > most || element.attributes_raw().len() > MAX_ATTRIBUTE_BYTES {
                        return Err(WorkbookError::Overgrown);
                    }
                    self.check_element(&element)?;
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn check_element(self, element: &BytesStart<'_>) -> Result<(), WorkbookError> {
        match self {
            // So many texts are made room for before one is read.
            Self::Texts => {
                for said in element.attributes_raw().split("uniqueCount").skip(1) {
                    let digits = said.trim_start_matches(|letter: char| !letter.is_ascii_digit());
                    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
                    if digits[..end].parse().map_or(end > 0, |count: u64| count > MAX_TEXT_ELEMENTS) {
                        return Err(WorkbookError::Overgrown);
                    }
                }
            }
            // The list of sheets must be a part that was looked through as one.
            Self::Package => {
                let (mut is_list, mut target) = (false, String::new());
                for attribute in element.attributes() {
                    let attribute = attribute.map_err(|_| WorkbookError::Damaged)?;
                    match attribute.key.as_ref() {
                        "Type" => is_list = attribute.value.ends_with("/officeDocument"),
                        "Target" => target = plain(&attribute.value),
                        _ => {}
                    }
                }
                if is_list && (!is_workbook(&target) || target.contains('&')) {
                    return Err(WorkbookError::Damaged);
                }
            }
            Self::Other => {}
        }
        Ok(())
    }
}
