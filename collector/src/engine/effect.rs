//! What the engine wants written. Incidents are named by their key and tickets by their group key, both unique while
//! open: the store gives identifiers and numbers.

use super::{Calm, Habit, IncidentKey, NetworkKind, Presence};
use crate::calendar::Pause;
use crate::helpdesk::ticket_policy::Level;
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

/// Why something is broken, as far as evidence discriminates (invariant 6). The words are those of the store, of message
/// keys and of scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// From outside a power cut, a cut line and a proxy that blocks us look alike.
    Undetermined,
    /// Machines came back with a new boot and no goodbye: the current failed.
    Power,
    /// Machines lost their link: a switch, or the cable to it.
    Switch,
    /// The pedagogical network: its machines do not reach their gateway, or fell silent while the other network speaks.
    PedagogicalNetwork,
    /// The same of the administrative network.
    AdministrativeNetwork,
    /// No resolver answers.
    Dns,
    /// Resolvers answer wrongly.
    DnsLying,
    /// Pages and connections fail while the line carries pings: proxy or filter.
    Proxy,
    /// A captive portal, or a block page, answers in the place of the outside.
    Portal,
    /// Somebody answers TLS in the place of the collector.
    TlsInterception,
    /// Machines have no address: DHCP does not answer.
    Dhcp,
    /// Inside the school all is well up to the gateway, outside nothing answers.
    Line,
    /// The line loses packets, is slow or full.
    DegradedLine,
    /// The school calls from another address than usual: it is on its back-up line.
    BackupLine,
    /// The outside answers, only the collector does not: its name or address is blocked there.
    BlockedByName,
    /// The collector itself was out of reach.
    Collector,
    /// The machine itself (a full volume, a server that is off).
    Machine,
    /// Read from an earlier format: switch or power.
    SwitchOrPower,
    /// Read from an earlier format: the gateway did not answer from inside.
    SchoolNetwork,
    /// Read from an earlier format: something answers in the place of the outside.
    Interception,
}

impl Cause {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 20] = {
        use Cause::*;
        [
            Undetermined,
            Power,
            Switch,
            PedagogicalNetwork,
            AdministrativeNetwork,
            Dns,
            DnsLying,
            Proxy,
            Portal,
            TlsInterception,
            Dhcp,
            Line,
            DegradedLine,
            BackupLine,
            BlockedByName,
            Collector,
            Machine,
            SwitchOrPower,
            SchoolNetwork,
            Interception,
        ]
    };

    /// The word of the store and of message keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undetermined => "undetermined",
            Self::Power => "power",
            Self::Switch => "switch",
            Self::PedagogicalNetwork => "pedagogical_network",
            Self::AdministrativeNetwork => "administrative_network",
            Self::Dns => "dns",
            Self::DnsLying => "dns_lying",
            Self::Proxy => "proxy",
            Self::Portal => "portal",
            Self::TlsInterception => "tls_interception",
            Self::Dhcp => "dhcp",
            Self::Line => "line",
            Self::DegradedLine => "degraded_line",
            Self::BackupLine => "backup_line",
            Self::BlockedByName => "blocked_by_name",
            Self::Collector => "collector",
            Self::Machine => "machine",
            Self::SwitchOrPower => "switch_or_power",
            Self::SchoolNetwork => "school_network",
            Self::Interception => "interception",
        }
    }

    /// From the word of the store.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

    /// The cause that names a whole network.
    pub fn of_network(kind: NetworkKind) -> Self {
        match kind {
            NetworkKind::Pedagogical => Self::PedagogicalNetwork,
            NetworkKind::Administrative => Self::AdministrativeNetwork,
        }
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
    /// What it is about, for sorting.
    pub category: String,
    /// How soon it hurts.
    pub urgency: Level,
    /// How many it hurts.
    pub impact: Level,
    /// Time allowed, minutes of business hours.
    pub allowed_minutes: u32,
    /// Seconds that all must have been well until it is resolved.
    pub quiet_s: u32,
    /// Seconds after its end within which a recurrence reopens it.
    pub reopen_within_s: u32,
    /// Whether it follows the ticket of this group that was resolved last.
    pub follows: bool,
    /// When its clock started: detection or call, or the end of a maintenance that covered it.
    pub opened: Timestamp,
    /// When it is due.
    pub due: Timestamp,
    /// When this was decided.
    pub at: Timestamp,
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
    /// What was learnt of a machine's habits.
    SetHabit {
        /// Who.
        machine: MachineId,
        /// All of it.
        habit: Habit,
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
    /// An open incident is about more than was thought: it keeps its history, its number and its ticket.
    WidenIncident {
        /// What it was about.
        from: IncidentKey,
        /// What it is about.
        to: IncidentKey,
        /// When that was learnt.
        at: Timestamp,
        /// Line of history.
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
    /// An incident that ended lately goes on: it is opened again with its history and its ticket.
    ReturnIncident {
        /// On what.
        key: IncidentKey,
        /// When it came back, all within the window of flapping.
        returns: Vec<Timestamp>,
        /// When that was learnt.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
    /// An incident that flaps is well for now, or no longer (`None`).
    SetCalm {
        /// On what.
        key: IncidentKey,
        /// The end that holds if nothing breaks again.
        calm: Option<Calm>,
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
    /// Open the ticket of a group again that was resolved last, under its number, and put an incident on it.
    ReopenTicket {
        /// The incident.
        key: IncidentKey,
        /// The ticket.
        group_key: String,
        /// Intervals in which its clock stood, the one that ends now included.
        pauses: Vec<Pause>,
        /// When it is due now.
        due: Timestamp,
        /// When.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
    /// All is well again on the open ticket of a group that a person works on: its clock stops, a person closes it.
    RestoreTicket {
        /// The ticket.
        group_key: String,
        /// When service was restored, as well as it is known.
        restored: Timestamp,
        /// When that was proven.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
    /// Trouble is back on the open ticket of a group whose clock had stopped: it runs again.
    UnrestoreTicket {
        /// The ticket.
        group_key: String,
        /// Intervals in which its clock stood, the one that ends now included.
        pauses: Vec<Pause>,
        /// When it is due now.
        due: Timestamp,
        /// When.
        at: Timestamp,
        /// Line of history.
        note: Note,
    },
    /// The open ticket of a group is about something more pressing than it was opened for: from now on the terms of that
    /// hold, and its clock is that of what joined.
    TightenTicket {
        /// The ticket as it is from now on; its group stays.
        ticket: NewTicket,
        /// Line of history.
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
