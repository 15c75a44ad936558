//! What the collector has stored, read from its database from outside.

use super::agent::{METRIC, number_of};
use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, Row};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vigie_shared::digest::Digest;
use vigie_shared::event::{Event as Sent, Fact};
use vigie_shared::id::{MachineId, StreamId};

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose.
    pub machine: MachineId,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in it.
    pub seq: u64,
    /// Digest of its bytes as stored.
    pub digest: Digest,
    /// The number it carries, if it is one of ours.
    pub number: Option<u64>,
    /// How many events it declares lost.
    pub admits: u64,
}

/// All that is compared with the truth.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Every event.
    pub events: Vec<Event>,
    /// Machine, stream, first and last number of what is known to be lost.
    pub gaps: Vec<(MachineId, StreamId, u64, u64)>,
    /// Up to where each stream is settled.
    pub cursors: BTreeMap<(MachineId, StreamId), u64>,
    /// Rows of numbered values, by machine and number.
    pub samples: BTreeMap<(MachineId, u64), u64>,
    /// What was noticed about machines, approvals left out.
    pub findings: Vec<String>,
    /// How many events the collector thinks it has.
    pub counted_events: u64,
    /// Incidents open on one cause more than once.
    pub open_twice: u64,
}

impl Stored {
    /// Whether this number is known to be lost.
    pub fn is_gap(&self, machine: MachineId, stream: StreamId, seq: u64) -> bool {
        self.gaps.iter().any(|(m, s, first, last)| *m == machine && *s == stream && (*first..=*last).contains(&seq))
    }
}

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// Its number.
    pub number: i64,
    /// Number of the school.
    pub uai: String,
    /// What it is about.
    pub about: String,
    /// Whether it is resolved.
    pub resolved: bool,
}

/// The embedded database.
#[derive(Debug, Clone)]
pub struct Books {
    file: PathBuf,
}

impl Books {
    /// The database in this file.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// All tickets, oldest first.
    pub fn tickets(&self) -> Result<Vec<TicketRow>> {
        let sql = "SELECT t.number, s.uai, t.group_key, t.resolved IS NOT NULL FROM ticket t \
                   JOIN school s ON s.id = t.school ORDER BY t.number";
        rows(&open(&self.file)?, sql, |row| {
            Ok(TicketRow { number: row.get(0)?, uai: row.get(1)?, about: row.get(2)?, resolved: row.get(3)? })
        })
    }

    /// Keeps a reader in the middle of its work, as a backup does: the write-ahead log cannot begin again until it
    /// ends.
    pub fn hold(&self) -> Result<Connection> {
        let connection = open(&self.file)?;
        connection.execute_batch("BEGIN; SELECT count(*) FROM machine;")?;
        Ok(connection)
    }

    /// Everything; the database itself is verified too.
    pub fn all(&self) -> Result<Stored> {
        let sql = open(&self.file)?;
        let sound: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        anyhow::ensure!(sound == "ok", "the database is damaged: {sound}");
        let events = rows(&sql, "SELECT machine, stream, seq, digest, body FROM event", |row| {
            let body: String = row.get(4)?;
            Ok(Event {
                machine: id(row, 0, MachineId::from_slice)?,
                stream: id(row, 1, StreamId::from_slice)?,
                seq: count(row, 2)?,
                digest: id(row, 3, Digest::from_slice)?,
                number: number_of(&body),
                admits: admits(&body),
            })
        })?;
        let gaps = rows(&sql, "SELECT machine, stream, first, last FROM gap", |row| {
            let (machine, stream) = (id(row, 0, MachineId::from_slice)?, id(row, 1, StreamId::from_slice)?);
            Ok((machine, stream, count(row, 2)?, count(row, 3)?))
        })?;
        let cursors = rows(&sql, "SELECT machine, stream, cursor FROM stream", |row| {
            Ok(((id(row, 0, MachineId::from_slice)?, id(row, 1, StreamId::from_slice)?), count(row, 2)?))
        })?;
        let values = format!("SELECT machine, instance, count(*) FROM sample WHERE metric = '{METRIC}' GROUP BY 1, 2");
        let samples = rows(&sql, &values, |row| {
            let number: String = row.get(1)?;
            Ok(((id(row, 0, MachineId::from_slice)?, number.parse().unwrap_or(0)), count(row, 2)?))
        })?;
        let findings = rows(
            &sql,
            "SELECT hex(machine) || ' ' || code || ' ' || figures FROM finding WHERE code <> 'approved'",
            |row| row.get(0),
        )?;
        let one = |text: &str| sql.query_row(text, [], |row| count(row, 0)).with_context(|| text.to_owned());
        Ok(Stored {
            events,
            gaps,
            cursors: cursors.into_iter().collect(),
            samples: samples.into_iter().collect(),
            findings,
            counted_events: one("SELECT value FROM counter WHERE name = 'event'")?,
            open_twice: one("SELECT count(*) FROM (SELECT 1 FROM incident WHERE resolved IS NULL \
                             GROUP BY scope, name, instance HAVING count(*) > 1)")?
                + one("SELECT count(*) FROM (SELECT 1 FROM ticket WHERE resolved IS NULL \
                       GROUP BY school, group_key HAVING count(*) > 1)")?,
        })
    }
}

fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("database {}", file.display()))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn rows<T>(sql: &Connection, text: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>> {
    let mut statement = sql.prepare(text).with_context(|| text.to_owned())?;
    let rows = statement.query_map([], read)?.collect::<Result<_, _>>();
    rows.with_context(|| text.to_owned())
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

fn id<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    column: usize,
    read: fn(&[u8]) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let bytes: Vec<u8> = row.get(column)?;
    read(&bytes)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(e)))
}

fn admits(body: &str) -> u64 {
    match serde_json::from_str::<Sent>(body).map(|event| event.fact) {
        Ok(Fact::Loss { summaries, transitions, .. }) => summaries + transitions,
        _ => 0,
    }
}
