//! What a statement cannot judge: digests of bodies, JSON, words, certificates. Read page by page.

use super::super::super::{Role, StoreError};
use super::super::copy::{Value, pages};
use super::super::engine::Sql;
use super::super::lines::carries;
use super::super::tables::{TABLES, Table};
use super::{Outcome, RESTORE};
use crate::calendar::school_holidays::Period;
use crate::calendar::{CalendarSettings, ClosureError, ClosureReason, Stretch, Zone};
use crate::engine::{Calm, Cause, Confidence, Habit, Presence, Scope};
use crate::fleet::changes::Kind;
use crate::fleet::hand::Life;
use crate::helpdesk::ticket_policy::{Level, TicketPolicy};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use vigie_shared::check::CheckState;
use vigie_shared::digest::Digest;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::MachineId;
use vigie_shared::policy::Policy;
use x509_parser::prelude::{FromDer, X509Certificate};

/// All of them.
pub const CHECKS: &[fn(&Sql) -> Outcome] = &[sections, events, readable, policies, authority];

/// A row with the names of its columns.
struct Named<'a> {
    table: &'static Table,
    row: &'a [Value],
}

impl<'a> Named<'a> {
    fn value(&self, name: &str) -> &'a Value {
        let place = self.table.carried().position(|column| column.name == name);
        place.and_then(|place| self.row.get(place)).unwrap_or(&Value::Null)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        if let Value::Text(text) = self.value(name) { Some(text) } else { None }
    }

    fn bytes(&self, name: &str) -> &'a [u8] {
        if let Value::Blob(bytes) = self.value(name) { bytes } else { &[] }
    }

    /// The primary key, in words.
    fn key(&self) -> String {
        let cells = self.table.columns.iter().zip(self.row).take(self.table.key);
        let words = cells.map(|(column, value)| match value {
            Value::Blob(bytes) => format!("{} {}", column.name, data_encoding::HEXLOWER.encode(bytes)),
            Value::Text(text) => format!("{} « {} »", column.name, text.escape_debug()),
            Value::Int(number) => format!("{} {number}", column.name),
            Value::Real(_) | Value::Null => column.name.to_owned(),
        });
        format!("{}: {}", self.table.name, words.collect::<Vec<_>>().join(", "))
    }
}

/// Looks at every row of a table.
fn each(sql: &Sql, table: &str, look: &mut dyn FnMut(&Named<'_>)) -> Result<(), StoreError> {
    let Some(table) = TABLES.iter().find(|listed| listed.name == table) else {
        return Err(StoreError::Failed(format!("table {table} is not listed")));
    };
    pages(sql, table, &mut |page| {
        page.iter().for_each(|row| look(&Named { table, row }));
        Ok(())
    })
}

fn sections(sql: &Sql) -> Outcome {
    let what = "the digest of every section is that of its body";
    digests(sql, Outcome::new("sections", what, RESTORE), "section")
}

fn events(sql: &Sql) -> Outcome {
    let what = "the digest of every event is that of its body";
    digests(sql, Outcome::new("events", what, RESTORE), "event")
}

fn digests(sql: &Sql, mut outcome: Outcome, table: &str) -> Outcome {
    let result = each(sql, table, &mut |row| {
        let body = row.text("body").unwrap_or_default();
        if Digest::of(body.as_bytes()).as_bytes() != row.bytes("digest") {
            outcome.add(format!("{}: the body is not what was received", row.key()));
        }
    });
    outcome.settle(result)
}

/// Reads a text column as the store does; an error says what is wrong with it.
type Reads = fn(&str) -> Result<(), String>;

fn json<T: DeserializeOwned>(text: &str) -> Result<(), String> {
    serde_json::from_str::<T>(text).map(drop).map_err(|error| error.to_string())
}

fn word<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<(), String> {
    parse(text).map(drop).ok_or_else(|| format!("the word « {} » is not known", text.escape_debug()))
}

/// A day or an instant of a closure.
fn moment(text: &str) -> Result<(), String> {
    match Stretch::parse(text, text) {
        // One instant alone is no stretch, but it can be read.
        Ok(_) | Err(ClosureError::Reversed { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

type Figures = BTreeMap<String, String>;

/// Columns that the store must be able to read.
const READ: &[(&str, &[(&str, Reads)])] = &[
    ("machine", &[("hardware", json::<HardwareEvidence>), ("hardware_seen", json::<HardwareEvidence>)]),
    ("liveness", &[("presence", |text| word(text, Presence::parse)), ("habit", json::<Habit>)]),
    (
        "line",
        &[
            ("address", |text| text.parse::<IpAddr>().map(drop).map_err(|error| error.to_string())),
            ("carries", |text| word(text, carries)),
        ],
    ),
    ("finding", &[("figures", json::<Figures>)]),
    ("machine_change", &[("kind", |text| word(text, Kind::parse))]),
    ("machine_hand", &[("state", |text| word(text, Life::parse))]),
    ("announced", &[("digests", json::<BTreeMap<String, Digest>>)]),
    ("check_state", &[("state", |text| word(text, CheckState::parse)), ("evidence", json::<Figures>)]),
    (
        "incident",
        &[
            ("scope", |text| text.parse::<Scope>().map(drop).map_err(|error| error.to_string())),
            ("cause", |text| word(text, Cause::parse)),
            ("confidence", |text| word(text, Confidence::parse)),
            ("witnesses", json::<BTreeSet<MachineId>>),
            ("votes", json::<BTreeMap<MachineId, Cause>>),
            ("returns", json::<Vec<Timestamp>>),
            ("calm", json::<Calm>),
        ],
    ),
    ("incident_history", &[("figures", json::<Figures>)]),
    (
        "ticket",
        &[
            ("urgency", |text| word(text, Level::parse)),
            ("impact", |text| word(text, Level::parse)),
            ("pauses", json::<Vec<(i64, i64)>>),
        ],
    ),
    ("ticket_entry", &[("figures", json::<Figures>)]),
    ("outbox", &[("figures", json::<Figures>)]),
    ("calendar", &[("body", |text| CalendarSettings::parse(text).map(drop).map_err(|error| error.to_string()))]),
    ("closure", &[("starts", moment), ("ends", moment), ("reason", |text| word(text, ClosureReason::parse))]),
    ("school_holiday", &[("zone", |text| word(text, Zone::parse)), ("body", json::<Vec<Period>>)]),
    ("user", &[("role", |text| word(text, Role::parse))]),
];

fn readable(sql: &Sql) -> Outcome {
    let mut outcome = Outcome::new("readable", "JSON and words are such that the store can read them", RESTORE);
    let result = READ.iter().try_for_each(|(table, columns)| {
        each(sql, table, &mut |row| {
            for (column, read) in *columns {
                if let Some(Err(why)) = row.text(column).map(read) {
                    outcome.add(format!("{}: {column}: {why}", row.key()));
                }
            }
        })
    });
    outcome.settle(result)
}

fn policies(sql: &Sql) -> Outcome {
    let what = "every policy can be read, is within its bounds and has its number";
    let advice =
        "put good ones in force: « vigie-collector policy set FILE », « vigie-collector ticket-policy set FILE »";
    let mut outcome = Outcome::new("policy", what, advice);
    let agents = |text: &str| {
        let policy: Policy = serde_json::from_str(text).map_err(|e| e.to_string())?;
        Ok((policy.version, policy.problems().iter().map(ToString::to_string).collect()))
    };
    let tickets = |text: &str| {
        let policy: TicketPolicy = serde_json::from_str(text).map_err(|e| e.to_string())?;
        Ok((policy.version, policy.problems().iter().map(ToString::to_string).collect()))
    };
    let result = versions(sql, "policy", agents, &mut outcome);
    let result = result.and_then(|()| versions(sql, "ticket_policy", tickets, &mut outcome));
    outcome.settle(result)
}

/// Looks at every version of a policy; `read` gives the version that its body says, and its problems.
fn versions(
    sql: &Sql,
    table: &str,
    read: impl Fn(&str) -> Result<(u64, Vec<String>), String>,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    each(sql, table, &mut |row| match read(row.text("body").unwrap_or_default()) {
        Err(error) => outcome.add(format!("{}: {error}", row.key())),
        Ok((version, problems)) => {
            if i64::try_from(version).map(Value::Int).as_ref() != Ok(row.value("version")) {
                outcome.add(format!("{}: its body says version {version}", row.key()));
            }
            problems.iter().for_each(|problem| outcome.add(format!("{}: {problem}", row.key())));
        }
    })
}

fn authority(sql: &Sql) -> Outcome {
    let mut outcome = Outcome::new("authority", "the certificate of the authority can be read", RESTORE);
    let result = each(sql, "authority", &mut |row| {
        if X509Certificate::from_der(row.bytes("certificate")).is_err() {
            outcome.add("the authority's certificate cannot be read");
        }
    });
    outcome.settle(result)
}
