//! What the collector has stored, read from its database from outside.

use super::agent::{METRIC, number_of};
use crate::look::{Look, Row};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
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

/// The database of the collectors, on either engine.
#[derive(Debug, Clone)]
pub enum Books {
    /// A file.
    Sqlite(PathBuf),
    /// `postgres://…` as this process reaches it.
    Postgres(String),
}

impl Books {
    /// All tickets, oldest first.
    pub fn tickets(&self) -> Result<Vec<TicketRow>> {
        let sql = "SELECT t.number, s.uai, t.group_key, CASE WHEN t.resolved IS NULL THEN 0 ELSE 1 END \
                   FROM ticket t JOIN school s ON s.id = t.school ORDER BY t.number";
        let read = |row: &Row| {
            let (number, uai, about) = (row.number(0)?, row.text(1)?, row.text(2)?);
            Ok(TicketRow { number, uai, about, resolved: row.number(3)? == 1 })
        };
        self.look()?.rows(sql)?.iter().map(read).collect()
    }

    /// Keeps a reader of the file in the middle of its work, as a backup does: the write-ahead log cannot begin again
    /// until it ends.
    pub fn hold(&self) -> Result<Look> {
        let look = self.look()?;
        if let Look::Sqlite(connection) = &look {
            connection.execute_batch("BEGIN; SELECT count(*) FROM machine;")?;
        }
        Ok(look)
    }

    /// Everything; a file is verified too.
    pub fn all(&self) -> Result<Stored> {
        let look = self.look()?;
        if let Look::Sqlite(_) = look {
            let sound = look.rows("PRAGMA integrity_check")?.first().context("no verdict")?.text(0)?;
            anyhow::ensure!(sound == "ok", "the database is damaged: {sound}");
        }
        let one = |sql: &str| unsigned(look.rows(sql)?.first().with_context(|| sql.to_owned())?, 0);
        let twice = "SELECT count(*) FROM (SELECT 1 AS n FROM incident WHERE resolved IS NULL \
                     GROUP BY scope, name, instance HAVING count(*) > 1) AS twice";
        let open = "SELECT count(*) FROM (SELECT 1 AS n FROM ticket WHERE resolved IS NULL \
                    GROUP BY school, group_key HAVING count(*) > 1) AS twice";
        let values = format!("SELECT machine, instance, count(*) FROM sample WHERE metric = '{METRIC}' GROUP BY 1, 2");
        Ok(Stored {
            events: read(&look, "SELECT machine, stream, seq, digest, body FROM event", event)?,
            gaps: read(&look, "SELECT machine, stream, first, last FROM gap", |row| {
                Ok((machine(row)?, stream(row)?, unsigned(row, 2)?, unsigned(row, 3)?))
            })?,
            cursors: read(&look, "SELECT machine, stream, cursor FROM stream", |row| {
                Ok(((machine(row)?, stream(row)?), unsigned(row, 2)?))
            })?,
            samples: read(&look, &values, |row| Ok(((machine(row)?, row.text(1)?.parse()?), unsigned(row, 2)?)))?,
            findings: read(&look, "SELECT machine, code, figures FROM finding WHERE code <> 'approved'", |row| {
                Ok(format!("{} {} {}", machine(row)?, row.text(1)?, row.text(2)?))
            })?,
            counted_events: one("SELECT value FROM counter WHERE name = 'event'")?,
            open_twice: one(twice)? + one(open)?,
        })
    }

    fn look(&self) -> Result<Look> {
        match self {
            Self::Sqlite(file) => Look::sqlite(file),
            Self::Postgres(url) => Look::postgres(url),
        }
    }
}

fn read<T, C: FromIterator<T>>(look: &Look, sql: &str, read: impl Fn(&Row) -> Result<T>) -> Result<C> {
    look.rows(sql)?.iter().map(read).collect::<Result<C>>().with_context(|| sql.to_owned())
}

fn event(row: &Row) -> Result<Event> {
    let body = row.text(4)?;
    Ok(Event {
        machine: machine(row)?,
        stream: stream(row)?,
        seq: unsigned(row, 2)?,
        digest: Digest::from_slice(&bytes(row, 3)?)?,
        number: number_of(&body),
        admits: admits(&body),
    })
}

fn machine(row: &Row) -> Result<MachineId> {
    Ok(MachineId::from_slice(&bytes(row, 0)?)?)
}

fn stream(row: &Row) -> Result<StreamId> {
    Ok(StreamId::from_slice(&bytes(row, 1)?)?)
}

fn bytes(row: &Row, column: usize) -> Result<Vec<u8>> {
    Ok(data_encoding::HEXUPPER.decode(row.bytes(column)?.as_bytes())?)
}

fn unsigned(row: &Row, column: usize) -> Result<u64> {
    Ok(u64::try_from(row.number(column)?)?)
}

fn admits(body: &str) -> u64 {
    match serde_json::from_str::<Sent>(body).map(|event| event.fact) {
        Ok(Fact::Loss { summaries, transitions, .. }) => summaries + transitions,
        _ => 0,
    }
}
