//! ISO dates as days since 1970-01-01, by the proleptic Gregorian calendar.

/// The days of a text that is exactly `YYYY-MM-DD` and a date of the years 0000 to 9999.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0_i64, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days(year, month, day);
    // A 30 February counts on into March and comes back as another date.
    (civil(days) == (year, month, day)).then_some(days)
}

/// The date as text; `None` outside the years 0000 to 9999.
pub(super) fn format(days: i64) -> Option<String> {
    if !(-719_528..=2_932_896).contains(&days) {
        return None;
    }
    let (year, month, day) = civil(days);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// Days from a date. The year begins in March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A date from days: the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_comes_back_and_nothing_else_is_one() {
        for days in -719_528..=2_932_896 {
            let (year, month, day) = civil(days);
            assert_eq!(super::days(year, month, day), days);
        }
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2024-02-29").and_then(format).as_deref(), Some("2024-02-29"));
        assert_eq!(format(-719_528).as_deref(), Some("0000-01-01"));
        assert_eq!(format(2_932_896).as_deref(), Some("9999-12-31"));
        assert_eq!((format(-719_529), format(2_932_897), format(i64::MAX)), (None, None, None));
        for no in
            ["2023-02-29", "2023-13-01", "2023-00-01", "2023-1-01", "2023-01-01 ", "+023-01-01", "é023-01-1"]
        {
            assert_eq!(parse(no), None, "{no}");
        }
    }
}
