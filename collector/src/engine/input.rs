//! What the engine is told.

use jiff::Timestamp;
use vigie_shared::check::CheckStanding;
use vigie_shared::event::Fact;
use vigie_shared::id::MachineId;

/// One new fact about a school, in the order of its receipt.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A machine was heard. Given only when it matters: the machine was not [`super::Presence::Online`], or the same
    /// call carries other facts. The row's `last_seen` in the view is already this receipt time.
    Heard {
        /// Who.
        machine: MachineId,
        /// Receipt time (body complete, before queueing).
        at: Timestamp,
        /// When it had been heard before that.
        previous: Option<Timestamp>,
    },
    /// An event was stored for the first time.
    Event {
        /// Who.
        machine: MachineId,
        /// True time of the event, as well as it can be known.
        at: Timestamp,
        /// Whether `at` rests on a known offset between the boot clock and ours; otherwise it is only bounded.
        certain: bool,
        /// Receipt time of the call that carried it.
        received: Timestamp,
        /// What happened.
        fact: Fact,
    },
    /// The section `checks` of a machine was stored: heals states after a restored backup or a lost event.
    Standings {
        /// Who.
        machine: MachineId,
        /// Receipt time.
        at: Timestamp,
        /// All confirmed states of this machine.
        standings: Vec<CheckStanding>,
    },
    /// A machine was approved, revoked, deleted or moved: its row in the view is already as it is now.
    MachineChanged {
        /// Who.
        machine: MachineId,
        /// When.
        at: Timestamp,
    },
    /// Time passed: silence may be judged up to `upto`, the ingest low-watermark (never later than a queued receipt).
    Tick {
        /// The low-watermark.
        upto: Timestamp,
    },
}
