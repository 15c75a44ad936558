//! A log line for what may happen thousands of times a second: said at most once a minute, with how often it happened.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// Counts, and says when to speak.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Counts one; `Some(count since the last line)` when a line is due.
    pub fn count(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        if state.0.is_some_and(|last| last.elapsed() < EVERY) {
            return None;
        }
        state.0 = Some(Instant::now());
        Some(std::mem::take(&mut state.1))
    }
}

#[cfg(test)]
mod tests {
    use super::Seldom;

    #[test]
    fn the_first_is_said_and_the_next_are_only_counted() {
        let seldom = Seldom::default();
        assert_eq!([seldom.count(), seldom.count(), seldom.count()], [Some(1), None, None]);
    }
}
