//! P-codes, the codes of places, as OCHA publishes them with its administrative boundaries (COD-AB).
//!
//! Their tables have a row a place and beside it the places that it lies in. Three namings of their columns are read:
//! `admin1Pcode` and `admin1Name_en`; `ADM1_PCODE` and `ADM1_EN`; `adm1_pcode`, `adm1_name` and `adm1_name1`, whose
//! languages stand in `lang` and `lang1`. Where a place lies is what its row says: codes of one country are not made alike,
//! so nothing is read off a code.

use std::collections::BTreeMap;

use fieldmerge_model::form::{Row, Sheet, Workbook};
use fieldmerge_model::types::is_pcode;

use super::{Group, List, Oddity, below_headings, column};

/// The places that the sheets of a workbook, or a table of text, hold.
pub fn pcodes(workbook: &Workbook) -> List {
    let mut list = List::default();
    for sheet in &workbook.sheets {
        if let Some((levels, rows)) = below_headings(sheet, levels) {
            for row in rows {
                read(&mut list, sheet, row, &levels);
            }
        }
    }
    list
}

/// Where a sheet has what about one level.
#[derive(Debug, Default)]
struct Level {
    code: Option<usize>,
    /// The columns of names.
    names: Vec<(Named, usize)>,
}

/// In which language a name is.
#[derive(Debug)]
enum Named {
    /// In that of this code.
    Language(String),
    /// In that which a column says; in one that is not known, where there is no such column.
    Column(Option<usize>),
}

/// The columns of each level of which there is a code.
fn levels(headings: &[String]) -> Option<BTreeMap<u8, Level>> {
    let mut levels: BTreeMap<u8, Level> = BTreeMap::new();
    for (at, heading) in headings.iter().enumerate() {
        let Some((depth, part)) = level_of(heading) else { continue };
        let level = levels.entry(depth).or_default();
        match part {
            "pcode" => level.code = level.code.or(Some(at)),
            _ => level.names.extend(named(headings, part).map(|named| (named, at))),
        }
    }
    levels.retain(|_, level| level.code.is_some());
    (!levels.is_empty()).then_some(levels)
}

/// The level in a heading in small letters, and what it says of that: `admin2name_fr` 2 and `name_fr`, `adm2_pcode` 2 and
/// `pcode`.
fn level_of(heading: &str) -> Option<(u8, &str)> {
    let rest = heading.strip_prefix("admin").or_else(|| heading.strip_prefix("adm"))?;
    let depth = rest.chars().next()?.to_digit(10)?;
    let part = &rest[1..];
    Some((u8::try_from(depth).ok()?, part.strip_prefix('_').unwrap_or(part)))
}

/// Of `name`, `name1`, `name_fr` and `fr` the language; other names, such as old ones and those without accents, are not
/// read.
fn named(headings: &[String], part: &str) -> Option<Named> {
    let is_language = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some(rest) = part.strip_prefix("name") else {
        return is_language(part).then(|| Named::Language(part.to_owned()));
    };
    if let Some(code) = rest.strip_prefix('_') {
        return is_language(code).then(|| Named::Language(code.to_owned()));
    }
    let is_number = rest.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Named::Column(column(headings, &format!("lang{rest}"))))
}

/// Adds the places of a row, from the country down.
fn read(list: &mut List, sheet: &Sheet, row: &Row, levels: &BTreeMap<u8, Level>) {
    let mut parent = String::new();
    for (depth, level) in levels {
        let Some(code) = level.code.map(|at| row.cell(at)).filter(|code| !code.is_empty()) else { continue };
        if !is_pcode(&code) {
            list.find(sheet, row, &code, Oddity::Shape);
            continue;
        }
        let titles = level.names.iter().filter_map(|(named, at)| {
            let language = match named {
                Named::Language(code) => code.clone(),
                Named::Column(column) => column.map(|at| row.cell(at).into_owned()).unwrap_or_default(),
            };
            Some((language, row.text(*at).to_owned())).filter(|(_, title)| !title.is_empty())
        });
        let titles = titles.collect();
        let group = Group { depth: *depth, level: depth.to_string(), parent, titles };
        list.add(sheet, row, &code, group);
        parent = code.into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = "\
name,level,parent,label,label::Français (fr),label::English (en)
QQ,0,,Pays,Pays,Land
QQ1,1,QQ,Nord,Nord,North
QQ0101-01,2,QQ1,Pont,Pont,Bridge
";

    #[test]
    fn three_namings_say_the_same() {
        let first = "\
| Admin2 |
| | admin2Name_fr | admin2Name_en | admin2Pcode | admin2RefName | admin1Name_fr | admin1Name_en | admin1Pcode | admin0Name_fr | admin0Name_en | admin0Pcode | validOn |
| | Pont | Bridge | QQ0101-01 | Pont | Nord | North | QQ1 | Pays | Land | QQ | 2026-01-01 |
";
        let second = "\
| adm2 |
| | OBJECTID | ADM2_FR | ADM2_EN | ADM2_PCODE | ADM2_REF | ADM2ALT1FR | ADM1_FR | ADM1_EN | ADM1_PCODE | ADM0_FR | ADM0_EN | ADM0_PCODE |
| | 1 | Pont | Bridge | QQ0101-01 | Pont | Le pont | Nord | North | QQ1 | Pays | Land | QQ |
";
        let third = "\
| admin2 |
| | adm2_name | adm2_name1 | adm2_pcode | adm1_name | adm1_name1 | adm1_pcode | adm0_name | adm0_name1 | adm0_pcode | lang | lang1 | valid_on |
| | Pont | Bridge | QQ0101-01 | Nord | North | QQ1 | Pays | Land | QQ | fr | en | 2026-01-01 |
";
        for text in [first, second, third] {
            let list = pcodes(&Workbook::from_markdown(text));
            assert_eq!(list.to_csv().expect("a file"), EXPECTED, "{text}");
            assert_eq!(list.findings, []);
        }
    }

    #[test]
    fn each_sheet_adds_its_places_and_a_place_lies_where_its_row_says() {
        let list = pcodes(&Workbook::from_markdown(
            "\
| read me |
| | Nothing to see |
| adm1 |
| | ADM1_EN | ADM1_PCODE | ADM0_PCODE |
| | North | QQ1 | QQ |
| | Old South | QQ2A | QQ |
| adm2 |
| | ADM2_EN | ADM2_PCODE | ADM1_EN | ADM1_PCODE | ADM0_PCODE |
| | Mill | QQ101 | South | QQ2A | QQ |
| | Hill | qq 9 | North | QQ1 | QQ |
| | Town | | North | QQ1 | QQ |
",
        ));
        let expected = "\
name,level,parent,label,label::English (en)
QQ,0,,,
QQ1,1,QQ,North,North
QQ2A,1,QQ,Old South,Old South
QQ101,2,QQ2A,Mill,Mill
";
        assert_eq!(list.to_csv().expect("a file"), expected);
        let told: Vec<String> = list.findings.iter().map(|found| found.message("en")).collect();
        assert_eq!(
            told,
            [
                "adm2, row 9: QQ2A has another parent or title further up, which counts",
                "adm2, row 10: qq 9 is no code of such a list; left out",
            ]
        );
    }

    #[test]
    fn a_table_without_codes_is_no_list() {
        assert!(pcodes(&Workbook::from_markdown("| a |\n| | ADM1_EN | name |\n| | North | x |")).is_empty());
    }
}
