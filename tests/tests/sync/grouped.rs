//! Requests that wait for the disk are written together; one that cannot be written does not stop its neighbours.

use std::time::Duration;

use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_tests::database::Kind;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::place::{Draft, Place, on_both};

on_both!(what_stops_one_request_does_not_stop_its_neighbours);

/// The number of the frame that the database refuses.
const REFUSED: u64 = 77;

const REFUSE_ON_SQLITE: &str = "CREATE TRIGGER refuse BEFORE INSERT ON proofs WHEN NEW.frame = 77
    BEGIN SELECT RAISE(ABORT, 'a test refuses it'); END";
const REFUSE_ON_POSTGRES: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.frame = 77 THEN RAISE EXCEPTION 'a test refuses it'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON proofs FOR EACH ROW EXECUTE FUNCTION refuse()";

/// Somebody who keeps all others from writing.
enum Holder {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Holder {
    async fn begin(place: &Place) -> Self {
        let url = place.database.url();
        match place.database.kind() {
            Kind::Sqlite => {
                let mut connection = SqliteConnection::connect(&url).await.expect("the file opens");
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.expect("it is locked");
                Self::Sqlite(connection)
            }
            Kind::Postgres => {
                let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL answers");
                let lock = sqlx::raw_sql("BEGIN; LOCK TABLE proofs IN EXCLUSIVE MODE");
                lock.execute(&mut connection).await.expect("it is locked");
                Self::Postgres(connection)
            }
        }
    }

    async fn end(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.expect("the file closes"),
            Self::Postgres(connection) => connection.close().await.expect("the connection closes"),
        }
    }
}

async fn what_stops_one_request_does_not_stop_its_neighbours(place: &Place) {
    let (on_sqlite, mut requests) = (place.database.kind() == Kind::Sqlite, Vec::new());
    place.database.tamper(if on_sqlite { REFUSE_ON_SQLITE } else { REFUSE_ON_POSTGRES }).await;
    for number in 1..=12 {
        let mut author = place.author(number).await;
        if number == 9 {
            author.packed = REFUSED - 1;
        }
        let (draft, change) = Draft::worker(&author, place.area(), number, "Rasoa");
        let frame = author.frame(place.core(), &[(draft.id, change)]);
        requests.push((author, draft.id, frame));
    }
    let holder = Holder::begin(place).await;
    let sent: Vec<_> = requests
        .iter()
        .map(|(author, _, frame)| {
            let (author, frame, post) = (author.clone(), frame.clone(), place.post());
            tokio::spawn(async move { author.say(&post, &author.hello(), &[frame]).await })
        })
        .collect();
    // Long enough for all to queue. Were it not, they would be written one by one, and the rest must hold all the same.
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder.end().await;
    for (number, answer) in (1..).zip(sent) {
        let told = answer.await.expect("a request does not panic");
        if number == 9 {
            assert_eq!(told.err(), Some((500, ProblemCode::Internal)));
        } else {
            assert_eq!(told.expect("it is taken").receipt().exceptions, [], "{number}");
        }
    }
    let census = place.census().await;
    let there: Vec<bool> = requests.iter().map(|(_, id, _)| census.holdings.contains_key(id)).collect();
    assert_eq!(there.iter().filter(|there| **there).count(), 11, "{there:?}");
    assert!(!there[8], "nothing of it is there");

    place
        .database
        .tamper(if on_sqlite { "DROP TRIGGER refuse" } else { "DROP TRIGGER refuse ON proofs" })
        .await;
    let (author, _, frame) = &requests[8];
    assert_eq!(author.push(&place.post(), std::slice::from_ref(frame)).await.receipt().exceptions, []);
    let census = place.census().await;
    assert!(requests.iter().all(|(_, id, _)| census.holdings[id].changes == 1), "each once");
}
