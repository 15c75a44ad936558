//! What came of it, read from the store's tables with a connection that cannot write.

use super::Ms;
use super::time::shown;
use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, Row};
use std::collections::BTreeMap;
use std::path::Path;

/// One line of a history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: Ms,
    /// Who.
    pub by: String,
    /// What, as a code.
    pub code: String,
    /// Its figures, JSON.
    pub figures: String,
}

/// One ticket.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Its number.
    pub number: i64,
    /// UAI of its school; empty when it has none.
    pub school: String,
    /// What it is about.
    pub check: String,
    /// When its clock started.
    pub opened: Ms,
    /// When it is due.
    pub due: Ms,
    /// When it was resolved.
    pub resolved: Option<Ms>,
    /// When service was restored, as well as it is known.
    pub restored: Option<Ms>,
    /// Its incidents, by place in [`Found::incidents`].
    pub incidents: Vec<usize>,
    /// Its history.
    pub history: Vec<Entry>,
}

/// One incident.
#[derive(Debug, Clone)]
pub struct Incident {
    /// UAI of its school; empty when it has none.
    pub school: String,
    /// Where: `school`, `machine PC01`, or as the store writes it.
    pub scope: String,
    /// What it is about.
    pub check: String,
    /// On what, or empty.
    pub instance: String,
    /// Why.
    pub cause: String,
    /// How sure.
    pub confidence: String,
    /// It began after this and by that.
    pub started: (Ms, Ms),
    /// When it was detected.
    pub detected: Ms,
    /// It ended after this and by that.
    pub ended: Option<(Ms, Ms)>,
    /// When that was learnt.
    pub resolved: Option<Ms>,
    /// Number of its ticket.
    pub ticket: Option<i64>,
    /// How many machines bear witness.
    pub witnesses: usize,
    /// Its history.
    pub history: Vec<Entry>,
}

/// A message that waits to be told.
#[derive(Debug, Clone)]
pub struct Message {
    /// UAI.
    pub school: String,
    /// What: `ticket_opened`, `ticket_resolved`…
    pub code: String,
    /// When.
    pub at: Ms,
    /// Number of its ticket.
    pub ticket: Option<i64>,
}

/// Something noticed about a machine.
#[derive(Debug, Clone)]
pub struct Finding {
    /// UAI.
    pub school: String,
    /// Host name.
    pub machine: String,
    /// What, as a code.
    pub code: String,
    /// When.
    pub at: Ms,
}

/// A machine as the store has it.
#[derive(Debug, Clone)]
pub struct Known {
    /// UAI.
    pub school: String,
    /// Host name.
    pub machine: String,
    /// `trusted`, `quarantined`…
    pub status: String,
    /// `online`, `silent`…
    pub presence: String,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Tickets by number.
    pub tickets: Vec<Ticket>,
    /// Incidents in the order of their detection.
    pub incidents: Vec<Incident>,
    /// Messages in order.
    pub messages: Vec<Message>,
    /// Findings in order.
    pub findings: Vec<Finding>,
    /// Machines.
    pub machines: Vec<Known>,
}

impl Incident {
    /// The best single estimate of its start.
    pub fn start(&self) -> Ms {
        i64::midpoint(self.started.0, self.started.1)
    }

    /// The best single estimate of its end.
    pub fn end(&self) -> Option<Ms> {
        self.ended.map(|(after, by)| i64::midpoint(after, by))
    }

    /// In one line, for people.
    pub fn shown(&self) -> String {
        let mut text = format!(
            "incident {} on {} of {}, cause {} {}, began {}..{}, detected {}",
            self.check,
            if self.scope.is_empty() { "?" } else { &self.scope },
            self.school,
            self.cause,
            self.confidence,
            shown(self.started.0),
            clock(self.started.1),
            clock(self.detected),
        );
        if let Some((after, by)) = self.ended {
            text += &format!(", ended {}..{}", shown(after), shown(by));
        }
        match self.ticket {
            Some(number) => text += &format!(", on ticket {number}"),
            None => text += ", without ticket",
        }
        text
    }
}

impl Ticket {
    /// In one line, for people.
    pub fn shown(&self) -> String {
        let mut text =
            format!("ticket {} {} on {}, opened {}", self.number, self.check, self.school, shown(self.opened));
        if let Some(restored) = self.restored {
            text += &format!(", restored {}", shown(restored));
        }
        match self.resolved {
            Some(resolved) => text += &format!(", resolved {}", shown(resolved)),
            None => text += ", open",
        }
        text
    }
}

fn clock(at: Ms) -> String {
    shown(at).split(' ').next_back().unwrap_or_default().to_owned()
}

impl Found {
    /// Reads the database file.
    pub fn read(path: &Path) -> Result<Self> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| format!("database {}", path.display()))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        Self::read_all(&connection)
    }

    fn read_all(sql: &Connection) -> Result<Self> {
        let schools = pairs(sql, "SELECT id, uai FROM school")?;
        let school = |id: Option<Vec<u8>>| id.and_then(|id| schools.get(&id).cloned()).unwrap_or_default();
        let names = pairs(sql, "SELECT id, host_name FROM machine")?;
        let ticket_entries = entries(sql, "SELECT ticket, at, by, code, figures FROM ticket_entry ORDER BY ticket, n")?;
        let incident_entries =
            entries(sql, "SELECT incident, at, by, code, figures FROM incident_history ORDER BY incident, n")?;
        let mut numbers: BTreeMap<Vec<u8>, (i64, usize)> = BTreeMap::new();
        let mut found = Self::default();
        all(
            sql,
            "SELECT id, number, school, name, opened, due, resolved, restored FROM ticket ORDER BY number",
            |row| {
                let id: Vec<u8> = row.get(0)?;
                let ticket = Ticket {
                    number: row.get(1)?,
                    school: school(row.get(2)?),
                    check: row.get(3)?,
                    opened: row.get(4)?,
                    due: row.get(5)?,
                    resolved: row.get(6)?,
                    restored: row.get(7)?,
                    incidents: vec![],
                    history: ticket_entries.get(&id).cloned().unwrap_or_default(),
                };
                numbers.insert(id, (ticket.number, found.tickets.len()));
                found.tickets.push(ticket);
                Ok(())
            },
        )?;
        let mut of_ticket = Vec::new();
        const INCIDENTS: &str = "SELECT id, school, scope, name, instance, cause, confidence, started_after, started_by, \
            detected, ended_after, ended_by, resolved, ticket, witnesses FROM incident ORDER BY detected, id";
        all(sql, INCIDENTS, |row| {
            let id: Vec<u8> = row.get(0)?;
            let ticket: Option<Vec<u8>> = row.get(13)?;
            let ticket = ticket.and_then(|id| numbers.get(&id).copied());
            of_ticket.push(ticket.map(|(_, place)| place));
            let ended: (Option<Ms>, Option<Ms>) = (row.get(10)?, row.get(11)?);
            let witnesses: String = row.get(14)?;
            let witnesses: Vec<serde_json::Value> = serde_json::from_str(&witnesses).unwrap_or_default();
            found.incidents.push(Incident {
                school: school(row.get(1)?),
                scope: readable(&row.get::<_, String>(2)?, &names),
                check: row.get(3)?,
                instance: row.get(4)?,
                cause: row.get(5)?,
                confidence: row.get(6)?,
                started: (row.get(7)?, row.get(8)?),
                detected: row.get(9)?,
                ended: ended.0.zip(ended.1),
                resolved: row.get(12)?,
                ticket: ticket.map(|(number, _)| number),
                witnesses: witnesses.len(),
                history: incident_entries.get(&id).cloned().unwrap_or_default(),
            });
            Ok(())
        })?;
        for (incident, place) in of_ticket.into_iter().enumerate() {
            if let Some(ticket) = place.and_then(|place| found.tickets.get_mut(place)) {
                ticket.incidents.push(incident);
            }
        }
        all(sql, "SELECT school, code, created, ticket FROM outbox ORDER BY created, id", |row| {
            let ticket: Option<Vec<u8>> = row.get(3)?;
            let ticket = ticket.and_then(|id| numbers.get(&id).map(|(number, _)| *number));
            found.messages.push(Message { school: school(row.get(0)?), code: row.get(1)?, at: row.get(2)?, ticket });
            Ok(())
        })?;
        const FINDINGS: &str = "SELECT m.school, m.host_name, f.code, f.at FROM finding f \
            JOIN machine m ON m.id = f.machine ORDER BY f.at, m.host_name, f.code";
        all(sql, FINDINGS, |row| {
            let (school, machine) = (school(row.get(0)?), row.get(1)?);
            found.findings.push(Finding { school, machine, code: row.get(2)?, at: row.get(3)? });
            Ok(())
        })?;
        const MACHINES: &str = "SELECT m.school, m.host_name, m.status, l.presence FROM machine m \
            JOIN liveness l ON l.machine = m.id ORDER BY m.school, m.host_name, m.enrolled";
        all(sql, MACHINES, |row| {
            let (school, machine) = (school(row.get(0)?), row.get(1)?);
            found.machines.push(Known { school, machine, status: row.get(2)?, presence: row.get(3)? });
            Ok(())
        })?;
        Ok(found)
    }
}

/// `school`, `machine PC01`, `room A`; what is not known here stays as it is.
fn readable(scope: &str, names: &BTreeMap<Vec<u8>, String>) -> String {
    let bytes = |text: &str| data_encoding::HEXLOWER_PERMISSIVE.decode(text.replace('-', "").as_bytes()).ok();
    match scope.split_once(':') {
        Some(("school", _)) => "school".to_owned(),
        Some(("machine", id)) => {
            let name = bytes(id).and_then(|id| names.get(&id).cloned());
            format!("machine {}", name.unwrap_or_else(|| id.to_owned()))
        }
        // A room or a switch is named after its school: `room:SCHOOL:NAME`.
        Some((kind, rest)) => {
            let name = rest.rsplit_once(':').map_or(rest, |(_, name)| name);
            format!("{kind} {name}")
        }
        None => scope.to_owned(),
    }
}

fn all(sql: &Connection, text: &str, mut each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    let mut statement = sql.prepare(text).with_context(|| text.to_owned())?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row).with_context(|| text.to_owned())?;
    }
    Ok(())
}

fn pairs(sql: &Connection, text: &str) -> Result<BTreeMap<Vec<u8>, String>> {
    let mut found = BTreeMap::new();
    all(sql, text, |row| {
        found.insert(row.get(0)?, row.get(1)?);
        Ok(())
    })?;
    Ok(found)
}

fn entries(sql: &Connection, text: &str) -> Result<BTreeMap<Vec<u8>, Vec<Entry>>> {
    let mut found: BTreeMap<Vec<u8>, Vec<Entry>> = BTreeMap::new();
    all(sql, text, |row| {
        let entry = Entry { at: row.get(1)?, by: row.get(2)?, code: row.get(3)?, figures: row.get(4)? };
        found.entry(row.get(0)?).or_default().push(entry);
        Ok(())
    })?;
    Ok(found)
}
