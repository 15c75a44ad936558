//! What the pages read. Facts only: words, colours and order of importance are the pages' business.

use super::LineSummary;
use crate::calendar::Pause;
use crate::engine::{Bracket, Cause, Confidence, Note, Presence};
use jiff::Timestamp;
use std::collections::BTreeMap;
use vigie_shared::check::{CheckState, Reason};
use vigie_shared::id::{IncidentId, MachineId, SchoolId, TicketId};
use vigie_shared::uai::Uai;

/// What a machine's cell shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSummary {
    /// Who.
    pub id: MachineId,
    /// Name on its network.
    pub host_name: String,
    /// `workstation`, `laptop`, `server`, `nomade`.
    pub kind: String,
    /// Approved, quarantined or revoked: `trusted`, `quarantined`, `revoked`.
    pub status: String,
    /// Presence at the time of reading: a machine whose heartbeat is late is `Silent` even before the engine says so.
    pub presence: Presence,
    /// Last receipt time.
    pub last_seen: Option<Timestamp>,
    /// Worst state among its checks; `None` without checks.
    pub worst: Option<CheckState>,
    /// Why the worst check is in its state, with its name and instance.
    pub worst_check: Option<(String, String, Reason)>,
}

/// An incident as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentSummary {
    /// Which.
    pub id: IncidentId,
    /// Check.
    pub check: String,
    /// Instance, or empty.
    pub instance: String,
    /// The machine, for an incident of one machine.
    pub machine: Option<(MachineId, String)>,
    /// Why.
    pub cause: Cause,
    /// How sure.
    pub confidence: Confidence,
    /// When it began.
    pub started: Bracket,
    /// When it was detected.
    pub detected: Timestamp,
    /// When it ended.
    pub ended: Option<Bracket>,
    /// How many machines bear witness.
    pub witnesses: usize,
    /// History, oldest first.
    pub history: Vec<HistoryLine>,
}

/// A school as shown in the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolSummary {
    /// Id.
    pub id: SchoolId,
    /// National number.
    pub uai: Uai,
    /// Name.
    pub name: String,
    /// Town.
    pub town: String,
    /// Basin, when known.
    pub basin: Option<String>,
    /// Version of what there is to see.
    pub version: u64,
    /// Machines by name.
    pub machines: Vec<MachineSummary>,
    /// Open incidents.
    pub open: Vec<IncidentSummary>,
    /// Internet outages that touch the last 24 hours: `(from, to)`, `to` absent while it lasts.
    pub outages: Vec<(Timestamp, Option<Timestamp>)>,
}

/// The fleet page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Schools that have at least one machine, by name.
    pub schools: Vec<SchoolSummary>,
    /// Schools without any machine (only counted).
    pub empty_schools: usize,
    /// Open tickets by due time.
    pub tickets: Vec<TicketSummary>,
    /// Machines in quarantine.
    pub quarantined: usize,
}

/// The page of one school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolPage {
    /// The school.
    pub school: SchoolSummary,
    /// Its tickets, open ones first, then the latest resolved (at most 20).
    pub tickets: Vec<TicketSummary>,
    /// Its address ranges: `(kind, cidr)`.
    pub networks: Vec<(String, String)>,
    /// Its internet accesses, the main ones first.
    pub lines: Vec<LineSummary>,
}

/// One section as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionRow {
    /// Name.
    pub name: String,
    /// Latest body as sent: JSON of an `Outcome`.
    pub body: String,
    /// When it came.
    pub received: Timestamp,
    /// The last complete body, when the latest is not.
    pub last_complete: Option<(String, Timestamp)>,
}

/// One check as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    /// Name.
    pub check: String,
    /// Instance, or empty.
    pub instance: String,
    /// State.
    pub state: CheckState,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
    /// What was seen.
    pub evidence: BTreeMap<String, String>,
}

/// The page of one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct MachinePage {
    /// The machine.
    pub machine: MachineSummary,
    /// Its school.
    pub school: (Uai, String),
    /// When it enrolled.
    pub enrolled: Timestamp,
    /// Address of its last call.
    pub address: Option<String>,
    /// Sections by name.
    pub sections: Vec<SectionRow>,
    /// Checks.
    pub checks: Vec<CheckView>,
    /// Latest samples: `(metric, instance, value, at)`.
    pub samples: Vec<(String, String, f64, Timestamp)>,
    /// Open incidents of this machine.
    pub open: Vec<IncidentSummary>,
    /// Identity findings, latest first: code and figures.
    pub findings: Vec<HistoryLine>,
}

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSummary {
    /// Id.
    pub id: TicketId,
    /// Number said on the phone.
    pub number: u64,
    /// School.
    pub school: (Uai, String),
    /// Check it is about.
    pub check: String,
    /// The machine and instance, when it is about one.
    pub about: Option<(String, String)>,
    /// Open or resolved.
    pub open: bool,
    /// When its clock started.
    pub opened: Timestamp,
    /// When it is due.
    pub due: Timestamp,
    /// Minutes of business hours allowed.
    pub allowed_minutes: u32,
    /// When service was restored.
    pub restored: Option<Timestamp>,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// What it is about, for sorting.
    pub category: String,
    /// Priority of urgency × impact: 1 is the highest, 5 the lowest.
    pub priority: u8,
    /// Intervals in which its clock stood.
    pub pauses: Vec<Pause>,
    /// Login of who took it.
    pub taken_by: Option<String>,
    /// When somebody called about it first.
    pub called: Option<Timestamp>,
}

impl TicketSummary {
    /// Whether its time is up at an instant: a clock that stopped at the restoration no longer runs out.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.open && self.restored.unwrap_or(now) > self.due
    }
}

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// When.
    pub at: Timestamp,
    /// Who: `vigie` or a login.
    pub by: String,
    /// What.
    pub note: Note,
}

/// The page of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPage {
    /// The ticket.
    pub ticket: TicketSummary,
    /// The former ticket of its group that it follows, and its number.
    pub follows: Option<(TicketId, u64)>,
    /// Its incidents.
    pub incidents: Vec<IncidentSummary>,
    /// Its history, oldest first.
    pub history: Vec<HistoryLine>,
}

/// A machine that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedMachine {
    /// Who.
    pub id: MachineId,
    /// Name on its network.
    pub host_name: String,
    /// School of its token.
    pub school: (Uai, String),
    /// Address it enrolled from.
    pub address: String,
    /// When.
    pub enrolled: Timestamp,
    /// Why it waits: `address_not_expected`, `other_hardware`, …
    pub why: String,
}
