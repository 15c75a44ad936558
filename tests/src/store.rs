//! The collector's database, looked at from outside: SQLite through a read-only connection, PostgreSQL through a session
//! that cannot write. Names of tables and columns are the same in both.

use crate::look::{Look, Row, quoted};
use anyhow::{Context, Result, bail};
use std::path::Path;
use vigie_shared::id::MachineId;

/// An open database.
pub struct Store {
    look: Look,
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
    /// Opens the SQLite database `file` without the right to write.
    pub fn open(file: &Path) -> Result<Self> {
        Ok(Self { look: Look::sqlite(file)? })
    }

    /// Opens a PostgreSQL database without the right to write. `url` is `postgres://…`; it may lead through a Unix
    /// socket. A server that was away is connected to again.
    pub fn open_postgres(url: &str) -> Result<Self> {
        Ok(Self { look: Look::postgres(url)? })
    }

    /// Writes a copy of the whole database, as it is now, into a new file. SQLite only.
    pub fn back_up(&self, to: &Path) -> Result<()> {
        match &self.look {
            Look::Sqlite(connection) => {
                connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).context("backup").map(drop)
            }
            Look::Postgres(_) => bail!("a PostgreSQL store is backed up by vigie-collector"),
        }
    }

    /// All tickets, oldest first.
    pub fn tickets(&self) -> Result<Vec<Ticket>> {
        self.rows("SELECT number, opened, due, resolved, restored FROM ticket ORDER BY number", |row| {
            Ok(Ticket {
                number: row.number(0)?,
                opened_ms: row.number(1)?,
                due_ms: row.number(2)?,
                resolved_ms: row.maybe_number(3)?,
                restored_ms: row.maybe_number(4)?,
            })
        })
    }

    /// All incidents, oldest first.
    pub fn incidents(&self) -> Result<Vec<Incident>> {
        let sql = "SELECT scope, name, cause, started_after, started_by, ended_after, ended_by
                   FROM incident ORDER BY detected, id";
        self.rows(sql, |row| {
            Ok(Incident {
                scope: row.text(0)?,
                check: row.text(1)?,
                cause: row.text(2)?,
                started_after_ms: row.number(3)?,
                started_by_ms: row.number(4)?,
                ended_after_ms: row.maybe_number(5)?,
                ended_by_ms: row.maybe_number(6)?,
            })
        })
    }

    /// The first incident on a whole school.
    pub fn school_incident(&self) -> Result<Option<Incident>> {
        Ok(self.incidents()?.into_iter().find(|incident| incident.scope.starts_with("school:")))
    }

    /// Confirmed state of a check of a machine.
    pub fn check_state(&self, machine: &MachineId, check: &str) -> Result<Option<String>> {
        let id = self.id(machine);
        let sql = format!("SELECT state FROM check_state WHERE machine = {id} AND name = {}", quoted(check));
        Ok(self.rows(&sql, |row| row.text(0))?.into_iter().next())
    }

    /// When a machine was last heard, milliseconds since 1970.
    pub fn last_seen_ms(&self, machine: &MachineId) -> Result<Option<i64>> {
        let sql = format!("SELECT last_seen FROM liveness WHERE machine = {}", self.id(machine));
        Ok(self.rows(&sql, |row| row.maybe_number(0))?.into_iter().next().flatten())
    }

    /// What is thought of the presence of a machine: `online`, `silent`…
    pub fn presence(&self, machine: &MachineId) -> Result<Option<String>> {
        let sql = format!("SELECT presence FROM liveness WHERE machine = {}", self.id(machine));
        Ok(self.rows(&sql, |row| row.text(0))?.into_iter().next())
    }

    /// Names of the sections held of a machine, sorted.
    pub fn sections(&self, machine: &MachineId) -> Result<Vec<String>> {
        let sql = format!("SELECT name FROM section WHERE machine = {}", self.id(machine));
        let mut names = self.rows(&sql, |row| row.text(0))?;
        names.sort();
        Ok(names)
    }

    /// Digests of the sections held of a machine, in order of their names: they change when a section does.
    pub fn section_versions(&self, machine: &MachineId) -> Result<Vec<(String, String)>> {
        let sql = format!("SELECT name, digest FROM section WHERE machine = {}", self.id(machine));
        let mut digests = self.rows(&sql, |row| Ok((row.text(0)?, row.bytes(1)?)))?;
        digests.sort();
        Ok(digests)
    }

    /// How many events are stored.
    pub fn event_count(&self) -> Result<u64> {
        self.count("event")
    }

    /// Number of events of a machine that are acknowledged, for each stream (hexadecimal).
    pub fn cursors(&self, machine: &MachineId) -> Result<Vec<(String, u64)>> {
        let id = self.id(machine);
        let sql = format!("SELECT stream, cursor FROM stream WHERE machine = {id} ORDER BY stream");
        self.rows(&sql, |row| Ok((row.bytes(0)?, row.number(1)?.unsigned_abs())))
    }

    /// Codes of what was noticed about the identity of a machine and the quality of what it sends, oldest first; what
    /// a person decided is left out.
    pub fn findings(&self, machine: &MachineId) -> Result<Vec<String>> {
        let id = self.id(machine);
        let sql = format!("SELECT code FROM finding WHERE machine = {id} AND code <> 'approved' ORDER BY n");
        self.rows(&sql, |row| row.text(0))
    }

    /// How many machines there are, whatever their standing.
    pub fn machine_count(&self) -> Result<u64> {
        self.count("machine")
    }

    /// Body of a section as stored.
    pub fn section_body(&self, machine: &MachineId, name: &str) -> Result<Option<String>> {
        let id = self.id(machine);
        let sql = format!("SELECT body FROM section WHERE machine = {id} AND name = {}", quoted(name));
        Ok(self.rows(&sql, |row| row.text(0))?.into_iter().next())
    }

    /// Stream (hexadecimal), number and kind of every stored event of a machine, in order.
    pub fn events(&self, machine: &MachineId) -> Result<Vec<(String, u64, String)>> {
        let id = self.id(machine);
        let sql = format!("SELECT stream, seq, kind FROM event WHERE machine = {id} ORDER BY stream, seq");
        self.rows(&sql, |row| Ok((row.bytes(0)?, row.number(1)?.unsigned_abs(), row.text(2)?)))
    }

    /// True times given to the stored events of a machine, milliseconds since 1970, in order of their numbers.
    pub fn event_times(&self, machine: &MachineId) -> Result<Vec<i64>> {
        let id = self.id(machine);
        self.rows(&format!("SELECT at FROM event WHERE machine = {id} ORDER BY stream, seq"), |row| row.number(0))
    }

    /// Wall clocks of the machine in its stored events, milliseconds since 1970.
    pub fn event_walls(&self, machine: &MachineId) -> Result<Vec<i64>> {
        let id = self.id(machine);
        self.rows(&format!("SELECT body FROM event WHERE machine = {id} ORDER BY stream, seq"), |row| {
            let body: serde_json::Value = serde_json::from_str(&row.text(0)?)?;
            body["wall_ms"].as_i64().with_context(|| format!("no wall_ms in {body}"))
        })
    }

    /// All texts that came from a machine: sections, events, evidence.
    pub fn everything_about(&self, machine: &MachineId) -> Result<String> {
        let id = self.id(machine);
        let sql = format!(
            "SELECT body FROM section WHERE machine = {id} UNION ALL SELECT body FROM event WHERE machine = {id}
             UNION ALL SELECT evidence FROM check_state WHERE machine = {id}
             UNION ALL SELECT hardware || ' ' || host_name FROM machine WHERE id = {id}"
        );
        Ok(self.rows(&sql, |row| row.text(0))?.join("\n"))
    }

    /// Stream (hexadecimal), first and last number of every range that is known to be lost.
    pub fn gaps(&self, machine: &MachineId) -> Result<Vec<(String, u64, u64)>> {
        let id = self.id(machine);
        let sql = format!("SELECT stream, first, last FROM gap WHERE machine = {id} ORDER BY stream, first");
        self.rows(&sql, |row| Ok((row.bytes(0)?, row.number(1)?.unsigned_abs(), row.number(2)?.unsigned_abs())))
    }

    /// Version of a school, which every change that its pages show counts up.
    pub fn school_version(&self, uai: &str) -> Result<u64> {
        let sql = format!(
            "SELECT version FROM school_state WHERE school = (SELECT id FROM school WHERE uai = {})",
            quoted(uai)
        );
        Ok(self.rows(&sql, |row| row.number(0))?.first().map_or(0, |version| version.unsigned_abs()))
    }

    fn count(&self, table: &str) -> Result<u64> {
        let counts = self.rows(&format!("SELECT count(*) FROM {table}"), |row| row.number(0))?;
        counts.first().map(|count| count.unsigned_abs()).context("a count has one row")
    }

    fn id(&self, machine: &MachineId) -> String {
        self.look.bytes(machine.as_bytes())
    }

    fn rows<T>(&self, sql: &str, read: impl FnMut(&Row) -> Result<T>) -> Result<Vec<T>> {
        self.look.rows(sql)?.iter().map(read).collect::<Result<_>>().with_context(|| sql.to_owned())
    }
}
