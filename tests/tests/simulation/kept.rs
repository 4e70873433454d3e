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
    )*};
}

fn hold(text: &str) {
    let script = Script::read(text);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        world(&Template::make(kind, script.phones), &script);
    }
}

kept!(a_restored_server_gets_no_payment_twice);
