//! The only place that reads a clock.

use jiff::{SignedDuration, Timestamp};
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// Time, passed to whatever needs it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// What a clock that several collectors share says now: from here on this one goes with it.
    fn follow(&self, _shared: Timestamp) {}
}

/// A clock that differs less than this from the shared one is left alone.
const CLOSE: SignedDuration = SignedDuration::from_millis(500);

/// The clock of the system, until it is told to follow another: then that one, carried on by the steady clock of the
/// host, which nobody sets.
#[derive(Debug, Default)]
pub struct SystemClock {
    followed: RwLock<Option<(Timestamp, Instant)>>,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match *self.followed.read().unwrap_or_else(PoisonError::into_inner) {
            Some((shared, then)) => shared.saturating_add(then.elapsed()).unwrap_or(shared),
            None => system(),
        }
    }

    fn follow(&self, shared: Timestamp) {
        let mut followed = self.followed.write().unwrap_or_else(PoisonError::into_inner);
        let carried = followed.and_then(|(before, then)| before.checked_add(then.elapsed()).ok());
        if carried.is_none_or(|carried| carried.duration_until(shared).abs() > CLOSE) {
            *followed = Some((shared, Instant::now()));
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one module that reads the clock")]
fn system() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_follows_goes_with_the_shared_one_and_is_not_jerked() {
        let clock = SystemClock::default();
        assert!(system().duration_until(clock.now()).abs() < SignedDuration::from_secs(1));
        let shared = system() + SignedDuration::from_secs(300);
        clock.follow(shared);
        let ahead = shared.duration_until(clock.now());
        assert!(!ahead.is_negative() && ahead < SignedDuration::from_secs(60), "{ahead}");
        clock.follow(shared + SignedDuration::from_millis(20));
        assert!(clock.now() < shared + SignedDuration::from_secs(60));
        clock.follow(shared - SignedDuration::from_secs(900));
        assert!(clock.now() < shared, "a step of the shared one is followed");
    }
}
