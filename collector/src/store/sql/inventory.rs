//! Sections of the inventory: bytes as sent, written only when their digest changes. What is not complete never replaces
//! the last complete body: both are kept. What changed from one to the next is kept by [`history`].

use super::super::StoreError;
use super::row::{json, ms, params};
use super::writer::Tx;
use super::{effects, findings, history};
use crate::engine::{Input, Note};
use crate::facts::wanted::{self, Held, Said};
use jiff::Timestamp;
use serde::Deserialize;
use vigie_shared::digest::Digest;
use vigie_shared::id::MachineId;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Checks, name};
use vigie_shared::sync::{SyncRequest, Want};

/// What came of the inventory of a call.
#[derive(Default)]
pub struct Stored {
    /// What to answer.
    pub want: Option<Want>,
    /// Whether there is something new to see.
    pub visible: bool,
    /// The states of the checks, when that section was stored.
    pub input: Option<Input>,
}

/// Stores what a call brings of the inventory and says what is lacking.
pub fn store(
    tx: &Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    machine: MachineId,
    whole: Option<Digest>,
) -> Result<Stored, StoreError> {
    let nothing = request.sections.is_empty() && request.digests.is_none();
    if nothing && (request.inventory.is_none() || request.inventory == whole) {
        return Ok(Stored::default());
    }
    let held = held(tx, machine, whole)?;
    let digest = |body: &str| (Digest::of(body.as_bytes()), body.len());
    let said = Said {
        inventory: request.inventory,
        digests: request.digests.clone(),
        bodies: request.sections.iter().map(|(name, body)| (name.clone(), digest(body.get()))).collect(),
    };
    let plan = wanted::plan(&held, &said);

    let mut stored = Stored { want: plan.want, ..Stored::default() };
    for name in &plan.store {
        let Some((body, (digest, _))) = request.sections.get(name).zip(said.bodies.get(name)) else { continue };
        history::compare(tx, machine, name, body.get(), received)?;
        write(tx, machine, name, *digest, body.get(), received)?;
        stored.visible = true;
        if name == name::CHECKS {
            stored.input = standings(machine, body.get(), received);
        }
    }
    for refused in &plan.refused {
        let note = Note::new(refused.code).with("section", refused.name.escape_debug());
        let subject = format!("{}:{:?}", refused.name, said.bodies.get(&refused.name).map(|(digest, _)| digest));
        stored.visible |= findings::add(tx.sql, machine, received, effects::MACHINE, &note, &subject, None)?;
    }
    if let Some(announced) = &plan.announced {
        const SQL: &str = "INSERT INTO announced (machine, digests) VALUES (?1, ?2) \
                           ON CONFLICT (machine) DO UPDATE SET digests = excluded.digests";
        tx.sql.execute(SQL, params![machine.as_bytes(), json(announced)?])?;
    }
    if let Some(whole) = plan.whole {
        const SQL: &str = "UPDATE liveness SET inventory = ?2 WHERE machine = ?1";
        tx.sql.execute(SQL, params![machine.as_bytes(), whole.as_bytes()])?;
    }
    Ok(stored)
}

fn held(tx: &Tx<'_>, machine: MachineId, whole: Option<Digest>) -> Result<Held, StoreError> {
    const ANNOUNCED: &str = "SELECT digests FROM announced WHERE machine = ?1";
    let announced: Option<String> = tx.sql.find(ANNOUNCED, params![machine.as_bytes()], |row| row.get(0))?;
    let announced = match announced {
        None => Default::default(),
        Some(text) => serde_json::from_str(&text).map_err(|e| StoreError::Failed(format!("digests as stored: {e}")))?,
    };
    const SECTIONS: &str = "SELECT name, digest FROM section WHERE machine = ?1";
    let sections = tx.sql.all(SECTIONS, params![machine.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Held { whole, announced, sections })
}

/// Only the tag of an outcome: the rest of the section may be newer than this program.
#[derive(Deserialize)]
struct Tag {
    outcome: String,
}

fn write(
    tx: &Tx<'_>,
    machine: MachineId,
    name: &str,
    digest: Digest,
    body: &str,
    received: Timestamp,
) -> Result<(), StoreError> {
    let outcome = match serde_json::from_str::<Tag>(body) {
        Ok(tag) if ["complete", "partial", "unavailable"].contains(&tag.outcome.as_str()) => tag.outcome,
        _ => "unknown".to_owned(),
    };
    // A complete body needs no other beside it. Anything else keeps the last complete one: the row's own body if that is
    // what it is, else the one already beside it.
    const SQL: &str = "INSERT INTO section (machine, name, digest, outcome, body, received) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
        ON CONFLICT (machine, name) DO UPDATE SET digest = excluded.digest, outcome = excluded.outcome, \
            body = excluded.body, received = excluded.received, \
            complete_body = CASE WHEN excluded.outcome = 'complete' THEN NULL \
                WHEN section.outcome = 'complete' THEN section.body ELSE section.complete_body END, \
            complete_received = CASE WHEN excluded.outcome = 'complete' THEN NULL \
                WHEN section.outcome = 'complete' THEN section.received ELSE section.complete_received END";
    let row = params![machine.as_bytes(), name, digest.as_bytes(), outcome, body, ms(received)];
    tx.sql.execute(SQL, row)?;
    Ok(())
}

/// Confirmed states, for the engine. A section that was only read in part says nothing about what it lacks: it is left.
fn standings(machine: MachineId, body: &str, at: Timestamp) -> Option<Input> {
    match serde_json::from_str::<Outcome<Checks>>(body) {
        Ok(Outcome::Complete { data }) => Some(Input::Standings { machine, at, standings: data.checks }),
        _ => None,
    }
}
