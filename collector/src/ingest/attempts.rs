//! Counts failures by source and refuses for a while whoever has too many. Bounded: a table of sources that somebody
//! fills up only makes the bound for all of them count.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most sources remembered.
const SOURCES_MAX: usize = 4096;

/// Failures in a window of time. The check and the count are two steps, so calls that run at the same moment may exceed
/// the bound by their number, itself bounded by the connections of the door.
pub struct Attempts<K> {
    each: u32,
    all: u32,
    window: Duration,
    state: Mutex<State<K>>,
}

struct State<K> {
    sources: HashMap<K, (Instant, u32)>,
    all: Option<(Instant, u32)>,
}

impl<K: Eq + Hash> Attempts<K> {
    /// At most `each` of one source and `all` in all, in a window.
    pub fn new(each: u32, all: u32, window: Duration) -> Self {
        Self { each, all, window, state: Mutex::new(State { sources: HashMap::new(), all: None }) }
    }

    /// How long this source has to wait, if it has.
    pub fn wait(&self, source: &K, now: Instant) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |entry: Option<&(Instant, u32)>, most: u32| {
            let (since, count) = entry?;
            let left = self.window.checked_sub(now.saturating_duration_since(*since))?;
            (*count >= most && !left.is_zero()).then_some(left)
        };
        left(state.sources.get(source), self.each).max(left(state.all.as_ref(), self.all))
    }

    /// Counts one of this source.
    pub fn count(&self, source: K, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window = self.window;
        let over = |since: Instant| now.saturating_duration_since(since) >= window;
        let add = |entry: &mut (Instant, u32)| {
            *entry = if over(entry.0) { (now, 1) } else { (entry.0, entry.1.saturating_add(1)) };
        };
        add(state.all.get_or_insert((now, 0)));
        if !state.sources.contains_key(&source) && state.sources.len() >= SOURCES_MAX {
            state.sources.retain(|_, (since, _)| !over(*since));
            if state.sources.len() >= SOURCES_MAX {
                return;
            }
        }
        add(state.sources.entry(source).or_insert((now, 0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_waits_and_others_do_not() {
        let attempts = Attempts::new(2, 100, Duration::from_secs(60));
        let start = Instant::now();
        attempts.count("a", start);
        assert_eq!(attempts.wait(&"a", start), None);
        attempts.count("a", start + Duration::from_secs(10));
        assert_eq!(attempts.wait(&"a", start + Duration::from_secs(20)), Some(Duration::from_secs(40)));
        assert_eq!(attempts.wait(&"b", start + Duration::from_secs(20)), None);
        assert_eq!(attempts.wait(&"a", start + Duration::from_secs(60)), None);
    }

    #[test]
    fn many_sources_together_meet_the_bound_for_all() {
        let attempts = Attempts::new(2, 3, Duration::from_secs(60));
        let now = Instant::now();
        for source in 0..3 {
            attempts.count(source, now);
        }
        assert!(attempts.wait(&99, now).is_some());
    }

    #[test]
    fn the_table_of_sources_is_bounded_and_forgets_the_old_ones() {
        let attempts = Attempts::new(1, u32::MAX, Duration::from_secs(60));
        let start = Instant::now();
        for source in 0..SOURCES_MAX + 10 {
            attempts.count(source, start);
        }
        assert_eq!(attempts.state.lock().unwrap().sources.len(), SOURCES_MAX);
        attempts.count(usize::MAX, start + Duration::from_secs(61));
        assert_eq!(attempts.state.lock().unwrap().sources.len(), 1);
    }
}
