//! Both databases have one schema, and every statement fits it.

use std::collections::BTreeMap;

use fieldmerge_store::statements;
use fieldmerge_tests::postgres::migrations;
use sqlx::{Connection, Executor, PgConnection, Row, SqliteConnection};

use crate::place::Place;

async fn sqlite() -> (Place, SqliteConnection) {
    let place = Place::sqlite();
    place.store().await.close().await;
    let connection = SqliteConnection::connect(&place.url()).await.expect("SQLite opens");
    (place, connection)
}

async fn postgres() -> (Place, PgConnection) {
    let place = Place::postgres().await;
    let connection = PgConnection::connect(&place.url()).await.expect("PostgreSQL opens");
    (place, connection)
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let (_place, mut connection) = sqlite().await;
    for sql in statements() {
        let prepared = (&mut connection).prepare(sqlx::SqlStr::from_static(sql.sqlite)).await;
        if let Err(error) = prepared {
            panic!("{} of {}: {error}", sql.name, sql.table);
        }
    }
}

#[tokio::test]
async fn every_statement_prepares_on_postgres() {
    let (_place, mut connection) = postgres().await;
    for sql in statements() {
        let prepared = (&mut connection).prepare(sqlx::SqlStr::from_static(sql.postgres)).await;
        if let Err(error) = prepared {
            panic!("{} of {}: {error}", sql.name, sql.table);
        }
    }
}

#[test]
fn statements_have_names_of_their_own() {
    let mut names: Vec<_> = statements().into_iter().map(|sql| (sql.table, sql.name)).collect();
    let count = names.len();
    assert!(count > 60, "the list is not complete");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_two_folders_hold_migrations_of_the_same_names() {
    let names = |database| migrations(database).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("sqlite"), names("postgres"));
}

/// A column: its kind, whether it may be absent, and its place in the primary key.
#[derive(Debug, PartialEq, Eq)]
struct Column {
    kind: &'static str,
    nullable: bool,
    key: i64,
}

type Columns = BTreeMap<(String, String), Column>;

const SQLITE_COLUMNS: &str = r#"
    SELECT t.name AS "table", c.name AS "column", c.type AS "type", c."notnull" = 0 AS nullable, c.pk AS "key", t.strict
    FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
    WHERE t.schema = 'main' AND t.name NOT LIKE '\_sqlx%' ESCAPE '\' AND t.name NOT LIKE 'sqlite%'"#;

const POSTGRES_COLUMNS: &str = r#"
    SELECT c.table_name::TEXT AS "table", c.column_name::TEXT AS "column", c.data_type::TEXT AS "type",
        c.is_nullable = 'YES' AS nullable,
        COALESCE((SELECT k.ordinal_position::BIGINT FROM information_schema.table_constraints AS t
            JOIN information_schema.key_column_usage AS k USING (constraint_schema, constraint_name, table_name)
            WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name AND k.column_name = c.column_name), 0)
            AS "key"
    FROM information_schema.columns AS c
    WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\_sqlx%'"#;

fn kind(name: &str) -> &'static str {
    match name {
        "BLOB" | "uuid" | "bytea" => "bytes",
        "INTEGER" | "bigint" => "integer",
        "TEXT" | "text" | "json" => "text",
        other => panic!("a type that the rules do not allow: {other}"),
    }
}

#[tokio::test]
async fn tables_and_columns_are_the_same() {
    let (_sqlite, mut lite) = sqlite().await;
    let (_postgres, mut big) = postgres().await;
    let mut of_sqlite = Columns::new();
    for row in sqlx::query(SQLITE_COLUMNS).fetch_all(&mut lite).await.expect("SQLite describes itself") {
        let table: String = row.get("table");
        assert_eq!(row.get::<i64, _>("strict"), 1, "{table} is not strict");
        let kind = kind(&row.get::<String, _>("type"));
        let column = Column { kind, nullable: row.get("nullable"), key: row.get("key") };
        of_sqlite.insert((table, row.get("column")), column);
    }
    let mut of_postgres = Columns::new();
    for row in sqlx::query(POSTGRES_COLUMNS).fetch_all(&mut big).await.expect("PostgreSQL describes itself") {
        let kind = kind(&row.get::<String, _>("type"));
        let column = Column { kind, nullable: row.get("nullable"), key: row.get("key") };
        of_postgres.insert((row.get("table"), row.get("column")), column);
    }
    assert!(of_sqlite.len() > 100);
    assert_eq!(of_sqlite, of_postgres);
    for table in of_sqlite.keys().map(|(table, _)| table).filter(|table| *table != "projects") {
        let key = &of_sqlite[&(table.clone(), "project".to_owned())];
        assert_eq!(key.key, 1, "the key of {table} does not begin with the project");
    }
}

#[tokio::test]
async fn indexes_are_the_same() {
    let (_sqlite, mut lite) = sqlite().await;
    let (_postgres, mut big) = postgres().await;
    let of_sqlite: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, (SELECT GROUP_CONCAT(name) FROM (SELECT name FROM pragma_index_info(m.name) ORDER BY seqno))
         FROM sqlite_master AS m WHERE m.type = 'index' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name",
    )
    .fetch_all(&mut lite)
    .await
    .expect("SQLite describes itself");
    let of_postgres: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::TEXT, (SELECT STRING_AGG(a.attname::TEXT, ',' ORDER BY a.attnum) FROM pg_attribute AS a
            WHERE a.attrelid = c.oid)
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
         WHERE c.relnamespace = 'public'::REGNAMESPACE AND NOT i.indisunique ORDER BY c.relname COLLATE \"C\"",
    )
    .fetch_all(&mut big)
    .await
    .expect("PostgreSQL describes itself");
    assert!(!of_sqlite.is_empty());
    assert_eq!(of_sqlite, of_postgres);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let store = place.store().await;
        store.migrate().await.expect("the second time is like the first");
        store.ping().await.expect("the database answers");
    }
}
