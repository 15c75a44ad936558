//! Presence as shown: a machine whose heartbeat is late is silent at the moment of reading, even before the engine has
//! looked at its school again.

use crate::engine::{CollectorAbsence, Presence};
use jiff::{SignedDuration, Timestamp};

/// Patience beyond two heartbeats: the time that a call may take.
const GRACE: SignedDuration = SignedDuration::from_secs(5);

/// What to show at `now`. After an absence of the collector nobody is late before back-off cap + interval have passed
/// since it listens again (invariant 5).
pub fn shown(
    decided: Presence,
    last_seen: Option<Timestamp>,
    interval_s: u32,
    backoff_cap_s: u32,
    absence: Option<CollectorAbsence>,
    now: Timestamp,
) -> Presence {
    let (Presence::Online, Some(seen)) = (decided, last_seen) else { return decided };
    let interval = SignedDuration::from_secs(interval_s.into());
    let patience = interval.saturating_mul(2).saturating_add(GRACE);
    let late = seen.duration_until(now) > patience;
    let excused = absence.is_some_and(|absence| {
        let cap = SignedDuration::from_secs(backoff_cap_s.into());
        absence.until > seen && absence.until.duration_until(now) <= cap.saturating_add(interval)
    });
    if late && !excused { Presence::Silent } else { Presence::Online }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_late_heartbeat_is_silence_and_a_goodbye_is_not() {
        assert_eq!(shown(Presence::Online, Some(at(0)), 60, 120, None, at(125)), Presence::Online);
        assert_eq!(shown(Presence::Online, Some(at(0)), 60, 120, None, at(126)), Presence::Silent);
        assert_eq!(shown(Presence::Left, Some(at(0)), 60, 120, None, at(9999)), Presence::Left);
        assert_eq!(shown(Presence::Never, None, 60, 120, None, at(9999)), Presence::Never);
    }

    #[test]
    fn after_an_absence_nobody_is_late_before_back_off_cap_and_interval() {
        let absence = Some(CollectorAbsence { from: at(10), until: at(1000) });
        assert_eq!(shown(Presence::Online, Some(at(5)), 60, 120, absence, at(1180)), Presence::Online);
        assert_eq!(shown(Presence::Online, Some(at(5)), 60, 120, absence, at(1181)), Presence::Silent);
    }
}
