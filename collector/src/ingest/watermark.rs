//! Receipt times, and the instant up to which every call that came in has been applied (invariant 4).
//!
//! A tick judges silence only up to [`Watermark::low`]: the oldest receipt that is still being parsed, queued or
//! written, else now. Both are read under one lock, so no receipt can slip in behind a tick.

use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A clock that went back by less than this is waited for, by more it is believed.
const SMALL_STEP_BACK: SignedDuration = SignedDuration::from_secs(60);

/// See the module.
pub struct Watermark {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    last: Timestamp,
    number: u64,
    waiting: BTreeSet<(Timestamp, u64)>,
}

/// A call that was received and is not applied yet; dropped when it is.
pub struct InFlight {
    owner: Arc<Watermark>,
    at: Timestamp,
    number: u64,
}

impl Watermark {
    /// Nothing received yet.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State { last: Timestamp::MIN, number: 0, waiting: BTreeSet::new() };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    /// The body of a call is complete: its receipt time.
    pub fn received(self: &Arc<Self>) -> InFlight {
        let mut state = self.lock();
        let at = self.advance(&mut state);
        state.number += 1;
        let number = state.number;
        state.waiting.insert((at, number));
        InFlight { owner: self.clone(), at, number }
    }

    /// Everything received before this instant is applied.
    pub fn low(&self) -> Timestamp {
        let mut state = self.lock();
        let now = self.advance(&mut state);
        state.waiting.first().map_or(now, |(oldest, _)| *oldest)
    }

    /// How many calls are not applied yet.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, never before an instant already given out, unless the clock was really set back.
    fn advance(&self, state: &mut State) -> Timestamp {
        let now = self.clock.now();
        if now < state.last && now.duration_until(state.last) < SMALL_STEP_BACK {
            return state.last;
        }
        state.last = now;
        now
    }
}

impl InFlight {
    /// The receipt time.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.owner.lock().waiting.remove(&(self.at, self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(Mutex<Timestamp>);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn world() -> (Arc<Set>, Arc<Watermark>) {
        let clock = Arc::new(Set(Mutex::new(at(0))));
        (clock.clone(), Watermark::new(clock))
    }

    #[test]
    fn it_stays_at_the_oldest_call_that_is_not_applied() {
        let (clock, watermark) = world();
        let first = watermark.received();
        *clock.0.lock().unwrap() = at(5);
        let second = watermark.received();
        *clock.0.lock().unwrap() = at(9);
        assert_eq!(watermark.low(), at(0));
        drop(first);
        assert_eq!(watermark.low(), at(5));
        drop(second);
        assert_eq!(watermark.low(), at(9));
    }

    #[test]
    fn two_calls_of_the_same_instant_are_two() {
        let (clock, watermark) = world();
        let (first, second) = (watermark.received(), watermark.received());
        *clock.0.lock().unwrap() = at(1);
        drop(first);
        assert_eq!(watermark.low(), at(0));
        drop(second);
        assert_eq!(watermark.low(), at(1));
    }

    #[test]
    fn a_small_step_back_of_the_clock_never_puts_a_receipt_behind_a_tick() {
        let (clock, watermark) = world();
        let low = watermark.low();
        *clock.0.lock().unwrap() = at(-30);
        assert!(watermark.received().at() >= low);
        *clock.0.lock().unwrap() = at(-86_400);
        assert_eq!(watermark.received().at(), at(-86_400), "a clock that was a day wrong is believed again");
    }
}
