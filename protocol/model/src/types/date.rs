//! Calendar dates and moments, without a clock.

use std::fmt;
use std::str::FromStr;

/// A date of the proleptic Gregorian calendar, from year 1 to year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// A text or number that is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid date")]
pub struct DateError;

const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;
const DAY_MS: i64 = 86_400_000;

impl Date {
    /// The date that many days after 1 January 1970.
    pub fn from_days(days: i64) -> Result<Self, DateError> {
        match i32::try_from(days) {
            Ok(days) if (FIRST_DAY..=LAST_DAY).contains(&days) => Ok(Self(days)),
            _ => Err(DateError),
        }
    }

    /// The date of a year, month and day, if the calendar has it.
    pub fn new(year: i32, month: u32, day: u32) -> Result<Self, DateError> {
        if !(1..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=days_in(year, month)).contains(&day)
        {
            return Err(DateError);
        }
        // Years are counted from March, so that the leap day is the last day of a year.
        let (month, day) = (i64::from(month), i64::from(day));
        let year = i64::from(year) - i64::from(month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        Self::from_days(days)
    }

    /// Days since 1 January 1970.
    pub fn days(self) -> i32 {
        self.0
    }

    /// Year, month and day.
    pub fn parts(self) -> (i32, u32, u32) {
        let days = self.0 + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month.unsigned_abs(), day.unsigned_abs())
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.parts().0
    }
}

fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = DateError;
    /// Reads `2026-03-01` and nothing looser.
    fn from_str(text: &str) -> Result<Self, DateError> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return Err(DateError);
        }
        let year = digits(&bytes[..4])?;
        Self::new(i32::try_from(year).map_err(|_| DateError)?, digits(&bytes[5..7])?, digits(&bytes[8..])?)
    }
}

fn digits(bytes: &[u8]) -> Result<u32, DateError> {
    bytes.iter().try_fold(0_u32, |number, byte| {
        if byte.is_ascii_digit() { Ok(number * 10 + u32::from(byte - b'0')) } else { Err(DateError) }
    })
}

/// Whether a text is a month, `2026-03`.
pub fn is_month(text: &str) -> bool {
    text.len() == 7 && text.is_ascii() && format!("{text}-01").parse::<Date>().is_ok()
}

/// The moment of a text such as `2026-03-01T07:30:00.250+03:00` or `…Z`, in milliseconds since the epoch. The
/// offset is needed; parts of a millisecond are dropped.
pub fn parse_moment(text: &str) -> Result<i64, DateError> {
    if !text.is_ascii() || text.len() > 40 || text.len() < 20 {
        return Err(DateError);
    }
    let (date, rest) = text.split_at(10);
    let date: Date = date.parse()?;
    let rest = rest.strip_prefix(['T', 't', ' ']).ok_or(DateError)?;
    let offset_at = rest.find(['Z', 'z', '+', '-']).ok_or(DateError)?;
    let (clock, offset) = rest.split_at(offset_at);
    let clock_ms = parse_clock(clock)?;
    Ok(i64::from(date.days()) * DAY_MS + clock_ms - parse_offset(offset)?)
}

fn parse_clock(clock: &str) -> Result<i64, DateError> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let bytes = clock.as_bytes();
    if bytes.len() != 8 || bytes[2] != b':' || bytes[5] != b':' || fraction.is_empty() || fraction.len() > 12
    {
        return Err(DateError);
    }
    digits(&fraction.as_bytes()[..fraction.len().min(9)])?;
    let (hour, minute, second) = (digits(&bytes[..2])?, digits(&bytes[3..5])?, digits(&bytes[6..])?);
    if hour > 23 || minute > 59 || second > 60 {
        return Err(DateError);
    }
    let thousandths: String = fraction.chars().chain("00".chars()).take(3).collect();
    let ms = (hour * 3600 + minute * 60 + second) * 1000 + digits(thousandths.as_bytes())?;
    Ok(i64::from(ms))
}

fn parse_offset(offset: &str) -> Result<i64, DateError> {
    if offset.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let bytes = offset.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return Err(DateError);
    }
    let (hours, minutes) = (digits(&bytes[1..3])?, digits(&bytes[4..])?);
    if hours > 18 || minutes > 59 {
        return Err(DateError);
    }
    let ms = i64::from(hours * 60 + minutes) * 60_000;
    Ok(if bytes[0] == b'-' { -ms } else { ms })
}

/// A moment as `2026-03-01T04:30:00.250Z`; one outside of the years 1 to 9999 as nothing.
pub fn format_moment(ms: i64) -> Option<String> {
    let date = Date::from_days(ms.div_euclid(DAY_MS)).ok()?;
    let of_day = ms.rem_euclid(DAY_MS);
    let (seconds, thousandths) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2026-03-02", 20_514),
            ("0001-01-01", FIRST_DAY),
            ("9999-12-31", LAST_DAY),
        ] {
            assert_eq!(text.parse(), Ok(Date(days)), "{text}");
            assert_eq!(Date(days).to_string(), text);
        }
        for bad in [
            "",
            "2026-3-2",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "0000-01-01",
            "2026-03-0x",
        ] {
            assert_eq!(bad.parse::<Date>(), Err(DateError), "{bad}");
        }
        assert_eq!(Date::from_days(i64::from(LAST_DAY) + 1), Err(DateError));
        assert_eq!(Date::from_days(i64::MIN), Err(DateError));
    }

    #[test]
    fn months_and_moments() {
        assert!(is_month("2026-03"));
        assert!(
            !is_month("2026-3") && !is_month("2026-13") && !is_month("2026-03-01") && !is_month("é026-0")
        );
        assert_eq!(parse_moment("1970-01-01T03:00:00+03:00"), Ok(0));
        assert_eq!(parse_moment("1970-01-01T00:00:01.25Z"), Ok(1250));
        assert_eq!(parse_moment("1969-12-31T23:59:59.999-00:00"), Ok(-1));
        assert_eq!(format_moment(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(format_moment(i64::MAX), None);
        for bad in
            ["", "2026-03-01", "2026-03-01T07:30:00", "2026-03-01T24:00:00Z", "2026-03-01T07:30:00.Z", "é"]
        {
            assert_eq!(parse_moment(bad), Err(DateError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn each_day_has_its_text(days in FIRST_DAY..=LAST_DAY) {
            let date = Date(days);
            prop_assert_eq!(date.to_string().parse::<Date>(), Ok(date));
            let (year, month, day) = date.parts();
            prop_assert_eq!(Date::new(year, month, day), Ok(date));
        }

        #[test]
        fn each_millisecond_has_its_text(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_moment(&format_moment(ms).expect("in range")), Ok(ms));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,45}") {
            let _ = (text.parse::<Date>(), is_month(&text), parse_moment(&text));
        }
    }
}
