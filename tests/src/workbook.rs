//! Workbooks of Excel by their parts, for files that no spreadsheet writes.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The parts of a workbook with the sheets `survey` and `choices`, which are one part. Others stand for what is in them.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The rows of both sheets.
    pub sheet: Vec<u8>,
    /// The shared texts.
    pub texts: Vec<u8>,
    /// The formats of cells.
    pub styles: Vec<u8>,
    /// The list of sheets.
    pub workbook: Vec<u8>,
    /// Where the list of sheets stands.
    pub package: Vec<u8>,
}

const SHEET: &str = r#"<worksheet><dimension ref="A1:C3"/><sheetData>
<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>
<row r="2"><c r="A2" t="inlineStr"><is><t>text</t></is></c><c r="B2" t="str"><v>a</v></c><c r="C2" s="1"><v>46082</v></c></row>
<row r="3"><c r="A3" t="s"><v>3</v></c><c r="B3" t="b"><v>1</v></c><c r="C3" t="e"><v>#N/A</v></c><c r="D3"><v>1.5</v></c></row>
</sheetData></worksheet>"#;
const TEXTS: &str = r#"<sst count="4" uniqueCount="4"><si><t>type</t></si><si><t>name</t></si><si><r><t>la</t></r><r><t xml:space="preserve">bel</t></r></si><si><t>note</t></si></sst>"#;
const STYLES: &str = r#"<styleSheet><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm"/></numFmts><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>"#;
const WORKBOOK: &str = r#"<workbook><sheets><sheet name="survey" sheetId="1" r:id="rId1"/><sheet name="choices" sheetId="2" r:id="rId1"/></sheets></workbook>"#;
const PACKAGE: &str = r#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const PLACES: &str = r#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

impl Default for Parts {
    fn default() -> Self {
        let [sheet, texts, styles, workbook, package] =
            [SHEET, TEXTS, STYLES, WORKBOOK, PACKAGE].map(|part| part.as_bytes().to_vec());
        Self { sheet, texts, styles, workbook, package }
    }
}

impl Parts {
    /// The file.
    pub fn file(&self) -> Vec<u8> {
        packed(&[
            ("_rels/.rels", &self.package),
            ("xl/workbook.xml", &self.workbook),
            ("xl/_rels/workbook.xml.rels", PLACES.as_bytes()),
            ("xl/sharedStrings.xml", &self.texts),
            ("xl/styles.xml", &self.styles),
            ("xl/worksheets/sheet1.xml", &self.sheet),
        ])
    }

    /// The parts with zeros between them.
    pub fn joined(&self) -> Vec<u8> {
        [&self.sheet, &self.texts, &self.styles, &self.workbook, &self.package].map(Vec::as_slice).join(&0)
    }

    /// What [`Parts::joined`] made of them, or anything else; parts that are missing are empty.
    pub fn of(bytes: &[u8]) -> Self {
        let mut parts = bytes.splitn(5, |byte| *byte == 0).map(<[u8]>::to_vec);
        let mut next = || parts.next().unwrap_or_default();
        Self { sheet: next(), texts: next(), styles: next(), workbook: next(), package: next() }
    }
}

/// A zip of files.
pub fn packed(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let options = options.compression_level(Some(1));
    for (name, content) in parts {
        zip.start_file(*name, options).expect("names are plain");
        zip.write_all(content).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}
