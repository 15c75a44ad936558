//! When to try again: exponential back-off with full jitter, capped by policy.

use ring::rand::{SecureRandom, SystemRandom};
use std::time::Duration;

/// First bound of the wait.
const BASE_MS: u64 = 2_000;
/// No two attempts are closer than this.
const LEAST_MS: u64 = 250;

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// An attempt failed: how long to wait, anywhere up to the bound, which doubles each time until `cap`.
    pub fn failed(&mut self, cap: Duration) -> Duration {
        let bound = Self::bound_ms(self.failures, cap);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(random_up_to(bound).max(LEAST_MS.min(bound)))
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub fn failures(self) -> u32 {
        self.failures
    }

    fn bound_ms(failures: u32, cap: Duration) -> u64 {
        let cap = u64::try_from(cap.as_millis()).unwrap_or(u64::MAX);
        BASE_MS.saturating_mul(1u64.checked_shl(failures.min(40)).unwrap_or(u64::MAX)).min(cap)
    }
}

/// A uniform random number from 0 to `most`.
pub fn random_up_to(most: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without randomness agents would only retry together.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        return most;
    }
    let wide = u128::from(u64::from_le_bytes(bytes)) * (u128::from(most) + 1);
    u64::try_from(wide >> 64).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_stay_within_their_bounds(failures in 0u32..200, cap_s in 1u64..4000) {
            let cap = Duration::from_secs(cap_s);
            let mut backoff = Backoff { failures };
            let wait = backoff.failed(cap);
            prop_assert!(wait <= cap);
            prop_assert!(wait <= Duration::from_millis(BASE_MS.saturating_mul(1 << failures.min(40))));
            prop_assert!(wait >= Duration::from_millis(LEAST_MS));
            prop_assert_eq!(backoff.failures(), failures + 1);
        }

        #[test]
        fn random_numbers_reach_no_further(most in any::<u64>()) {
            prop_assert!(random_up_to(most) <= most);
        }
    }

    #[test]
    fn jitter_is_full() {
        let draws: Vec<u64> = (0..400).map(|_| random_up_to(9)).collect();
        for n in 0..10 {
            assert!(draws.contains(&n), "{n} never drawn in 400");
        }
    }

    #[test]
    fn success_starts_again_from_the_base() {
        let mut backoff = Backoff { failures: 9 };
        backoff.succeeded();
        assert!(backoff.failed(Duration::from_secs(900)) <= Duration::from_millis(BASE_MS));
    }
}
