//! What people do at the desk: calls, work on tickets, planned maintenance.

use jiff::Timestamp;
use vigie_shared::id::{MachineId, MaintenanceId, TicketId};
use vigie_shared::uai::Uai;

/// Longest text that somebody writes on a ticket, characters.
pub const TICKET_TEXT_MAX: usize = 2000;

/// Somebody called about a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// The school.
    pub school: Uai,
    /// About what: one of [`crate::helpdesk::ticket_policy::TicketPolicy::subjects`].
    pub subject: String,
    /// What was said.
    pub text: String,
    /// Login of who took the call.
    pub by: String,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The ticket it is on.
    pub ticket: TicketId,
    /// Its number.
    pub number: u64,
    /// Whether the ticket was open before: the call joined it.
    pub joined: bool,
    /// The maintenance that the school is in, if there is one: its reason and its end.
    pub maintenance: Option<(String, Timestamp)>,
}

/// What somebody does on a ticket. Texts may be empty, except that of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketAct {
    /// Says that they work on it.
    Take,
    /// Writes something down.
    Note(String),
    /// Closes it.
    Resolve(String),
    /// Opens it again: it was not over.
    Reopen(String),
}

/// What a maintenance is planned for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedFor {
    /// Everything.
    Fleet,
    /// The schools of a basin.
    Basin(String),
    /// One school.
    School(Uai),
    /// One room of a school.
    Room(Uai, String),
    /// One machine.
    Machine(MachineId),
}

/// A maintenance to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMaintenance {
    /// For what.
    pub planned_for: PlannedFor,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
    /// Login of who plans it.
    pub by: String,
}

/// A maintenance as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceView {
    /// Which.
    pub id: MaintenanceId,
    /// `fleet`, `basin`, `school`, `room` or `machine`.
    pub kind: String,
    /// The school, for those of one.
    pub school: Option<(Uai, String)>,
    /// The machine and its name, for that of one.
    pub machine: Option<(MachineId, String)>,
    /// Name of the basin or of the room.
    pub subject: Option<String>,
    /// When it begins.
    pub from: Timestamp,
    /// When it was planned to end.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
    /// Who planned it.
    pub by: String,
    /// When it was planned.
    pub created: Timestamp,
    /// When somebody ended it before its time.
    pub ended: Option<Timestamp>,
    /// Who did.
    pub ended_by: Option<String>,
}

/// A version of the ticket policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its number.
    pub version: u64,
    /// When it was put in force.
    pub since: Timestamp,
    /// By whom.
    pub by: String,
}
