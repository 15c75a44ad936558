//! What the engine is told.

use jiff::Timestamp;
use std::net::IpAddr;
use vigie_shared::check::CheckStanding;
use vigie_shared::event::Fact;
use vigie_shared::id::{LineId, MachineId};

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
        /// When the boot that speaks began, if another boot of this machine spoke before.
        booted: Option<Timestamp>,
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
    /// A machine calls from another address than before: it leaves its school by another line, or moved. Its row in the
    /// view already has the new one.
    AddressChanged {
        /// Who.
        machine: MachineId,
        /// From where it came before.
        from: IpAddr,
        /// From where it comes now.
        to: IpAddr,
        /// Receipt time.
        at: Timestamp,
    },
    /// The collector's probe of a line came to another result, confirmed; its row in the view is already as it is now.
    Probe {
        /// Which line.
        line: LineId,
        /// Whether its router answers.
        answers: bool,
        /// Silence that may be the collector's own, because all probed lines fell silent and nobody else is heard: no
        /// evidence against the school. The row's `answers` is then `None`.
        ours: bool,
        /// When that began: the first look that came to this result.
        at: Timestamp,
    },
    /// Time passed: silence may be judged up to `upto`, the ingest low-watermark (never later than a queued receipt).
    Tick {
        /// The low-watermark.
        upto: Timestamp,
    },
}
