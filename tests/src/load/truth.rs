//! What the database really holds, looked at from outside, against what agents were told.

use super::orders::Account;
use super::uai;
use crate::look::{Look, Row};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use vigie_shared::id::{MachineId, StreamId};

/// A database that is only read.
pub struct Truth(Look);

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Events acknowledged to an agent and not in the store.
    pub acknowledged_missing: u64,
    /// Events made and never acknowledged, although the agent had nothing left to wait for.
    pub never_acknowledged: u64,
    /// Streams whose cursor in the store is behind what was acknowledged.
    pub cursors_behind: u64,
    /// Ranges that the store takes for lost: nothing was.
    pub gaps: u64,
    /// Events in the store that nobody made.
    pub unknown: u64,
    /// Events in the store.
    pub stored: u64,
}

impl Verdict {
    /// Events lost or doubtful.
    pub fn lost(&self) -> u64 {
        self.acknowledged_missing + self.never_acknowledged + self.cursors_behind + self.gaps
    }
}

/// The tickets of all schools and who is taken for absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tickets {
    /// Open and resolved tickets of each school: how many, how many of them open.
    pub of_school: BTreeMap<String, (u64, u64)>,
    /// Machines of each school that count as silent.
    pub silent: BTreeMap<String, u64>,
}

impl Tickets {
    /// Schools of `places` that have a ticket; all of theirs are counted once.
    pub fn expected(&self, places: &BTreeSet<usize>) -> usize {
        places.iter().filter(|place| self.of_school.contains_key(&uai(**place))).count()
    }

    /// Those of these schools whose tickets are all resolved.
    pub fn resolved(&self, places: &BTreeSet<usize>) -> usize {
        let good = |place: &&usize| self.of_school.get(&uai(**place)).is_some_and(|(_, open)| *open == 0);
        places.iter().filter(good).count()
    }

    /// Tickets that should not be there: of other schools, or more than one of a school.
    pub fn wrong(&self, places: &BTreeSet<usize>) -> u64 {
        let fell: BTreeSet<String> = places.iter().map(|place| uai(*place)).collect();
        self.of_school.iter().map(|(uai, (all, _))| if fell.contains(uai) { all.saturating_sub(1) } else { *all }).sum()
    }

    /// Machines of other schools that are taken for absent.
    pub fn absent_wrong(&self, places: &BTreeSet<usize>) -> u64 {
        let fell: BTreeSet<String> = places.iter().map(|place| uai(*place)).collect();
        self.silent.iter().filter(|(uai, _)| !fell.contains(*uai)).map(|(_, count)| count).sum()
    }
}

impl Truth {
    /// Opens the embedded database.
    pub fn sqlite(file: &Path) -> Result<Self> {
        Look::sqlite(file).map(Self)
    }

    /// Connects to PostgreSQL.
    pub fn postgres(url: &str) -> Result<Self> {
        Look::postgres(url).map(Self)
    }

    /// Compares what agents were told with what is stored.
    pub fn compare(&self, accounts: &[Account]) -> Result<Verdict> {
        let mut stored: HashMap<(MachineId, StreamId), BTreeSet<u64>> = HashMap::new();
        let mut verdict = Verdict::default();
        for row in self.0.rows("SELECT machine, stream, seq FROM event")? {
            verdict.stored += 1;
            stored.entry(key(&row)?).or_default().insert(u64::try_from(row.number(2)?)?);
        }
        let mut cursors = HashMap::new();
        for row in self.0.rows("SELECT machine, stream, cursor FROM stream")? {
            cursors.insert(key(&row)?, u64::try_from(row.number(2)?)?);
        }
        for account in accounts {
            let key = (account.machine, account.stream);
            let held = stored.remove(&key).unwrap_or_default();
            let kept = held.range(1..=account.acknowledged).count() as u64;
            verdict.acknowledged_missing += account.acknowledged - kept;
            verdict.never_acknowledged += account.last - account.acknowledged;
            verdict.unknown += held.range(account.last + 1..).count() as u64;
            let cursor = cursors.get(&key).copied().unwrap_or(0);
            verdict.cursors_behind += u64::from(cursor < account.acknowledged);
        }
        verdict.unknown += stored.values().map(|held| held.len() as u64).sum::<u64>();
        verdict.gaps = self.0.rows("SELECT first FROM gap")?.len() as u64;
        Ok(verdict)
    }

    /// Tickets and absences as they are now.
    pub fn tickets(&self) -> Result<Tickets> {
        let mut found = Tickets::default();
        let sql = "SELECT s.uai, t.resolved FROM ticket t JOIN school s ON s.id = t.school";
        for row in self.0.rows(sql)? {
            let (all, open) = found.of_school.entry(row.text(0)?).or_default();
            *all += 1;
            *open += u64::from(row.maybe_number(1)?.is_none());
        }
        let sql = "SELECT s.uai, count(*) FROM liveness l JOIN machine m ON m.id = l.machine
                   JOIN school s ON s.id = m.school WHERE l.presence = 'silent' GROUP BY s.uai";
        for row in self.0.rows(sql)? {
            found.silent.insert(row.text(0)?, u64::try_from(row.number(1)?)?);
        }
        Ok(found)
    }
}

fn key(row: &Row) -> Result<(MachineId, StreamId)> {
    Ok((row.bytes(0)?.parse()?, row.bytes(1)?.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sql: &str) -> (tempfile::TempDir, Truth) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("truth.sqlite");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE event (machine BLOB, stream BLOB, seq INTEGER);
                 CREATE TABLE stream (machine BLOB, stream BLOB, cursor INTEGER);
                 CREATE TABLE gap (first INTEGER);",
            )
            .unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let truth = Truth::sqlite(&file).unwrap();
        (folder, truth)
    }

    fn account(last: u64, acknowledged: u64) -> Account {
        let id = |n: u8| [n; 16];
        let (machine, stream) = (MachineId::from_slice(&id(0x11)).unwrap(), StreamId::from_slice(&id(0x22)).unwrap());
        Account { machine, school: 0, stream, last, acknowledged }
    }

    const KEY: &str = "x'11111111111111111111111111111111', x'22222222222222222222222222222222'";

    #[test]
    fn whatever_was_acknowledged_must_be_there_one_by_one() {
        let (_folder, truth) = database(&format!(
            "INSERT INTO event VALUES ({KEY}, 1), ({KEY}, 3), ({KEY}, 4); INSERT INTO stream VALUES ({KEY}, 4);"
        ));
        let good = truth.compare(&[account(4, 1)]).unwrap();
        assert_eq!((good.acknowledged_missing, good.never_acknowledged, good.stored), (0, 3, 3));
        let bad = truth.compare(&[account(4, 4)]).unwrap();
        assert_eq!((bad.acknowledged_missing, bad.lost()), (1, 1), "number 2 is not there, whatever the cursor says");
        assert_eq!(truth.compare(&[account(3, 3)]).unwrap().unknown, 1, "number 4 was never made");
        assert_eq!(truth.compare(&[]).unwrap().unknown, 3);
    }

    #[test]
    fn postgresql_is_read_alike() {
        if vigie_test_postgres::skipped() {
            return;
        }
        let server = vigie_test_postgres::Postgres::start().unwrap();
        let (machine, stream) = ("'\\x11111111111111111111111111111111'", "'\\x22222222222222222222222222222222'");
        server
            .psql(&format!(
                "CREATE TABLE event (machine bytea, stream bytea, seq bigint);
                 CREATE TABLE stream (machine bytea, stream bytea, cursor bigint);
                 CREATE TABLE gap (first bigint);
                 INSERT INTO event VALUES ({machine}, {stream}, 1), ({machine}, {stream}, 3);
                 INSERT INTO stream VALUES ({machine}, {stream}, 3);"
            ))
            .unwrap();
        let verdict = Truth::postgres(&server.url()).unwrap().compare(&[account(3, 3)]).unwrap();
        assert_eq!((verdict.acknowledged_missing, verdict.stored), (1, 2));
    }

    #[test]
    fn a_cursor_that_is_behind_and_a_gap_are_losses() {
        let (_folder, truth) = database(&format!("INSERT INTO event VALUES ({KEY}, 1); INSERT INTO gap VALUES (7);"));
        let verdict = truth.compare(&[account(1, 1)]).unwrap();
        assert_eq!((verdict.cursors_behind, verdict.gaps, verdict.lost()), (1, 1, 2));
    }

    #[test]
    fn tickets_of_schools_that_did_not_fall_silent_and_second_tickets_are_wrong() {
        let tickets = Tickets {
            of_school: [(uai(0), (1, 1)), (uai(1), (2, 0)), (uai(7), (3, 1))].into(),
            silent: [(uai(0), 20), (uai(7), 2)].into(),
        };
        let fell = BTreeSet::from([0, 1, 2]);
        assert_eq!((tickets.expected(&fell), tickets.resolved(&fell)), (2, 1));
        assert_eq!((tickets.wrong(&fell), tickets.absent_wrong(&fell)), (4, 2));
    }
}
