//! The collector's database, looked at from outside through a read-only connection.

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;
use vigie_shared::id::MachineId;

/// An open database.
pub struct Store {
    connection: Connection,
}

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: i64,
    /// When its clock started, milliseconds since 1970.
    pub opened_ms: i64,
    /// When it is due.
    pub due_ms: i64,
    /// When it was resolved, if it was.
    pub resolved_ms: Option<i64>,
    /// When service was restored, as well as it is known.
    pub restored_ms: Option<i64>,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// `school:…` or `machine:…`.
    pub scope: String,
    /// Which check.
    pub check: String,
    /// Why.
    pub cause: String,
    /// It began after this instant.
    pub started_after_ms: i64,
    /// It had begun by this instant.
    pub started_by_ms: i64,
    /// It ended after this instant.
    pub ended_after_ms: Option<i64>,
    /// It had ended by this instant.
    pub ended_by_ms: Option<i64>,
}

impl Incident {
    /// The best single estimate of its start: the middle.
    pub fn start_ms(&self) -> i64 {
        i64::midpoint(self.started_after_ms, self.started_by_ms)
    }

    /// The best single estimate of its end.
    pub fn end_ms(&self) -> Option<i64> {
        Some(i64::midpoint(self.ended_after_ms?, self.ended_by_ms?))
    }
}

impl Store {
    /// Opens `file` without the right to write.
    pub fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| format!("database {}", file.display()))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self { connection })
    }

    /// Writes a copy of the whole database, as it is now, into a new file.
    pub fn back_up(&self, to: &Path) -> Result<()> {
        self.connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).context("backup").map(drop)
    }

    /// All tickets, oldest first.
    pub fn tickets(&self) -> Result<Vec<Ticket>> {
        self.rows("SELECT number, opened, due, resolved, restored FROM ticket ORDER BY number", |row| {
            Ok(Ticket {
                number: row.get(0)?,
                opened_ms: row.get(1)?,
                due_ms: row.get(2)?,
                resolved_ms: row.get(3)?,
                restored_ms: row.get(4)?,
            })
        })
    }

    /// All incidents, oldest first.
    pub fn incidents(&self) -> Result<Vec<Incident>> {
        let sql = "SELECT scope, name, cause, started_after, started_by, ended_after, ended_by
                   FROM incident ORDER BY detected, id";
        self.rows(sql, |row| {
            Ok(Incident {
                scope: row.get(0)?,
                check: row.get(1)?,
                cause: row.get(2)?,
                started_after_ms: row.get(3)?,
                started_by_ms: row.get(4)?,
                ended_after_ms: row.get(5)?,
                ended_by_ms: row.get(6)?,
            })
        })
    }

    /// The first incident on a whole school.
    pub fn school_incident(&self) -> Result<Option<Incident>> {
        Ok(self.incidents()?.into_iter().find(|incident| incident.scope.starts_with("school:")))
    }

    /// Confirmed state of a check of a machine.
    pub fn check_state(&self, machine: &MachineId, check: &str) -> Result<Option<String>> {
        let sql = "SELECT state FROM check_state WHERE machine = ?1 AND name = ?2";
        Ok(self.rows_with(sql, (machine.as_bytes(), check), |row| row.get(0))?.into_iter().next())
    }

    /// When a machine was last heard, milliseconds since 1970.
    pub fn last_seen_ms(&self, machine: &MachineId) -> Result<Option<i64>> {
        let sql = "SELECT last_seen FROM liveness WHERE machine = ?1";
        Ok(self.rows_with(sql, [machine.as_bytes()], |row| row.get(0))?.into_iter().next())
    }

    /// Names of the sections held of a machine, sorted.
    pub fn sections(&self, machine: &MachineId) -> Result<Vec<String>> {
        self.rows_with("SELECT name FROM section WHERE machine = ?1 ORDER BY name", [machine.as_bytes()], |row| {
            row.get(0)
        })
    }

    /// Digests of the sections held of a machine, in order of their names: they change when a section does.
    pub fn section_versions(&self, machine: &MachineId) -> Result<Vec<Vec<u8>>> {
        self.rows_with("SELECT digest FROM section WHERE machine = ?1 ORDER BY name", [machine.as_bytes()], |row| {
            row.get(0)
        })
    }

    /// How many events are stored.
    pub fn event_count(&self) -> Result<u64> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// Number of events of a machine that are acknowledged, for each stream (hexadecimal).
    pub fn cursors(&self, machine: &MachineId) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT hex(stream), cursor FROM stream WHERE machine = ?1 ORDER BY stream";
        self.rows_with(sql, [machine.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
    }

    /// Codes of what was noticed about the identity of a machine and the quality of what it sends, oldest first; what
    /// a person decided is left out.
    pub fn findings(&self, machine: &MachineId) -> Result<Vec<String>> {
        let sql = "SELECT code FROM finding WHERE machine = ?1 AND code <> 'approved' ORDER BY n";
        self.rows_with(sql, [machine.as_bytes()], |row| row.get(0))
    }

    /// How many machines there are, whatever their standing.
    pub fn machine_count(&self) -> Result<u64> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM machine", [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// Body of a section as stored.
    pub fn section_body(&self, machine: &MachineId, name: &str) -> Result<Option<String>> {
        let sql = "SELECT body FROM section WHERE machine = ?1 AND name = ?2";
        Ok(self.rows_with(sql, (machine.as_bytes(), name), |row| row.get(0))?.into_iter().next())
    }

    /// Stream (hexadecimal), number and kind of every stored event of a machine, in order.
    pub fn events(&self, machine: &MachineId) -> Result<Vec<(String, u64, String)>> {
        let sql = "SELECT hex(stream), seq, kind FROM event WHERE machine = ?1 ORDER BY stream, seq";
        self.rows_with(sql, [machine.as_bytes()], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs(), row.get(2)?))
        })
    }

    /// True times given to the stored events of a machine, milliseconds since 1970, in order of their numbers.
    pub fn event_times(&self, machine: &MachineId) -> Result<Vec<i64>> {
        let sql = "SELECT at FROM event WHERE machine = ?1 ORDER BY stream, seq";
        self.rows_with(sql, [machine.as_bytes()], |row| row.get(0))
    }

    /// Wall clocks of the machine in its stored events, milliseconds since 1970.
    pub fn event_walls(&self, machine: &MachineId) -> Result<Vec<i64>> {
        let sql = "SELECT json_extract(body, '$.wall_ms') FROM event WHERE machine = ?1 ORDER BY stream, seq";
        self.rows_with(sql, [machine.as_bytes()], |row| row.get(0))
    }

    /// All texts that came from a machine: sections, events, evidence.
    pub fn everything_about(&self, machine: &MachineId) -> Result<String> {
        let sql = "SELECT body FROM section WHERE machine = ?1 UNION ALL SELECT body FROM event WHERE machine = ?1
                   UNION ALL SELECT evidence FROM check_state WHERE machine = ?1
                   UNION ALL SELECT hardware || ' ' || host_name FROM machine WHERE id = ?1";
        let texts: Vec<String> = self.rows_with(sql, [machine.as_bytes()], |row| row.get(0))?;
        Ok(texts.join("\n"))
    }

    /// Stream (hexadecimal), first and last number of every range that is known to be lost.
    pub fn gaps(&self, machine: &MachineId) -> Result<Vec<(String, u64, u64)>> {
        let sql = "SELECT hex(stream), first, last FROM gap WHERE machine = ?1 ORDER BY stream, first";
        self.rows_with(sql, [machine.as_bytes()], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs(), row.get::<_, i64>(2)?.unsigned_abs()))
        })
    }

    fn rows<T>(&self, sql: &str, read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>> {
        self.rows_with(sql, [], read)
    }

    fn rows_with<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare(sql).with_context(|| sql.to_owned())?;
        let rows = statement.query_map(parameters, read)?.collect::<Result<_, _>>();
        rows.with_context(|| sql.to_owned())
    }
}
