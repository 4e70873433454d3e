//! The worked scenario as data: invented people, their days and their pay.

use std::collections::BTreeMap;

use fieldmerge_model::types::date::Date;
use serde::Deserialize;

const TEXT: &str = include_str!("../../../tests/fixtures/scenario.json");

/// The whole scenario.
#[derive(Debug, Deserialize)]
pub struct Scenario {
    /// Who is registered, in the order of registration.
    pub workers: Vec<Worker>,
    /// Their days.
    pub attendance: Vec<Attendance>,
    /// Their pay.
    pub payments: Vec<Payment>,
    /// Ariary a day.
    pub wage_mga: i64,
    /// Site code to P-code.
    pub communes: BTreeMap<String, String>,
}

/// A person.
#[derive(Debug, Clone, Deserialize)]
pub struct Worker {
    /// The name of the person in the scenario, `W01`.
    pub id: String,
    /// Family name.
    pub family_name: String,
    /// Given names.
    pub given_names: String,
    /// `female` or `male`.
    pub sex: String,
    /// A date, or a year.
    pub birth: String,
    /// Whether the year is an estimate.
    pub birth_approximate: bool,
    /// Village.
    pub village: String,
    /// Phone.
    pub phone: Option<String>,
    /// The six answers of the Washington Group short set.
    pub wg_ss: Vec<u8>,
    /// The site where the person works.
    pub site: String,
    /// The device that registers.
    pub device: String,
    /// `host` or `idp`.
    pub displacement_status: String,
}

/// A day of a person, as one device saw it.
#[derive(Debug, Clone, Deserialize)]
pub struct Attendance {
    /// The person.
    pub worker: String,
    /// The day.
    pub date: String,
    /// The site.
    pub site: String,
    /// Share of a day.
    pub fraction: f64,
    /// `present` or `absent`.
    pub status: String,
    /// The device that saw it.
    pub device: String,
}

/// A payment, due or made.
#[derive(Debug, Clone, Deserialize)]
pub struct Payment {
    /// `pay-W01-1`; the second payment for one period ends in `-bis`.
    pub id: String,
    /// The person.
    pub worker: String,
    /// The last day of the period.
    pub period_end: String,
    /// Ariary that were paid.
    #[serde(deserialize_with = "whole")]
    pub paid: i64,
    /// When; absent if never.
    pub paid_on: Option<String>,
}

/// The source writes whole amounts as `36000.0`.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = serde_json::Number::deserialize(deserializer)?.to_string();
    text.trim_end_matches(".0").parse().map_err(serde::de::Error::custom)
}

impl Scenario {
    /// The scenario that the project ships.
    pub fn load() -> Self {
        serde_json::from_str(TEXT).expect("the scenario is part of the program, and a test reads it")
    }
}

impl Worker {
    /// The year of birth.
    pub fn birth_year(&self) -> i64 {
        self.birth.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default()
    }
}

impl Attendance {
    /// Quarters of a day.
    pub fn quarters(&self) -> u8 {
        [0.0, 0.25, 0.5, 0.75, 1.0]
            .into_iter()
            .zip(0..)
            .find(|(part, _)| *part >= self.fraction)
            .map_or(4, |q| q.1)
    }
}

/// A day of the scenario.
pub fn date(text: &str) -> Date {
    text.parse().expect("the dates of the scenario are dates, and a test reads them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_is_the_documented_one() {
        let scenario = Scenario::load();
        assert_eq!(scenario.workers.len(), 26);
        assert_eq!(scenario.attendance.len(), 267);
        assert_eq!(scenario.payments.len(), 49);
        for attendance in &scenario.attendance {
            date(&attendance.date);
        }
        let quarters: u32 = scenario
            .attendance
            .iter()
            .filter(|day| day.device == "A")
            .map(|day| u32::from(day.quarters()))
            .sum();
        assert_eq!(quarters, 121 * 4 + 10 * 2);
    }
}
