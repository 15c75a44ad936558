//! The engine: facts of one school in, verdicts out. Pure: no clock, no I/O, no randomness.
//!
//! The frozen surface is [`Input`], [`Effect`], [`Decision::next_wake`] and [`IncidentKey`]; stages behind it may change.

mod effect;
mod input;
mod key;
mod view;

pub use effect::{Bracket, Cause, Confidence, Decision, Effect, NewTicket, Note};
pub use input::Input;
pub use key::{IncidentKey, Scope};
pub use view::{CheckRow, CollectorAbsence, IncidentRow, MachineRow, Presence, TicketRow, View};

use jiff::Timestamp;

/// Decides what follows from new facts. The store calls it inside its transaction, with rows it has locked.
pub trait Decide: Send + Sync {
    /// Applies `inputs` in order to `view` (an overlay: it is dropped unless the transaction commits) and says what must
    /// be written. `now` is the time of the decision, never earlier than any receipt time among the inputs.
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision;
}
