//! The scenario language: text files that say the world, what happens, and what is wanted; the real store and engine on a
//! virtual clock say what came of it. How to write one is in `tests/README.md`.
//!
//! [`parse`] turns a text into a [`Scenario`], [`run`] plays it, [`check`] compares.

mod actions;
pub mod check;
pub mod days;
mod lexer;
mod line;
mod parse;
pub mod run;
mod schools;
mod targets;
mod wants;

pub use parse::{Unreadable, parse};

use crate::sim::Ms;
use crate::sim::action::Action;
use crate::sim::world::World;

/// A scenario that was read.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Name of its file.
    pub file: String,
    /// When the world begins: some time before the story, so that machines that are on have settled.
    pub begins: Ms,
    /// When the story starts.
    pub start: Ms,
    /// When it ends.
    pub until: Ms,
    /// The world.
    pub world: World,
    /// What happens, in order of writing.
    pub happens: Vec<(Ms, Action)>,
    /// What is wanted, in order of writing.
    pub wants: Vec<Wanted>,
}

/// One want and where it stands.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Line of the file.
    pub line: usize,
    /// As written.
    pub text: String,
    /// Looked at then; at the end otherwise.
    pub at: Option<Ms>,
    /// What.
    pub want: Want,
}

/// What a want is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Anything.
    Any,
    /// A school, and what is written for its scope: `school`, `machine PC01`, `room A`.
    In {
        /// UAI.
        school: String,
        /// Scope.
        scope: String,
    },
    /// Something above schools: `basin Nord`, `operator Orange`, `collector`.
    Above(String),
}

/// An instant that may be a little off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The instant.
    pub at: Ms,
    /// How far off it may be.
    pub by: Ms,
}

/// What is wanted of a restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// Known well: its best estimate.
    At(About),
    /// Known as an interval only: both ends.
    Between(About, About),
}

/// Properties of tickets and incidents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Opened (an incident: detected) in this window.
    pub opened: Option<(Ms, Ms)>,
    /// Began then.
    pub started: Option<About>,
    /// Resolved in this window.
    pub resolved: Option<(Ms, Ms)>,
    /// Still open, or not.
    pub open: Option<bool>,
    /// Service was restored then.
    pub restored: Option<Restored>,
    /// One of these causes.
    pub causes: Vec<String>,
    /// `probable` or `confirmed`.
    pub confidence: Option<String>,
    /// Codes in the history.
    pub history: Vec<String>,
    /// Codes that must not be in the history.
    pub no_history: Vec<String>,
    /// How many machines bear witness.
    pub witnesses: Option<usize>,
    /// An incident with, or without, a ticket.
    pub with_ticket: Option<bool>,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// So many tickets.
    Tickets {
        /// How many.
        count: usize,
        /// About this check; any otherwise.
        check: Option<String>,
        /// On this.
        target: Target,
        /// And such.
        facets: Facets,
    },
    /// No ticket that no other want speaks of.
    NoOtherTicket,
    /// So many incidents.
    Incidents {
        /// How many.
        count: usize,
        /// About this check; any otherwise.
        check: Option<String>,
        /// On this.
        target: Target,
        /// And such.
        facets: Facets,
    },
    /// The latest incident about a check has such properties.
    Latest {
        /// Check.
        check: String,
        /// On this.
        target: Target,
        /// Such.
        facets: Facets,
    },
    /// A finding about a machine, or none.
    Finding {
        /// Code; any otherwise.
        code: Option<String>,
        /// On this.
        target: Target,
        /// Whether there is to be one.
        there: bool,
    },
    /// So many messages.
    Messages {
        /// How many.
        count: usize,
        /// `ticket_opened`…; any otherwise.
        code: Option<String>,
        /// About a school.
        target: Target,
        /// In this window.
        window: Option<(Ms, Ms)>,
    },
    /// The explanation contains this text.
    Why {
        /// Check.
        check: String,
        /// On this.
        target: Target,
        /// Text.
        contains: String,
    },
    /// A machine is thought of like this: presence or status.
    Machine {
        /// UAI.
        school: String,
        /// Host name.
        name: String,
        /// `online`, `left`, `silent`, `never`, `trusted`, `quarantined`.
        is: String,
    },
}
