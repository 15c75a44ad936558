//! `migrate-store`, and the other verbs on PostgreSQL.

use crate::program::{Folder, content, good, meddle, number, program, serve, stderr, text};
use rusqlite::Connection;
use std::path::Path;
use std::process::Output;
use std::sync::LazyLock;
use vigie_test_postgres::Postgres;

fn migrate(from: &str, to: &str) -> Output {
    program(&["migrate-store", from, to]).output().unwrap()
}

fn migrated(from: &str, to: &str) -> String {
    let output = migrate(from, to);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn not_migrated(from: &str, to: &str) -> String {
    let output = migrate(from, to);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    stderr(&output)
}

fn file(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A database of its own on the server of this process; nothing where PostgreSQL may be missing and is.
fn database(name: &str) -> Option<String> {
    static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());
    (!vigie_test_postgres::skipped()).then(|| SERVER.create_database(name).unwrap())
}

/// Everything in a store but what passes, as text.
fn everything(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut tables = connection
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'vigie_%' \
                  AND name NOT IN ('replica', 'session', 'failed_sign_in', 'wide_due') ORDER BY name",
        )
        .unwrap();
    let names: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for name in names {
        let mut rows = connection.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let width = rows.column_count();
        let read = rows.query_map([], |row| {
            (0..width).map(|place| Ok(format!("{:?}", row.get_ref(place)?))).collect::<Result<Vec<_>, _>>()
        });
        all.extend(read.unwrap().map(|row| format!("{name} {}", row.unwrap().join(" "))));
    }
    all.sort();
    all
}

#[tokio::test]
async fn a_store_is_copied_whole_into_another_file() {
    let folder = Folder::with_fleet().await;
    let other = folder.twin("other", false);

    let table = migrated(&file(&folder.database()), &file(&other.join("vigie.sqlite")));

    assert!(table.lines().count() > 28 && table.contains("school "), "{table}");
    assert_eq!(everything(&folder.database()), everything(&other.join("vigie.sqlite")));
    content(&other);
    drop(serve(&other, &[]));
}

#[tokio::test]
async fn what_cannot_be_migrated_is_refused_and_to_is_left_as_it_was() {
    let folder = Folder::with_fleet().await;
    let (from, other) = (file(&folder.database()), folder.twin("other", true));
    let to = file(&other.join("vigie.sqlite"));
    let said = not_migrated(&from, &to);
    assert!(said.contains("not empty") && said.contains("school: 9"), "{said}");
    content(&other);

    assert!(not_migrated(&from, &from).contains("same store"));
    assert!(not_migrated(&from, "elsewhere").contains("sqlite:PATH"));
    assert!(not_migrated(&file(&folder.file("nowhere")), &file(&folder.file("new.sqlite"))).contains("no store"));
    assert!(!folder.file("nowhere").exists() && !folder.file("new.sqlite").exists());
    let serving = serve(&folder.data, &[]);
    assert!(not_migrated(&from, &file(&folder.file("new.sqlite"))).contains("already serves"));
    drop(serving);

    // What contradicts itself fails in the middle: the target is empty, and takes a good one afterwards.
    let spoilt = folder.twin("spoilt", true);
    meddle(&spoilt.join("vigie.sqlite"), "UPDATE ticket SET school = zeroblob(16)");
    let target = folder.file("target.sqlite");
    let said = not_migrated(&file(&spoilt.join("vigie.sqlite")), &file(&target));
    assert!(said.contains("is left empty") && said.contains("table ticket"), "{said}");
    assert_eq!(number(&target, "SELECT count(*) FROM school"), 0);
    migrated(&from, &file(&target));
}

#[tokio::test]
async fn a_store_goes_to_postgresql_and_back_and_is_the_same() {
    let folder = Folder::with_fleet().await;
    let Some(url) = database("migrated") else { return };
    let from = file(&folder.database());

    let there = migrated(&from, &url);
    let back = folder.twin("back", false);
    let and_back = migrated(&url, &file(&back.join("vigie.sqlite")));

    assert_eq!(there, and_back, "the same counts and digests on both ways");
    assert_eq!(everything(&folder.database()), everything(&back.join("vigie.sqlite")));
    content(&back);
    let said = not_migrated(&from, &url);
    assert!(said.contains("not empty") && !said.contains("postgres:postgres"), "{said}");
    // The new database serves, with the keys of the old folder.
    let output = program(&["check-store", "--store", &url, "--data", text(&folder.data)]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_database_of_postgresql_is_backed_up_while_served_and_restored_elsewhere() {
    let folder = Folder::with_fleet().await;
    let (Some(url), Some(empty)) = (database("backed_up"), database("restored_into")) else { return };
    migrated(&file(&folder.database()), &url);
    let (data, backup) = (folder.twin("shared", false), folder.file("pg.vigie"));

    let serving = serve(&data, &["--store", &url]);
    let (_, said) = good(&data, &["backup", text(&backup), "--store", &url]);
    assert!(said.contains("9 schools"), "{said}");
    let restore =
        |to: &str| program(&["restore", text(&backup), "--store", to, "--data", text(&data)]).output().unwrap();
    let refused = restore(&url);
    assert!(!refused.status.success() && stderr(&refused).contains("is served by"), "{}", stderr(&refused));
    let served = not_migrated(&url, &file(&folder.file("new.sqlite")));
    assert!(served.contains("is served by"), "{served}");
    drop(serving);

    let done = restore(&empty);
    assert!(done.status.success(), "{}", stderr(&done));
    content_of(&data, &empty);
    // And into the embedded store.
    let embedded = folder.twin("embedded", false);
    good(&embedded, &["restore", text(&backup)]);
    content(&embedded);
    drop(serve(&embedded, &[]));
}

#[tokio::test]
async fn damage_in_postgresql_is_named() {
    let folder = Folder::with_fleet().await;
    let Some(url) = database("damaged") else { return };
    migrated(&file(&folder.database()), &url);
    content_of(&folder.data, &url);
    let planted = [
        ("UPDATE counter SET value = value + 1 WHERE name = 'event'", "counters"),
        (
            "DROP INDEX ticket_open; UPDATE ticket SET group_key = 'same', school = (SELECT min(id::text)::bytea FROM school)",
            "tickets",
        ),
        ("UPDATE section SET body = body || ' ' WHERE name = 'software'", "sections"),
        ("UPDATE stream SET cursor = 0", "cursors"),
        ("DELETE FROM liveness WHERE machine = (SELECT machine FROM liveness LIMIT 1)", "liveness"),
        ("UPDATE event SET machine = '\\x00'::bytea WHERE seq = 1", "references"),
        ("UPDATE school_rollup SET silent = 99", "rollups"),
        ("UPDATE incident SET votes = '{'", "readable"),
    ];
    let mut client = postgres_client(&url);
    for (damage, check) in planted {
        client(damage);
        let output =
            program(&["check-store", "--json", "--store", &url, "--data", text(&folder.data)]).output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let wrong = said["checks"].as_array().unwrap().iter().any(|c| c["check"] == check && c["problems"] != 0);
        assert!(wrong, "{damage}: {said:#}");
    }
}

/// Runs statements on a database by the store's own connection.
fn postgres_client(url: &str) -> impl FnMut(&str) + use<> {
    let settings = vigie_collector::store::postgres::Settings::new(url, None, None).unwrap();
    let sql = vigie_collector::store::postgres::connection(&settings).unwrap();
    move |text| sql.script(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn content_of(data: &Path, url: &str) {
    let output = program(&["check-store", "--store", url, "--data", text(data)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
