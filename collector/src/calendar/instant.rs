//! From the clock on the wall to instants, over changes of clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The instant of a civil time. A time that the clock shows twice is its first showing; one that it skips is the
/// instant of the skip. So order is kept: a later civil time is never an earlier instant, and openings stay apart.
pub fn instant(time_zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let candidates = time_zone.to_ambiguous_timestamp(civil);
    let skipped = matches!(candidates.offset(), AmbiguousOffset::Gap { .. });
    let earlier = candidates.earlier().ok()?;
    if !skipped {
        return Some(earlier);
    }
    time_zone.following(earlier).next().map(|change| change.timestamp())
}
