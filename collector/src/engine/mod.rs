//! The engine: facts of one school in, verdicts out. Pure: no clock, no I/O, no randomness.
//!
//! The frozen surface is [`Input`], [`Effect`], [`Decision::next_wake`] and [`IncidentKey`]; stages behind it may change.
//! Stages, one file each, in this order: `liveness` and `checks` for each input; `outage` (the way to the internet),
//! `local` (a part of the school), `quality` (a bad line, a back-up line), `machine`; last `tickets`.

mod checks;
mod effect;
mod expectation;
mod habit;
mod incident;
mod input;
mod key;
mod liveness;
mod local;
mod machine;
mod outage;
mod quality;
pub mod reconcile;
mod suppression;
mod tickets;
mod view;
pub mod wide;

pub use effect::{Bracket, Cause, Confidence, Decision, Effect, NewTicket, Note};
pub use habit::Habit;
pub use input::Input;
pub use key::{IncidentKey, Scope};
pub use suppression::{Maintenance, MaintenanceScope, Spot, covers};
pub use tickets::clock_of_call;
pub use view::{
    Calm, CheckRow, CollectorAbsence, EndedTicket, IncidentRow, Kind, LineRow, MachineRow, Parent, Presence, TicketRow,
    View, Well,
};

pub use crate::calendar::NetworkKind;
use crate::calendar::{BusinessHours, CalendarError, Pause, Region};
use jiff::{SignedDuration, Timestamp};

/// Due time of a ticket: from the instant its clock starts, the minutes of business hours allowed, and the intervals in
/// which the clock stood.
pub type Due = dyn Fn(Timestamp, u32, &[Pause]) -> Timestamp + Send + Sync;

/// The stages, and how long tickets may take.
pub struct Engine {
    due: Box<Due>,
}

impl Engine {
    /// An engine whose tickets are due as `due` says, from the start of the clock and the minutes allowed. Pauses move
    /// the start.
    pub fn new(due: Box<dyn Fn(Timestamp, u32) -> Timestamp + Send + Sync>) -> Self {
        Self::with_due(Box::new(move |from, minutes, pauses| due(from + stood(pauses), minutes)))
    }

    /// An engine whose tickets are due as `due` says.
    pub fn with_due(due: Box<Due>) -> Self {
        Self { due }
    }

    /// Due times in the default business hours: Monday to Friday 08:00 to 18:00, Europe/Paris, French public holidays.
    pub fn with_office_hours(holidays: Region) -> Result<Self, CalendarError> {
        let hours = BusinessHours::office_hours(holidays)?;
        Ok(Self::with_due(Box::new(move |from, minutes, pauses| {
            let allowed = SignedDuration::from_mins(minutes.into());
            // A deadline beyond the calendar's horizon cannot come of a few hours; the plain sum is then as good.
            hours.deadline(from, allowed, pauses).unwrap_or_else(|_| plain_due(from, minutes, pauses))
        })))
    }
}

/// How long a clock stood.
fn stood(pauses: &[Pause]) -> SignedDuration {
    pauses.iter().fold(SignedDuration::ZERO, |sum, pause| {
        sum.saturating_add(pause.from.duration_until(pause.to).max(SignedDuration::ZERO))
    })
}

/// A due time without any calendar.
fn plain_due(from: Timestamp, minutes: u32, pauses: &[Pause]) -> Timestamp {
    let all = SignedDuration::from_mins(minutes.into()).saturating_add(stood(pauses));
    from.saturating_add(all).unwrap_or(Timestamp::MAX)
}

impl Decide for Engine {
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision {
        let mut effects = Vec::new();
        liveness::returns(view, inputs, &mut effects);
        for input in inputs {
            liveness::apply(view, input, &mut effects);
            checks::apply(view, input, &mut effects);
        }
        outage::judge(view, inputs, now, &mut effects);
        local::judge(view, inputs, now, &mut effects);
        quality::judge(view, now, &mut effects);
        machine::judge(view, inputs, now, &mut effects);
        incident::believe(view, now, &mut effects);
        let settled = tickets::settle(view, now, self.due.as_ref(), &mut effects);
        let wakes = [
            liveness::next_wake(view),
            incident::next_wake(view),
            outage::next_wake(view, now),
            local::next_wake(view, now),
            machine::next_wake(view, now),
            settled,
        ];
        Decision { effects, next_wake: wakes.into_iter().flatten().min() }
    }

    fn due(&self, from: Timestamp, minutes: u32, pauses: &[Pause]) -> Timestamp {
        (self.due)(from, minutes, pauses)
    }
}

/// Decides what follows from new facts. The store calls it inside its transaction, with rows it has locked.
pub trait Decide: Send + Sync {
    /// Applies `inputs` in order to `view` (an overlay: it is dropped unless the transaction commits) and says what must
    /// be written. `now` is the time of the decision, never earlier than any receipt time among the inputs.
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision;

    /// When a ticket is due whose clock started at `from`, with so many minutes of business hours allowed, and stood
    /// during `pauses`. For tickets that people open and reopen. Without a calendar every minute counts.
    fn due(&self, from: Timestamp, minutes: u32, pauses: &[Pause]) -> Timestamp {
        plain_due(from, minutes, pauses)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
