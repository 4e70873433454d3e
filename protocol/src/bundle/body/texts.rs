//! A column of texts, in the cheapest of a few encodings. Each is exact: an encoding that would not give back every
//! byte is not used.
//!
//! The number of texts is known from elsewhere; a column of none takes no bytes. Otherwise a tag in the meta lane:
//!
//! | tag | what follows |
//! |---|---|
//! | 0 plain | a column of lengths; the texts in the text lane |
//! | 1 same | uLEB length in the meta lane; one text in the text lane |
//! | 2 table | uLEB k in the meta lane; a column of k different texts that is no table; a column of indexes |
//! | 3 dates | a column of days since 1970-01-01, of texts `YYYY-MM-DD` |
//! | 4 decimals | see [`super::numerals`] |
//! | 5 fixed | see [`super::fixed`] |

use std::collections::HashMap;

use super::super::BundleError;
use super::super::wire::put_len;
use super::ints::{self, Plan};
use super::lanes::{LaneReader, Lanes};
use super::numerals::Decimals;
use super::{dates, fixed};

type Result<T> = std::result::Result<T, BundleError>;

const PLAIN: u8 = 0;
const SAME: u8 = 1;
const TABLE: u8 = 2;
const DATES: u8 = 3;
const DECIMALS: u8 = 4;
const FIXED: u8 = 5;
/// What a byte of text that was not seen before costs after compression, in 1/256 bits.
const BYTE_COST: u64 = 5 * 256;
/// What a text that was seen before costs, in 1/256 bits.
const REPEAT_COST: u64 = 20 * 256;

/// Writes a column.
pub(super) fn put(lanes: &mut Lanes, texts: &[&str]) {
    let Some((&first, rest)) = texts.split_first() else { return };
    if rest.iter().all(|&text| text == first) {
        let single = rest.is_empty() && put_shaped(lanes, Shaped::find(texts), plain_cost(texts, 0));
        if !single {
            lanes.meta.push(SAME);
            put_len(&mut lanes.meta, first.len());
            lanes.text.extend_from_slice(first.as_bytes());
        }
        return;
    }
    let mut numbers = HashMap::with_capacity(texts.len().min(1_024));
    let mut distinct = Vec::new();
    let mut number = |text| {
        *numbers.entry(text).or_insert_with(|| {
            distinct.push(text);
            distinct.len() as i64 - 1
        })
    };
    let indexes: Vec<i64> = texts.iter().map(|&text| number(text)).collect();
    put_various(lanes, texts, &distinct, &indexes);
}

fn put_various(lanes: &mut Lanes, texts: &[&str], distinct: &[&str], indexes: &[i64]) {
    let repeats = texts.len() - distinct.len();
    // A form is not even sought where a table is surely as good.
    let shaped = if repeats * 8 >= texts.len() * 7 { None } else { Shaped::find(texts) };
    let plain_cost = plain_cost(distinct, repeats as u64);
    let flat_cost = shaped.as_ref().map_or(plain_cost, |shaped| shaped.cost().min(plain_cost));
    if repeats > 0 {
        let plan = ints::plan(indexes);
        if self::plain_cost(distinct, 0) + plan.cost + 16 * 256 < flat_cost {
            lanes.meta.push(TABLE);
            put_len(&mut lanes.meta, distinct.len());
            put_flat(lanes, distinct, Shaped::find(distinct), self::plain_cost(distinct, 0));
            ints::put_planned(lanes, indexes, plan);
            return;
        }
    }
    put_flat(lanes, texts, shaped, plain_cost);
}

/// Writes a column without a table.
fn put_flat(lanes: &mut Lanes, texts: &[&str], shaped: Option<Shaped<'_>>, plain_cost: u64) {
    if put_shaped(lanes, shaped, plain_cost) {
        return;
    }
    lanes.meta.push(PLAIN);
    let lengths: Vec<i64> = texts.iter().map(|text| text.len() as i64).collect();
    ints::put(lanes, &lengths);
    for text in texts {
        lanes.text.extend_from_slice(text.as_bytes());
    }
}

fn plain_cost(texts: &[&str], repeats: u64) -> u64 {
    let bytes: u64 = texts.iter().map(|text| text.len() as u64 + 1).sum();
    bytes * BYTE_COST + repeats * REPEAT_COST
}

/// Writes a column as numbers if its texts have a common form and that costs less.
fn put_shaped(lanes: &mut Lanes, shaped: Option<Shaped<'_>>, plain_cost: u64) -> bool {
    let Some(shaped) = shaped.filter(|shaped| shaped.cost() < plain_cost) else { return false };
    match shaped {
        Shaped::Dates(days, plan) => {
            lanes.meta.push(DATES);
            ints::put_planned(lanes, &days, plan);
        }
        Shaped::Decimals(decimals) => {
            lanes.meta.push(DECIMALS);
            decimals.put(lanes);
        }
        Shaped::Fixed(fixed) => {
            lanes.meta.push(FIXED);
            fixed.put(lanes);
        }
    }
    true
}

/// Texts of one form.
enum Shaped<'a> {
    Dates(Vec<i64>, Plan),
    Decimals(Decimals),
    Fixed(fixed::Fixed<'a>),
}

impl<'a> Shaped<'a> {
    fn find(texts: &[&'a str]) -> Option<Self> {
        let dates: Option<Vec<i64>> = texts.iter().map(|text| dates::parse(text)).collect();
        if let Some(days) = dates {
            let plan = ints::plan(&days);
            return Some(Self::Dates(days, plan));
        }
        let decimals = Decimals::find(texts).map(Self::Decimals);
        let fixed = fixed::Fixed::find(texts).map(Self::Fixed);
        match (decimals, fixed) {
            (Some(a), Some(b)) => Some(if b.cost() < a.cost() { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    fn cost(&self) -> u64 {
        match self {
            Self::Dates(_, plan) => plan.cost,
            Self::Decimals(decimals) => decimals.cost(),
            Self::Fixed(fixed) => fixed.cost(),
        }
    }
}

/// Reads a column of `count` texts, each given to `make` once for each place where it stands.
pub(super) fn get<T: Clone>(
    lanes: &mut LaneReader<'_>,
    count: usize,
    make: &dyn Fn(&str) -> T,
) -> Result<Vec<T>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match lanes.meta.u8()? {
        SAME => {
            let len = ints::natural_u64(lanes.meta.uleb()?)?;
            lanes.spend(len.saturating_mul(count))?;
            let text = make(utf8(lanes.text.take(len)?)?);
            Ok(vec![text; count])
        }
        TABLE => get_table(lanes, count, make),
        tag => get_flat(lanes, tag, count, make),
    }
}

fn get_table<T: Clone>(lanes: &mut LaneReader<'_>, count: usize, make: &dyn Fn(&str) -> T) -> Result<Vec<T>> {
    let distinct = lanes.meta.count(count, "text table")?;
    let tag = lanes.meta.u8()?;
    let table = get_flat(lanes, tag, distinct, &|text| (make(text), text.len()))?;
    let mut texts = Vec::with_capacity(count);
    for index in ints::get(lanes, count)? {
        let (text, len) = table.get(ints::natural(index, "index")?).ok_or(BundleError::Malformed("index"))?;
        lanes.spend(*len)?;
        texts.push(text.clone());
    }
    Ok(texts)
}

fn get_flat<T>(
    lanes: &mut LaneReader<'_>,
    tag: u8,
    count: usize,
    make: &dyn Fn(&str) -> T,
) -> Result<Vec<T>> {
    match tag {
        PLAIN => {
            let mut texts = Vec::with_capacity(count);
            for len in ints::get(lanes, count)? {
                let bytes = lanes.text.take(ints::natural(len, "length")?)?;
                lanes.spend(bytes.len())?;
                texts.push(make(utf8(bytes)?));
            }
            Ok(texts)
        }
        DATES => {
            lanes.spend(count.saturating_mul(10))?;
            let one = |day| dates::format(day).map(|text| make(&text)).ok_or(BundleError::Malformed("date"));
            ints::get(lanes, count)?.into_iter().map(one).collect()
        }
        DECIMALS => Decimals::get(lanes, count, make),
        FIXED => fixed::get(lanes, count, make),
        _ => Err(BundleError::Malformed("text column")),
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| BundleError::Malformed("text"))
}
