//! Rows as CSV and as JSON lines.

use bytes::Bytes;
use fieldmerge_model::dataset::Cell;
use serde::{Deserialize, Serialize, Serializer};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 4180 with a line of names.
    #[default]
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/jsonl",
        }
    }

    /// The ending of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

/// Writes rows into memory, from where they are taken piece by piece.
pub struct Writer {
    format: Format,
    names: Vec<String>,
    bytes: Vec<u8>,
}

impl Writer {
    pub fn new(format: Format, names: Vec<String>) -> Self {
        Self { format, names, bytes: Vec::new() }
    }

    /// Writes what stands before the first row.
    pub fn begin(&mut self) {
        if self.format == Format::Csv {
            csv_line(&mut self.bytes, &self.names);
        }
    }

    /// Writes a row.
    pub fn row(&mut self, cells: &[Cell]) {
        match self.format {
            Format::Csv => csv_line(&mut self.bytes, cells.iter().map(|cell| cell.csv().into_owned())),
            Format::Jsonl => {
                let line = Line { names: &self.names, cells };
                serde_json::to_writer(&mut self.bytes, &line).expect("writing to a Vec cannot fail");
                self.bytes.push(b'\n');
            }
        }
    }

    /// Whether there is anything to take.
    pub fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Takes what was written since the last time.
    pub fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes).into()
    }
}

/// A row as a JSON object whose members stand in the order of the columns.
struct Line<'a> {
    names: &'a [String],
    cells: &'a [Cell],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.cells.iter().map(Cell::json)))
    }
}

fn csv_line(bytes: &mut Vec<u8>, cells: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    // A writer for each line, because one that is kept would hold on to the buffer.
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(1 << 10)
        .from_writer(bytes);
    writer.write_record(cells).and_then(|()| Ok(writer.flush()?)).expect("writing to a Vec cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut writer = Writer::new(format, vec!["_id".to_owned(), "name".to_owned(), "days".to_owned()]);
        writer.begin();
        writer.row(&[Cell::Token("a".to_owned()), Cell::Text("Ra, \"koto\"".to_owned()), Cell::Decimal(0.5)]);
        writer.row(&[Cell::Token("b".to_owned()), Cell::Text("=1+1".to_owned()), Cell::Null]);
        String::from_utf8(writer.take().to_vec()).expect("rows are text")
    }

    #[test]
    fn csv_is_quoted_and_no_formula() {
        assert_eq!(written(Format::Csv), "_id,name,days\r\na,\"Ra, \"\"koto\"\"\",0.5\r\nb,'=1+1,\r\n");
    }

    #[test]
    fn json_lines_keep_types() {
        let lines =
            [r#"{"_id":"a","name":"Ra, \"koto\"","days":0.5}"#, r#"{"_id":"b","name":"=1+1","days":null}"#];
        assert_eq!(written(Format::Jsonl).lines().collect::<Vec<_>>(), lines);
    }
}
