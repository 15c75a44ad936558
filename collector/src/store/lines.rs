//! Internet accesses of schools: what is known of them, and what the collector's probe of their routers comes to.

use crate::engine::NetworkKind;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::IpAddr;
use vigie_shared::id::{LineId, SchoolId};
use vigie_shared::uai::Uai;

/// How the collector looks whether a line lives. Whom it asks is the operator's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Not at all.
    None,
    /// It pings the router at the line's public address.
    Ping,
}

impl Probe {
    /// The word of the store and of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ping => "ping",
        }
    }

    /// From that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Ping].into_iter().find(|probe| probe.as_str() == word)
    }
}

/// An internet access of a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// The school.
    pub school: Uai,
    /// Whose it is.
    pub operator: String,
    /// What the operator calls it; empty when not known.
    pub reference: String,
    /// Its public address.
    pub address: IpAddr,
    /// The networks that leave by it.
    pub carries: BTreeSet<NetworkKind>,
    /// Used when another line is down.
    pub backup: bool,
    /// How the collector looks whether it lives.
    pub probe: Probe,
}

/// What the probe of a line came to, as last confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineState {
    /// Whether its router answers.
    pub answers: bool,
    /// This silence may be the collector's own.
    pub ours: bool,
    /// When the first look came to this.
    pub since: Timestamp,
    /// The last answer before.
    pub last_answer: Option<Timestamp>,
    /// Whether it ever answered.
    pub ever_answered: bool,
}

impl LineState {
    /// Whether the router answers, where that is evidence about the line: it answered before, and its silence is not
    /// suspected to be ours.
    pub fn evidence(&self) -> Option<bool> {
        (self.answers || (self.ever_answered && !self.ours)).then_some(self.answers)
    }
}

/// A line to probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbedLine {
    /// Which.
    pub id: LineId,
    /// Its school.
    pub school: SchoolId,
    /// Whom to ping.
    pub address: IpAddr,
    /// What the probe last came to.
    pub state: Option<LineState>,
}

/// An internet access of a school as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSummary {
    /// Which.
    pub id: LineId,
    /// Its school.
    pub school: Uai,
    /// Whose it is.
    pub operator: String,
    /// What the operator calls it; empty when not known.
    pub reference: String,
    /// Its public address.
    pub address: IpAddr,
    /// The networks that leave by it.
    pub carries: BTreeSet<NetworkKind>,
    /// Used when another line is down.
    pub backup: bool,
    /// How the collector looks whether it lives.
    pub probe: Probe,
    /// What that last came to.
    pub state: Option<LineState>,
}

/// What the probe of a line came to, confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeResult {
    /// The school of the line.
    pub school: SchoolId,
    /// The line.
    pub line: LineId,
    /// Whether its router answers.
    pub answers: bool,
    /// Whether this silence may be the collector's own.
    pub ours: bool,
    /// When the first look came to this.
    pub since: Timestamp,
    /// The last answer before a silence, when this collector knows it.
    pub last_answer: Option<Timestamp>,
    /// Now.
    pub at: Timestamp,
}
