//! Who is expected to be heard at an instant: calendar of the network, kind of machine, habit (invariant 5).

use super::{Kind, MachineRow, NetworkKind, View};
use crate::calendar::SchoolCalendar;
use jiff::Timestamp;

impl View {
    /// The calendar of a network.
    pub fn calendar(&self, network: NetworkKind) -> &SchoolCalendar {
        match network {
            NetworkKind::Pedagogical => &self.calendars.pedagogical,
            NetworkKind::Administrative => &self.calendars.administrative,
        }
    }
}

/// Whether the silence of a machine says something at an instant: servers are always on, others while their network is
/// open. People leave when it closes, and a breaker switched off in the evening says no goodbye.
pub fn silence_counts(view: &View, row: &MachineRow, at: Timestamp) -> bool {
    row.kind == Kind::Server || view.calendar(row.net()).is_open(at)
}

/// Whether a machine is usually there at an instant.
pub fn is_usual(view: &View, row: &MachineRow, at: Timestamp) -> bool {
    let calendar = view.calendar(row.net());
    calendar.is_open(at) && row.habit.expects(calendar, at)
}
