//! The rows the engine sees: one school's, as they are in the transaction that calls it.

use super::{Bracket, Cause, Confidence, IncidentKey};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckState, Reason};
use vigie_shared::id::{MachineId, SchoolId};

/// Whether a machine is there. The store keeps the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Enrolled, never heard.
    Never,
    /// Heard lately.
    Online,
    /// Said goodbye: off as expected.
    Left,
    /// Not heard, without goodbye.
    Silent,
}

impl Presence {
    /// The word of the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Online => "online",
            Self::Left => "left",
            Self::Silent => "silent",
        }
    }

    /// From the word of the store.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Never, Self::Online, Self::Left, Self::Silent].into_iter().find(|p| p.as_str() == word)
    }
}

/// One machine of the school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRow {
    /// Approved: it votes and may have tickets (invariant 13 and quarantine).
    pub trusted: bool,
    /// May bear witness for its school: false for machines that leave it (*nomade*).
    pub vantage: bool,
    /// Last receipt time.
    pub last_seen: Option<Timestamp>,
    /// Presence as last decided.
    pub presence: Presence,
    /// Heartbeat it was told, seconds.
    pub interval_s: u32,
    /// Its back-off cap, seconds ([`vigie_shared::policy`]).
    pub backoff_cap_s: u32,
}

/// State of one check on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// State.
    pub state: CheckState,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
}

/// One incident: open, or resolved within the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Why.
    pub cause: Cause,
    /// How sure.
    pub confidence: Confidence,
    /// When it began.
    pub started: Bracket,
    /// When it was detected.
    pub detected: Timestamp,
    /// When it ended; `None` while open.
    pub ended: Option<Bracket>,
    /// Machines that bear witness.
    pub witnesses: BTreeSet<MachineId>,
    /// What machines named as the cause, from what they saw themselves.
    pub votes: BTreeMap<MachineId, Cause>,
    /// Group key of its ticket, if it has one.
    pub ticket: Option<String>,
}

/// One open ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// When its clock started.
    pub opened: Timestamp,
    /// A person wrote on it, took it or changed it: the machine no longer closes it.
    pub touched_by_human: bool,
}

/// The last time this collector was not listening (stopped, killed, moved).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectorAbsence {
    /// Last instant at which it was certainly listening.
    pub from: Timestamp,
    /// When it listened again.
    pub until: Timestamp,
}

/// All rows of one school that the engine may look at. Stages change it as they decide; the store drops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The school.
    pub school: SchoolId,
    /// Its machines, deleted and revoked ones left out.
    pub machines: BTreeMap<MachineId, MachineRow>,
    /// Checks of its machines: `(machine, check, instance)`.
    pub checks: BTreeMap<(MachineId, String, String), CheckRow>,
    /// Open incidents, and those resolved within the last 24 hours (the latest for each key).
    pub incidents: BTreeMap<IncidentKey, IncidentRow>,
    /// Open tickets by group key.
    pub tickets: BTreeMap<String, TicketRow>,
    /// The collector's last absence.
    pub absence: Option<CollectorAbsence>,
}

impl View {
    /// An empty school.
    pub fn new(school: SchoolId) -> Self {
        Self {
            school,
            machines: BTreeMap::new(),
            checks: BTreeMap::new(),
            incidents: BTreeMap::new(),
            tickets: BTreeMap::new(),
            absence: None,
        }
    }
}
