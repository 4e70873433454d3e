//! The tables of codes in PROTOCOL.md say what the server answers and what the app offers.

use fieldmerge_engine::{Advice, OutboxState};
use fieldmerge_model::quarantine::{QuarantineCode, Remedy};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_server::http::ApiError;

use crate::TEXT;

/// The cells of the rows of the table that follows a line which begins so.
fn table(begin: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = TEXT.split_once(begin).unwrap_or_else(|| panic!("PROTOCOL.md has no line {begin}"));
    let rows = rest.lines().skip_while(|line| !line.starts_with("|--")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect()
}

#[test]
fn each_problem_has_the_status_of_the_table() {
    let mut told: Vec<(&str, u16)> =
        table("Problems (RFC 9457").iter().map(|row| (row[0], row[1].parse().expect("a status"))).collect();
    let answered = |code: ProblemCode| (code.as_str(), ApiError::new(code).to_problem().status);
    let mut all = ProblemCode::ALL.map(answered);
    told.sort_unstable();
    all.sort_unstable();
    assert_eq!(told, all);
}

#[test]
fn each_reason_to_put_something_aside_has_its_row() {
    let rows = table("Codes of quarantined frames and changes");
    let told: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(told, QuarantineCode::all().map(QuarantineCode::as_str).collect::<Vec<_>>());
    for (code, row) in QuarantineCode::all().zip(&rows) {
        assert_eq!(QuarantineCode::from_code(code.as_str()), Some(code));
        assert_eq!(row[2].starts_with("ask HQ"), code.remedy() == Remedy::TakenLater, "{row:?}");
    }
}

/// What the app offers for each state of a change: whatever it is, nothing else waits for it.
#[test]
fn every_unfinished_change_has_its_advice() {
    let aside = |code: &str| OutboxState::Quarantined { code: code.into() }.advice();
    for code in QuarantineCode::all() {
        let expected = match code {
            QuarantineCode::NotGranted
            | QuarantineCode::UnknownType
            | QuarantineCode::UnknownArea
            | QuarantineCode::UnknownDevice
            | QuarantineCode::DeviceRevoked
            | QuarantineCode::WrongProject
            | QuarantineCode::HeldLimit
            | QuarantineCode::HeldExpired => Advice::AskHeadquarters,
            _ => Advice::WriteAgain,
        };
        assert_eq!(aside(code.as_str()), expected, "{code:?}");
    }
    assert_eq!(aside("of-a-later-version"), Advice::WriteAgain);
    for state in [OutboxState::Waiting, OutboxState::Sent, OutboxState::Forked] {
        assert_eq!(state.advice(), Advice::Sync, "{state:?}");
    }
    assert_eq!(OutboxState::Held.advice(), Advice::Wait);
}
