//! ISCO-08, the International Standard Classification of Occupations, as the ILO publishes it.
//!
//! Two of its workbooks are read. "Structure and definitions" has a row a group: `Level`, `ISCO 08 Code`, `Title EN`. The
//! one with all versions has a row a unit group and the groups above it beside it: `ISCO_version`, `major`, `major_label`,
//! `sub_major`, `sub_major_label`, `minor`, `minor_label`, `unit`, `description`. A spreadsheet that took a code for a
//! number has lost its first zero; the level says how many digits there are.

use fieldmerge_model::form::{Row, Sheet, Workbook};

use super::{Group, List, Oddity, below_headings, column};

/// The levels, whose codes have one to four digits.
const LEVELS: [&str; 4] = ["major", "sub_major", "minor", "unit"];
/// Of the workbook with all versions, what it calls this one.
const VERSION: &str = "ISCO-08";

/// The groups of ISCO-08 that a workbook holds.
pub fn isco(workbook: &Workbook) -> List {
    let mut list = List::default();
    for sheet in &workbook.sheets {
        if let Some((columns, rows)) = below_headings(sheet, Columns::of) {
            for row in rows {
                columns.read(&mut list, sheet, row);
            }
        }
    }
    list
}

/// Where a sheet has what.
enum Columns {
    /// A row a group.
    Structure { level: usize, code: usize, titles: Vec<(String, usize)> },
    /// A row a unit group: of each level the code and the title.
    Units { version: Option<usize>, groups: [(usize, usize); 4] },
}

impl Columns {
    fn of(headings: &[String]) -> Option<Self> {
        if let (Some(level), Some(code)) = (column(headings, "level"), column(headings, "isco 08 code")) {
            let titles = headings.iter().enumerate().filter_map(|(at, heading)| {
                let language = heading.strip_prefix("title ").filter(|code| code.len() == 2)?;
                Some((language.to_owned(), at))
            });
            return Some(Self::Structure { level, code, titles: titles.collect() });
        }
        let group = |code: &str, title: &str| Some((column(headings, code)?, column(headings, title)?));
        let groups = [
            group("major", "major_label")?,
            group("sub_major", "sub_major_label")?,
            group("minor", "minor_label")?,
            group("unit", "description")?,
        ];
        Some(Self::Units { version: column(headings, "isco_version"), groups })
    }

    fn read(&self, list: &mut List, sheet: &Sheet, row: &Row) {
        match self {
            Self::Structure { level, code, titles } => {
                let titles = titles.iter().map(|(language, at)| (language.as_str(), *at));
                let digits = row.cell(*level).parse().unwrap_or_default();
                add(list, sheet, row, digits, *code, titles);
            }
            Self::Units { version, groups } => {
                if version.is_some_and(|at| row.cell(at) != VERSION) {
                    return;
                }
                for ((code, title), digits) in groups.iter().zip(1..) {
                    add(list, sheet, row, digits, *code, [("", *title)]);
                }
            }
        }
    }
}

/// Adds the group whose code of so many digits stands in a column; nothing for an empty cell.
fn add<'t>(
    list: &mut List,
    sheet: &Sheet,
    row: &Row,
    digits: usize,
    code: usize,
    titles: impl IntoIterator<Item = (&'t str, usize)>,
) {
    let code = row.cell(code);
    if code.is_empty() {
        return;
    }
    let level = digits.checked_sub(1).and_then(|at| LEVELS.get(at));
    let is_code = code.len() <= digits && code.bytes().all(|byte| byte.is_ascii_digit());
    let (Some(level), true) = (level, is_code) else {
        list.find(sheet, row, &code, Oddity::Shape);
        return;
    };
    let code = format!("{code:0>digits$}");
    let titles = titles.into_iter().map(|(language, at)| (language.to_owned(), row.text(at).to_owned()));
    let depth = u8::try_from(digits).unwrap_or(u8::MAX);
    let parent = code[..digits - 1].to_owned();
    list.add(
        sheet,
        row,
        &code,
        Group { depth, level: (*level).to_owned(), parent, titles: titles.collect() },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRUCTURE: &str = "\
| About |
| | Made up for a test |
| ISCO-08 |
| | Level | ISCO 08 Code | Title EN | Title FR | Definition |
| | 1 | 9 | Makers of things | Faiseurs | Long text |
| | 2 | 93 | Makers of roads | Faiseurs de routes | |
| | 3 | 931 | Makers of small roads | Faiseurs de sentiers | |
| | 4 | 9312 | Makers, of paths | Faiseurs de pistes | |
| | 1 | 0 | Guards | Gardes | |
| | 4 | 110 | Guards of paths | Gardes de pistes | |
| | 4 | Total | | | |
";

    #[test]
    fn a_row_a_group() {
        let list = isco(&Workbook::from_markdown(STRUCTURE));
        let expected = "\
name,level,parent,label,label::English (en),label::Français (fr)
0,major,,Guards,Guards,Gardes
9,major,,Makers of things,Makers of things,Faiseurs
93,sub_major,9,Makers of roads,Makers of roads,Faiseurs de routes
931,minor,93,Makers of small roads,Makers of small roads,Faiseurs de sentiers
0110,unit,011,Guards of paths,Guards of paths,Gardes de pistes
9312,unit,931,\"Makers, of paths\",\"Makers, of paths\",Faiseurs de pistes
";
        assert_eq!(list.to_csv().expect("a file"), expected);
        let found: Vec<(u32, &str, Oddity)> =
            list.findings.iter().map(|found| (found.row, found.code.as_str(), found.oddity)).collect();
        assert_eq!(found, [(11, "Total", Oddity::Shape)]);
    }

    const UNITS: &str = "\
| ISCO |
| | ISCO_version | major | major_label | sub_major | sub_major_label | minor | minor_label | unit | description |
| | ISCO-88 | 9 | Older makers | 93 | Older | 931 | Older | 9312 | Older |
| | ISCO-08 | 9 | Makers | 93 | Makers of roads | 931 | Of small roads | 9312 | Of paths |
| | ISCO-08 | 9 | Makers | 93 | Makers of roads | 931 | Of small roads | 9313 | Of houses |
| | ISCO-08 | 9 | Maker | 0 | Guards | 11 | Guards | 110 | Guards |
";

    #[test]
    fn a_row_a_unit_group() {
        let list = isco(&Workbook::from_markdown(UNITS));
        let expected = "\
name,level,parent,label
9,major,,Makers
00,sub_major,0,Guards
93,sub_major,9,Makers of roads
011,minor,01,Guards
931,minor,93,Of small roads
0110,unit,011,Guards
9312,unit,931,Of paths
9313,unit,931,Of houses
";
        assert_eq!(list.to_csv().expect("a file"), expected);
        let told: Vec<String> = list.findings.iter().map(|found| found.message("fr")).collect();
        assert_eq!(told, ["ISCO, ligne 6 : 9 a plus haut un autre parent ou intitulé, qui compte"]);
    }

    #[test]
    fn a_workbook_of_something_else_holds_no_group() {
        assert!(isco(&Workbook::from_markdown("| survey |\n| | type | name |\n| | text | a |")).is_empty());
    }
}
