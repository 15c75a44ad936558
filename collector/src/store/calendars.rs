//! Calendars of schools, as they go into the store and come back of it.

use crate::calendar::{Closure, NetworkKind, Zone};
use jiff::Timestamp;
use vigie_shared::id::ClosureId;
use vigie_shared::uai::Uai;

/// An exceptional closure to add.
#[derive(Debug, Clone)]
pub struct NewClosure {
    /// Which school; `None` is all of them.
    pub school: Option<Uai>,
    /// Which of its networks; `None` is both.
    pub network: Option<NetworkKind>,
    /// When and why.
    pub closure: Closure,
    /// Who says so.
    pub by: String,
    /// When they said so.
    pub now: Timestamp,
}

/// An exceptional closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosureRow {
    /// Which.
    pub id: ClosureId,
    /// Which school; `None` is all of them.
    pub school: Option<Uai>,
    /// Which of its networks; `None` is both.
    pub network: Option<NetworkKind>,
    /// When and why.
    pub closure: Closure,
    /// Who said so.
    pub by: String,
    /// When they said so.
    pub created: Timestamp,
}

/// What became of a table of school holidays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HolidaysSet {
    /// Zones and school years that were set.
    pub set: Vec<(Zone, i16)>,
    /// Those of which the table has a part only: they stay as they were.
    pub partial: Vec<(Zone, i16)>,
}
