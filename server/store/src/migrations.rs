//! The migrations of the schema. They are part of the program, so that it brings any database up to date by itself.

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Dialect;

/// A migration: its number, its name, and its text for either database.
type Step = (i64, &'static str, &'static str, &'static str);

/// Names the files `NUMBER_NAME.sql`, which both folders hold.
macro_rules! steps {
    ($($file:literal),+ $(,)?) => {
        [$(step(
            $file,
            include_str!(concat!("../../../migrations/sqlite/", $file, ".sql")),
            include_str!(concat!("../../../migrations/postgres/", $file, ".sql")),
        )),+]
    };
}

fn steps() -> impl Iterator<Item = Step> {
    steps![
        "0001_projects",
        "0002_devices",
        "0003_feeds",
        "0004_records",
        "0005_api_keys",
        "0006_device_frames",
        "0007_dictionaries",
        "0008_attachments",
        "0009_backups",
        "0010_attachment_waste",
        "0011_lives",
        "0012_forms",
        "0013_findings",
        "0014_records_by_type"
    ]
    .into_iter()
}

fn step(file: &'static str, sqlite: &'static str, postgres: &'static str) -> Step {
    let (number, name) = file.split_once('_').expect("a migration is named NUMBER_NAME");
    (number.parse().expect("a migration begins with its number"), name, sqlite, postgres)
}

/// The migrations of a database, in order.
pub fn of(dialect: Dialect) -> Migrator {
    let migrations = steps().map(|(number, name, sqlite, postgres)| {
        let text = if dialect == Dialect::Sqlite { sqlite } else { postgres };
        Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(text), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_a_step_of_both_databases() {
        for dialect in ["sqlite", "postgres"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(dialect);
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .expect("the folder of migrations")
                .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
                .collect();
            files.sort();
            let named: Vec<String> =
                steps().map(|(number, name, ..)| format!("{number:04}_{name}.sql")).collect();
            assert_eq!(files, named, "{dialect}");
        }
    }
}
