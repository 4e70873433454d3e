//! Worlds that once ended badly, shrunk. Each is named by what it showed.

use fieldmerge_tests::database::Kind;

use crate::event::Script;
use crate::template::Template;
use crate::world;

/// A test for each file, on both databases.
macro_rules! kept {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            hold(include_str!(concat!("kept/", stringify!($name), ".txt")));
        }
    )*

        #[test]
        fn none_is_left_out() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/kept");
            let files = std::fs::read_dir(folder).expect("the folder is there");
            let names = files.map(|file| file.expect("a file").file_name().into_string().expect("plain"));
            let run = [$(concat!(stringify!($name), ".txt")),*];
            let left: Vec<String> = names.filter(|name| !run.contains(&name.as_str())).collect();
            assert_eq!(left, Vec::<String>::new());
        }
    };
}

fn hold(text: &str) {
    let script = Script::read(text);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        world(&Template::make(kind, script.phones), &script);
    }
}

kept!(
    a_clock_that_was_set_back_by_a_life_is_told_the_time,
    a_copy_reads_what_stands_under_a_number_that_it_gave_up,
    a_copy_reads_what_stands_under_a_number_that_it_keeps_sealed,
    a_copy_reads_what_stands_under_a_number_that_was_offered_again,
    a_cursor_that_others_have_overtaken_is_noticed,
    a_refused_payment_is_written_anew_once_by_two_copies,
    a_restored_server_gets_no_payment_twice,
    a_restored_server_tells_its_roster,
    a_role_that_changes_has_cases_judged_again,
    copies_settle_what_was_refused,
    entries_that_wait_for_a_person_are_written_anew,
    entries_that_waited_for_ninety_days_are_written_anew,
    what_a_phone_kept_sealed_comes_behind_later_frames,
    what_a_restored_server_lost_for_good_is_marked,
    what_forked_is_not_offered_again,
    what_is_held_is_not_written_anew_beside_what_it_stands_on,
    what_was_put_aside_is_judged_anew_by_a_restored_server,
    what_was_sent_again_is_the_same_by_any_road,
    what_was_taken_off_a_phone_goes_to_a_restored_server_again,
);
