//! Texts that are a fixed number of decimals, as coordinates are: `lat lon altitude accuracy`.
//!
//! Each text is the same number of tokens with one space between. A token is an optional minus, an integer without
//! needless zeros and optionally a point and digits. Layout: u8 number of tokens in the meta lane; for each token
//! u8 scale (the most digits after the point) in the meta lane, a column of integers scaled by it, and a column of
//! how many digits after the point each text really has.

use std::fmt::Write;

use super::super::BundleError;
use super::ints::{self, Plan};
use super::lanes::{LaneReader, Lanes};

const MAX_TOKENS: usize = 8;
/// Any number of so many digits fits 63 bits.
const MAX_DIGITS: usize = 18;

/// One column of decimals for each token.
pub(super) struct Decimals {
    tokens: Vec<Token>,
}

struct Token {
    scale: u8,
    scaled: (Vec<i64>, Plan),
    places: (Vec<i64>, Plan),
}

impl Decimals {
    /// Splits the texts, if all have the form.
    pub(super) fn find(texts: &[&str]) -> Option<Self> {
        let count = texts.first()?.split(' ').count();
        if count > MAX_TOKENS {
            return None;
        }
        let mut parsed: Vec<Vec<(i64, u8)>> = vec![Vec::with_capacity(texts.len()); count];
        for text in texts {
            let mut tokens = text.split(' ');
            for column in &mut parsed {
                column.push(parse(tokens.next()?)?);
            }
            if tokens.next().is_some() {
                return None;
            }
        }
        Some(Self { tokens: parsed.into_iter().map(token).collect::<Option<_>>()? })
    }

    /// About what the columns cost, in 1/256 bits.
    pub(super) fn cost(&self) -> u64 {
        self.tokens.iter().map(|token| 8 * 256 + token.scaled.1.cost + token.places.1.cost).sum()
    }

    pub(super) fn put(&self, lanes: &mut Lanes) {
        lanes.meta.push(self.tokens.len() as u8);
        for token in &self.tokens {
            lanes.meta.push(token.scale);
            ints::put_planned(lanes, &token.scaled.0, token.scaled.1);
            ints::put_planned(lanes, &token.places.0, token.places.1);
        }
    }

    pub(super) fn get<T>(
        lanes: &mut LaneReader<'_>,
        count: usize,
        make: &dyn Fn(&str) -> T,
    ) -> Result<Vec<T>, BundleError> {
        let tokens = usize::from(lanes.meta.u8()?);
        if tokens == 0 || tokens > MAX_TOKENS {
            return Err(BundleError::Malformed("decimals"));
        }
        let mut texts = vec![String::new(); count];
        for token in 0..tokens {
            let scale = lanes.meta.u8()?;
            if usize::from(scale) > MAX_DIGITS {
                return Err(BundleError::Malformed("decimals"));
            }
            let scaled = ints::get(lanes, count)?;
            let places = ints::get(lanes, count)?;
            let before: usize = texts.iter().map(String::len).sum();
            for ((text, value), places) in texts.iter_mut().zip(scaled).zip(places) {
                if token > 0 {
                    text.push(' ');
                }
                append(text, value, scale, places).ok_or(BundleError::Malformed("decimals"))?;
            }
            lanes.spend(texts.iter().map(String::len).sum::<usize>() - before)?;
        }
        Ok(texts.iter().map(|text| make(text)).collect())
    }
}

fn token(parsed: Vec<(i64, u8)>) -> Option<Token> {
    let scale = parsed.iter().map(|&(_, places)| places).max()?;
    let scaled: Option<Vec<i64>> = parsed
        .iter()
        .map(|&(value, places)| value.checked_mul(10_i64.checked_pow(u32::from(scale - places))?))
        .collect();
    let scaled = scaled?;
    let places: Vec<i64> = parsed.into_iter().map(|(_, places)| i64::from(places)).collect();
    let plans = (ints::plan(&scaled), ints::plan(&places));
    Some(Token { scale, scaled: (scaled, plans.0), places: (places, plans.1) })
}

/// The digits of a token as an integer, and how many of them stand after the point.
fn parse(token: &str) -> Option<(i64, u8)> {
    let (negative, unsigned) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let digits = whole.len() + fraction.len();
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || digits > MAX_DIGITS || !plain(whole) || !plain(fraction) {
        return None;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let value = [whole, fraction]
        .iter()
        .flat_map(|part| part.bytes())
        .fold(0_i64, |value, byte| value * 10 + i64::from(byte - b'0'));
    // Zero has no sign as an integer.
    if negative && value == 0 {
        return None;
    }
    Some((if negative { -value } else { value }, fraction.len() as u8))
}

/// The inverse of [`parse`]; `None` where digits would be lost, which no encoder writes.
fn append(text: &mut String, scaled: i64, scale: u8, places: i64) -> Option<()> {
    let places = u8::try_from(places).ok().filter(|&places| places <= scale)?;
    let unused = 10_i64.pow(u32::from(scale - places));
    if scaled % unused != 0 {
        return None;
    }
    let value = scaled / unused;
    let one = 10_u64.pow(u32::from(places));
    let (whole, fraction) = (value.unsigned_abs() / one, value.unsigned_abs() % one);
    let sign = if value < 0 { "-" } else { "" };
    let written = if places == 0 {
        write!(text, "{sign}{whole}")
    } else {
        write!(text, "{sign}{whole}.{fraction:0width$}", width = usize::from(places))
    };
    written.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_exactly_or_are_not_taken() {
        for yes in ["0", "-1", "12.50", "0.001", "-18.9187654", "999999999999999999", "0.0"] {
            let (value, places) = parse(yes).expect(yes);
            let mut text = String::new();
            assert_eq!(append(&mut text, value, places, i64::from(places)), Some(()));
            assert_eq!(text, yes);
            if let Some(wider) = value.checked_mul(100) {
                text.clear();
                assert_eq!(append(&mut text, wider, places + 2, i64::from(places)), Some(()));
                assert_eq!(text, yes);
            }
        }
        for no in [
            "",
            "-",
            ".5",
            "5.",
            "00",
            "01.5",
            "-0",
            "-0.0",
            "+1",
            "1e3",
            "1.2.3",
            "1234567890123456789",
            "é",
        ] {
            assert_eq!(parse(no), None, "{no}");
        }
        assert_eq!(append(&mut String::new(), 15, 1, 0), None);
    }
}
