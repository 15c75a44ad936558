//! What the engine wants written. Incidents are named by their key and tickets by their group key, both unique while
//! open: the store gives identifiers and numbers.

use super::{IncidentKey, Presence};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckState, Reason};
use vigie_shared::id::MachineId;

/// An instant known to lie in `(after, by]`: the last observation of the old state and the first of the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bracket {
    /// Last instant at which it was certainly not so yet.
    pub after: Timestamp,
    /// First instant at which it was certainly so.
    pub by: Timestamp,
}

impl Bracket {
    /// The best single estimate: the middle. Its error is at most half the width.
    pub fn estimate(&self) -> Timestamp {
        let half = self.after.duration_until(self.by) / 2;
        self.after.checked_add(half).unwrap_or(self.by)
    }
}

/// Why something is broken, as far as evidence discriminates (invariant 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// From outside a power cut, a cut line and a proxy that blocks us look alike.
    Undetermined,
    /// Inside the school all is well up to the gateway, outside nothing answers.
    Line,
    /// The gateway itself did not answer from inside.
    SchoolNetwork,
    /// Machines lost their link: switch or power.
    SwitchOrPower,
    /// Names are not resolved, or wrongly.
    Dns,
    /// Something answers in the place of the outside.
    Interception,
    /// The machine itself (a full volume).
    Machine,
}

impl Cause {
    /// The word of the store and of message keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undetermined => "undetermined",
            Self::Line => "line",
            Self::SchoolNetwork => "school_network",
            Self::SwitchOrPower => "switch_or_power",
            Self::Dns => "dns",
            Self::Interception => "interception",
            Self::Machine => "machine",
        }
    }

    /// From the word of the store.
    pub fn parse(word: &str) -> Option<Self> {
        use Cause::*;
        [Undetermined, Line, SchoolNetwork, SwitchOrPower, Dns, Interception, Machine]
            .into_iter()
            .find(|c| c.as_str() == word)
    }
}

/// How sure the verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Some evidence.
    Probable,
    /// Several independent witnesses agree, or the machine measured itself.
    Confirmed,
}

impl Confidence {
    /// The word of the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probable => "probable",
            Self::Confirmed => "confirmed",
        }
    }

    /// From the word of the store.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Probable, Self::Confirmed].into_iter().find(|c| c.as_str() == word)
    }
}

/// One line of a history, as a code and its figures; pages put it into words. Append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Stable code, such as `opened_by_silence`; message keys are `note-<code with hyphens>`.
    pub code: String,
    /// Figures and names for the sentence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
}

impl Note {
    /// A note without figures.
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), with: BTreeMap::new() }
    }

    /// Adds a figure.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.with.insert(name.to_owned(), value.to_string());
        self
    }
}

/// A ticket to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// What joins incidents in one ticket: unique among open tickets of the school, such as `internet`.
    pub group_key: String,
    /// The check it is about.
    pub check: String,
    /// Time allowed, minutes of business hours.
    pub allowed_minutes: u32,
    /// When the clock started (detection or call).
    pub opened: Timestamp,
    /// When it is due.
    pub due: Timestamp,
}

/// One thing to write, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A machine's presence changed.
    SetPresence {
        /// Who.
        machine: MachineId,
        /// What it is now.
        presence: Presence,
        /// Since when.
        since: Timestamp,
    },
    /// A check's confirmed state changed.
    SetCheck {
        /// Who.
        machine: MachineId,
        /// Which check.
        check: String,
        /// On what.
        instance: String,
        /// New state.
        state: CheckState,
        /// Why.
        reason: Reason,
        /// Since when.
        since: Timestamp,
        /// What was seen.
        evidence: BTreeMap<String, String>,
    },
    /// A check no longer exists on the machine (a volume was taken out).
    RemoveCheck {
        /// Who.
        machine: MachineId,
        /// Which check.
        check: String,
        /// On what.
        instance: String,
    },
    /// Open an incident.
    OpenIncident {
        /// On what.
        key: IncidentKey,
        /// Why, as far as known.
        cause: Cause,
        /// How sure.
        confidence: Confidence,
        /// When it began.
        started: Bracket,
        /// When it was detected.
        detected: Timestamp,
        /// Machines that bear witness.
        witnesses: Vec<MachineId>,
        /// What machines named as the cause.
        votes: BTreeMap<MachineId, Cause>,
        /// First line of its history.
        note: Note,
    },
    /// Refine an incident, open or resolved lately: never opens or moves a ticket.
    AmendIncident {
        /// On what.
        key: IncidentKey,
        /// Why, as far as known now.
        cause: Cause,
        /// How sure.
        confidence: Confidence,
        /// When it began.
        started: Bracket,
        /// When it ended, if it has.
        ended: Option<Bracket>,
        /// What machines named as the cause, all so far.
        votes: BTreeMap<MachineId, Cause>,
        /// When this was learnt.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
    /// Resolve an open incident.
    ResolveIncident {
        /// On what.
        key: IncidentKey,
        /// When it ended.
        ended: Bracket,
        /// When that was learnt.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
    /// Put an incident on a ticket, opening the ticket unless one of that group is open.
    Ticket {
        /// The incident.
        key: IncidentKey,
        /// The ticket, if it must be opened.
        ticket: NewTicket,
    },
    /// Add a line to the open ticket of a group.
    NoteTicket {
        /// The ticket.
        group_key: String,
        /// When.
        at: Timestamp,
        /// The line.
        note: Note,
    },
    /// Resolve the open ticket of a group.
    ResolveTicket {
        /// The ticket.
        group_key: String,
        /// When service was restored, as well as it is known.
        restored: Timestamp,
        /// When that was learnt.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
}

/// What a decision comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What to write, in order, in the transaction of the facts.
    pub effects: Vec<Effect>,
    /// When this school must be looked at again even if nothing is heard; `None`: never.
    pub next_wake: Option<Timestamp>,
}
