//! The rows the engine sees: one school's, as they are in the transaction that calls it.

use super::{Bracket, Cause, Confidence, Habit, IncidentKey, Maintenance, NetworkKind};
use crate::calendar::{Pause, SchoolCalendars};
use crate::helpdesk::ticket_policy::TicketPolicy;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use vigie_shared::check::{CheckState, Reason};
use vigie_shared::id::{LineId, MachineId, SchoolId};

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

/// What a machine is, which says what its silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A school PC: off when nobody needs it.
    #[default]
    Workstation,
    /// As a workstation; it may be closed and carried to another room.
    Laptop,
    /// Always on: its silence in business hours is an incident.
    Server,
    /// Leaves the school: never a witness, one contact a day is enough.
    Nomade,
}

impl Kind {
    /// The word of the store and of ticket rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workstation => "workstation",
            Self::Laptop => "laptop",
            Self::Server => "server",
            Self::Nomade => "nomade",
        }
    }

    /// From the word of the store; a kind that is not known is taken for a workstation.
    pub fn parse(word: &str) -> Self {
        match word {
            "laptop" => Self::Laptop,
            "server" => Self::Server,
            "nomade" => Self::Nomade,
            _ => Self::Workstation,
        }
    }
}

/// One machine of the school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRow {
    /// Approved: it votes and may have tickets (invariant 13 and quarantine).
    pub trusted: bool,
    /// What it is.
    pub kind: Kind,
    /// The room it stands in; empty: not known.
    pub room: String,
    /// When it was enrolled: it knows nothing of what was usual before.
    pub enrolled: Timestamp,
    /// Last receipt time.
    pub last_seen: Option<Timestamp>,
    /// Presence as last decided.
    pub presence: Presence,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it is usually there, and how it usually leaves.
    pub habit: Habit,
    /// Heartbeat it was told, seconds.
    pub interval_s: u32,
    /// Its back-off cap, seconds ([`vigie_shared::policy`]).
    pub backoff_cap_s: u32,
    /// From where its last call came: the address by which it leaves its school.
    pub address: Option<IpAddr>,
    /// Since when it comes from there; `None` when that is not known.
    pub address_since: Option<Timestamp>,
    /// From where it usually comes: differs from `address` while it leaves by another line than it used to.
    pub usual_address: Option<IpAddr>,
    /// The network it is on: told by its address (a line that carries one network only, an address range of the school),
    /// else the one it was last known to be on, as on a back-up line whose address tells nothing.
    pub network: Option<NetworkKind>,
}

/// One internet access of the school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRow {
    /// Whose it is.
    pub operator: String,
    /// Its public address: that of the school's router, and the one that calls over it come from.
    pub address: IpAddr,
    /// A back-up: used when another line is down.
    pub backup: bool,
    /// The networks that leave by it; never empty.
    pub carries: BTreeSet<NetworkKind>,
    /// Whether its router answered the collector's probe, as last confirmed. `None` when that is no evidence: it is not
    /// probed, or never answered, or its silence may be the collector's own (all probed lines fell silent together).
    pub answers: Option<bool>,
    /// Since when the last confirmed result is so: the first look that came to it.
    pub since: Option<Timestamp>,
    /// The last answer before `since`: with it, the bracket in which the router fell silent.
    pub last_answer: Option<Timestamp>,
    /// Whether it ever answered.
    pub ever_answered: bool,
}

impl MachineRow {
    /// Whether it may bear witness for its school (invariant 13): approved, and never away from it.
    pub fn is_eye(&self) -> bool {
        self.trusted && self.kind != Kind::Nomade
    }

    /// The network it counts for: classrooms unless something tells otherwise.
    pub fn net(&self) -> NetworkKind {
        self.network.unwrap_or(NetworkKind::Pedagogical)
    }
}

impl Default for MachineRow {
    /// An approved workstation that was never heard.
    fn default() -> Self {
        Self {
            trusted: true,
            kind: Kind::Workstation,
            room: String::new(),
            enrolled: Timestamp::UNIX_EPOCH,
            last_seen: None,
            presence: Presence::Never,
            since: None,
            habit: Habit::default(),
            interval_s: 60,
            backoff_cap_s: 120,
            address: None,
            address_since: None,
            usual_address: None,
            network: None,
        }
    }
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
    /// When it came back after an end, within the policy's
    /// [`window_s`](crate::helpdesk::ticket_policy::Flapping::window_s), oldest first.
    pub returns: Vec<Timestamp>,
    /// While it flaps: the end that holds if nothing breaks again, and since when all is well.
    pub calm: Option<Calm>,
}

/// An end that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calm {
    /// Since when all is well, as learnt.
    pub since: Timestamp,
    /// When it ended.
    pub ended: Bracket,
}

/// One open ticket, with the terms on which it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// When its clock started.
    pub opened: Timestamp,
    /// A person wrote on it, took it or changed it: the machine no longer closes it.
    pub touched_by_human: bool,
    /// A call opened it: whatever is wrong with its check joins it, however the policy groups.
    pub called: bool,
    /// Minutes of business hours allowed.
    pub allowed_minutes: u32,
    /// Seconds that all must have been well, as learnt, until it is resolved.
    pub quiet_s: u32,
    /// Seconds after its end within which a recurrence reopens it.
    pub reopen_within_s: u32,
    /// Intervals in which its clock stood.
    pub pauses: Vec<Pause>,
    /// When service was restored, while it waits for a person to close it.
    pub restored: Option<Timestamp>,
    /// When it was last opened again: what was learnt before proves nothing any more.
    pub reopened: Option<Timestamp>,
    /// The latest end among its incidents that ended.
    pub well: Option<Well>,
}

/// The end of what a ticket is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Well {
    /// When service was restored, as well as it is known.
    pub restored: Timestamp,
    /// When that was learnt.
    pub learnt: Timestamp,
}

/// A ticket that was resolved, while a recurrence may open it again or follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedTicket {
    /// As it was at its end; service was restored at its `restored`, if that is known.
    pub ticket: TicketRow,
    /// When it was resolved.
    pub resolved: Timestamp,
}

/// An open verdict on a basin's operator, or on the collector, that explains what is wrong in this school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its key.
    pub key: IncidentKey,
    /// Why.
    pub cause: Cause,
    /// When it began.
    pub started: Bracket,
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
    /// All others that were resolved within the last nine days: what a machine tells after a week may be part of one.
    pub past: Vec<(IncidentKey, IncidentRow)>,
    /// Open tickets by group key.
    pub tickets: BTreeMap<String, TicketRow>,
    /// Its lines.
    pub lines: BTreeMap<LineId, LineRow>,
    /// When it is open.
    pub calendars: SchoolCalendars,
    /// Verdicts on more than this school that hold for it.
    pub parents: Vec<Parent>,
    /// Those that held for it and ended within the last days, each with its end: what machines tell later of that time is
    /// explained.
    pub past_parents: Vec<(Parent, Bracket)>,
    /// Whether other schools of its area may be cut with it.
    pub siblings: bool,
    /// Whether somebody of another school has been heard for some time now, or there is no other: the collector's own line
    /// carries. Looked up only while a server is silent.
    pub elsewhere: bool,
    /// The ticket of each group that was resolved last, if within
    /// [`FOLLOWS_WITHIN`](crate::helpdesk::ticket_policy::FOLLOWS_WITHIN).
    pub ended_tickets: BTreeMap<String, EndedTicket>,
    /// Planned maintenance of the school that has begun, lately ended ones included.
    pub maintenance: Vec<Maintenance>,
    /// Which incidents become tickets.
    pub ticket_policy: Arc<TicketPolicy>,
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
            past: vec![],
            tickets: BTreeMap::new(),
            lines: BTreeMap::new(),
            calendars: SchoolCalendars::always_open(),
            parents: Vec::new(),
            past_parents: Vec::new(),
            siblings: false,
            elsewhere: true,
            ended_tickets: BTreeMap::new(),
            maintenance: vec![],
            ticket_policy: Arc::default(),
            absence: None,
        }
    }

    /// All incidents at hand, open and past.
    pub fn all_incidents(&self) -> impl Iterator<Item = (&IncidentKey, &IncidentRow)> {
        self.incidents.iter().chain(self.past.iter().map(|(key, row)| (key, row)))
    }
}
