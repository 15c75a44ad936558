//! What no longer exists: how many events are lost, and with which.

use super::record::{Kind, Record};
use serde::Deserialize;
use std::ops::AddAssign;

/// Events that no longer exist.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Damage {
    /// Summaries.
    pub summaries: u64,
    /// Transitions.
    pub transitions: u64,
}

impl AddAssign for Damage {
    fn add_assign(&mut self, other: Self) {
        self.summaries = self.summaries.saturating_add(other.summaries);
        self.transitions = self.transitions.saturating_add(other.transitions);
    }
}

impl std::iter::Sum for Damage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

impl Damage {
    /// Adds what a file misses where bytes in it are no record and the first of them announced `kind`.
    pub fn count(&mut self, kind: Option<Kind>, missing: u64) {
        match kind {
            // What was torn is a note about an acknowledgement: no event is gone.
            Some(Kind::Acknowledged) if missing <= 1 => {}
            Some(Kind::Summary) if missing <= 1 => self.summaries += missing,
            _ => self.transitions += missing,
        }
    }
}

/// One event without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlined {
    /// Number in its stream.
    pub seq: u64,
    /// What it is.
    pub kind: Kind,
    /// Bytes it takes.
    pub bytes: u64,
    /// What is lost with it: itself, or all that it alone reports.
    pub worth: Damage,
}

impl Outlined {
    /// The outline of a record.
    pub fn of(record: &Record) -> Self {
        let worth = match record.kind {
            Kind::Summary => Damage { summaries: 1, transitions: 0 },
            // A report of losses that is given up itself passes on what it counted.
            Kind::Loss => serde_json::from_slice(&record.payload).unwrap_or(Damage { summaries: 0, transitions: 1 }),
            Kind::Transition | Kind::Acknowledged => Damage { summaries: 0, transitions: 1 },
        };
        Self { seq: record.seq, kind: record.kind, bytes: record.len(), worth }
    }
}
