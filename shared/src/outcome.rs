//! The outcome of reading one section: errors are data (invariant 8).

use serde::{Deserialize, Serialize};

/// What came of reading one category. Wire form: `{"outcome":"complete","data":…}`,
/// `{"outcome":"partial","reasons":[…],"data":…}` or `{"outcome":"unavailable","reasons":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome<T> {
    /// Everything was read.
    Complete {
        /// The facts.
        data: T,
    },
    /// Some of it could not be read; what was read is here. Never replaces the last `Complete`.
    Partial {
        /// What could not be read and why, one sentence each, without personal data.
        reasons: Vec<String>,
        /// The facts that were read.
        data: T,
    },
    /// Nothing could be read.
    Unavailable {
        /// Why, one sentence each, without personal data.
        reasons: Vec<String>,
    },
}

impl<T> Outcome<T> {
    /// `Complete` without reasons, `Partial` with some.
    pub fn from_parts(data: T, reasons: Vec<String>) -> Self {
        if reasons.is_empty() { Self::Complete { data } } else { Self::Partial { reasons, data } }
    }

    /// Nothing could be read, for one reason.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reasons: vec![reason.into()] }
    }

    /// The facts, if any were read.
    pub fn data(&self) -> Option<&T> {
        match self {
            Self::Complete { data } | Self::Partial { data, .. } => Some(data),
            Self::Unavailable { .. } => None,
        }
    }

    /// Why something is missing; empty when complete.
    pub fn reasons(&self) -> &[String] {
        match self {
            Self::Complete { .. } => &[],
            Self::Partial { reasons, .. } | Self::Unavailable { reasons } => reasons,
        }
    }

    /// The word of the wire: `complete`, `partial` or `unavailable`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "complete",
            Self::Partial { .. } => "partial",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}
