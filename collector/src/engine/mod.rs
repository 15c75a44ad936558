//! The engine: facts of one school in, verdicts out. Pure: no clock, no I/O, no randomness.
//!
//! The frozen surface is [`Input`], [`Effect`], [`Decision::next_wake`] and [`IncidentKey`]; stages behind it may change.

mod checks;
mod effect;
mod input;
mod key;
mod liveness;
mod machine;
mod outage;
mod tickets;
mod view;

pub use effect::{Bracket, Cause, Confidence, Decision, Effect, NewTicket, Note};
pub use input::Input;
pub use key::{IncidentKey, Scope};
pub use view::{CheckRow, CollectorAbsence, IncidentRow, MachineRow, Presence, TicketRow, View};

use crate::calendar::{BusinessHours, CalendarError, Region};
use jiff::{SignedDuration, Timestamp};

/// Due time of a ticket: from the instant its clock starts and the minutes of business hours allowed.
pub type Due = dyn Fn(Timestamp, u32) -> Timestamp + Send + Sync;

/// The stages, in order: liveness and checks for each input, then verdicts on machines and on the school.
pub struct Engine {
    due: Box<Due>,
}

impl Engine {
    /// An engine whose tickets are due as `due` says.
    pub fn new(due: Box<Due>) -> Self {
        Self { due }
    }

    /// Due times in the default business hours: Monday to Friday 08:00 to 18:00, Europe/Paris, French public holidays.
    pub fn with_office_hours(holidays: Region) -> Result<Self, CalendarError> {
        let hours = BusinessHours::office_hours(holidays)?;
        Ok(Self::new(Box::new(move |from, minutes| {
            let allowed = SignedDuration::from_mins(minutes.into());
            // A deadline beyond the calendar's horizon cannot come of a few hours; the plain sum is then as good.
            hours.deadline(from, allowed, &[]).unwrap_or(from + allowed)
        })))
    }
}

impl Decide for Engine {
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision {
        let mut effects = Vec::new();
        for input in inputs {
            liveness::apply(view, input, &mut effects);
            checks::apply(view, input, &mut effects);
        }
        machine::judge(view, now, &self.due, &mut effects);
        outage::judge(view, inputs, now, &self.due, &mut effects);
        Decision { effects, next_wake: liveness::next_wake(view) }
    }
}

/// Decides what follows from new facts. The store calls it inside its transaction, with rows it has locked.
pub trait Decide: Send + Sync {
    /// Applies `inputs` in order to `view` (an overlay: it is dropped unless the transaction commits) and says what must
    /// be written. `now` is the time of the decision, never earlier than any receipt time among the inputs.
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision;
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
