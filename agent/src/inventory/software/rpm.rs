//! Packages of rpm, from its database: no program is run, so that a captured machine tells the same.

use super::{Found, rpm_header, sqlite};
use crate::source::Source;

/// Where distributions keep it, the newer place first; `/var/lib/rpm` is often a link to it.
const FOLDERS: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];
/// Databases of older and other releases.
const OTHERS: [(&str, &str); 2] = [("Packages.db", "ndb"), ("Packages", "Berkeley DB")];

/// Reads the packages.
pub fn read(source: &dyn Source) -> Found {
    let mut found = Found::default();
    for folder in FOLDERS {
        let path = format!("{folder}/rpmdb.sqlite");
        if matches!(source.part(&path, 0, 1), Err(crate::source::Unreadable::Missing(_))) {
            continue;
        }
        found.there = true;
        read_sqlite(source, &path, &mut found);
        return found;
    }
    for (name, kind) in OTHERS {
        if let Some(folder) = FOLDERS.iter().find(|folder| source.part(&format!("{folder}/{name}"), 0, 1).is_ok()) {
            found.problem(format!(
                "{folder}/{name} is a database of rpm of the kind {kind}, which this agent does not read"
            ));
            return found;
        }
    }
    found
}

fn read_sqlite(source: &dyn Source, path: &str, found: &mut Found) {
    if source.part(&format!("{path}-wal"), 0, 1).is_ok_and(|bytes| !bytes.is_empty()) {
        found.problem(format!("{path}: packages are being installed; its latest changes are not yet in it"));
    }
    let mut broken = 0usize;
    let packages = &mut found.packages;
    let read = sqlite::Database::open(source, path).and_then(|mut database| {
        database.rows("Packages", &mut |row| match row.column(1).and_then(rpm_header::parse) {
            // Keys that signatures are checked with are kept as packages.
            Some(package) if package.name == "gpg-pubkey" => {}
            Some(package) => packages.push(package),
            None => broken += 1,
        })
    });
    if let Err(problem) = read {
        found.problem(format!("{path} {problem}"));
    }
    if broken > 0 {
        found.problem(format!("{path}: {broken} packages lack a name or a version"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::rpm_header::tests::header;
    use super::*;
    use crate::inventory::fixture::Fake;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    const PATH: &str = "/usr/lib/sysimage/rpm/rpmdb.sqlite";

    /// A database as rpm makes it, with headers from a few bytes to many pages.
    fn database(packages: usize, padding: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rpmdb.sqlite");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);
                 CREATE TABLE Name (key TEXT NOT NULL, hnum INTEGER NOT NULL);
                 CREATE INDEX Name_key_idx ON Name(key ASC);",
            )
            .unwrap();
        let transaction = connection.unchecked_transaction().unwrap();
        for n in 0..packages {
            let name = format!("paquet-{n:05}");
            let filler = "x".repeat(n * 977 % (padding + 1));
            let blob = header(
                &[(1000, &name), (1001, "1.2"), (1002, "3.el9"), (1028, &filler), (1022, "x86_64")],
                &[(1009, 4096)],
            );
            transaction.execute("INSERT INTO Packages (blob) VALUES (?1)", [&blob]).unwrap();
            transaction.execute("INSERT INTO Name VALUES (?1, ?2)", [&name, "1"]).unwrap();
        }
        let key = header(&[(1000, "gpg-pubkey"), (1001, "1")], &[]);
        transaction.execute("INSERT INTO Packages (blob) VALUES (?1)", [&key]).unwrap();
        transaction.commit().unwrap();
        drop(connection);
        std::fs::read(&file).unwrap()
    }

    #[test]
    fn every_package_is_read_whatever_its_size() {
        let found = read(&Fake::default().file(PATH, database(700, 60_000)));
        assert_eq!(found.reasons, Vec::<String>::new());
        let mut names: Vec<_> = found.packages.iter().map(|package| package.name.clone()).collect();
        names.sort();
        assert_eq!(names, (0..700).map(|n| format!("paquet-{n:05}")).collect::<Vec<_>>());
        assert!(found.packages.iter().all(|p| p.version == "1.2-3.el9" && p.size_bytes == Some(4096)));
    }

    #[test]
    fn changes_that_are_under_way_and_other_kinds_of_database_are_said() {
        let written = Fake::default().file(PATH, database(2, 10)).file(&format!("{PATH}-wal"), "x");
        let found = read(&written);
        assert_eq!(found.packages.len(), 2);
        assert!(found.reasons[0].contains("being installed"), "{:?}", found.reasons);
        let old = read(&Fake::default().file("/var/lib/rpm/Packages", "x"));
        assert!(old.there && old.reasons[0].contains("Berkeley DB"), "{old:?}");
        assert!(!read(&Fake::default()).there);
    }

    #[test]
    fn a_database_cut_anywhere_is_never_whole() {
        let bytes = database(60, 9000);
        for cut in [0, 50, 100, 4096, bytes.len() / 2] {
            let found = read(&Fake::default().file(PATH, &bytes[..cut]));
            assert!(found.there && !found.reasons.is_empty(), "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_database_ends_soon() {
        let bytes = database(30, 2000);
        let begun = Instant::now();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..300 {
            use proptest::strategy::ValueTree;
            let changes = proptest::collection::vec((0..bytes.len(), any::<u8>()), 1..20);
            let mut damaged = bytes.clone();
            for (at, byte) in changes.new_tree(&mut runner).unwrap().current() {
                damaged[at] = byte;
            }
            let _ = read(&Fake::default().file(PATH, damaged));
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
