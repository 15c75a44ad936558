//! The arithmetic of measurements: latencies in buckets of constant relative width, percentiles, medians, rates.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets in each doubling: a value is known to 1 part in 64.
const FINE: u64 = 64;
/// Doublings above the first [`FINE`] values: up to 2^40 µs.
const DOUBLINGS: usize = 34;
const BUCKETS: usize = (DOUBLINGS + 1) * 64;

/// Counts of latencies, filled by many tasks at once.
pub struct Latencies(Vec<AtomicU64>);

impl Default for Latencies {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

/// Counts by bucket, as sent between processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread(pub BTreeMap<usize, u64>);

fn bucket(micros: u64) -> usize {
    if micros < FINE {
        return usize::try_from(micros).unwrap_or(0);
    }
    let doubling = u64::from(micros.ilog2()) - u64::from(FINE.ilog2());
    let within = (micros >> doubling) - FINE;
    usize::try_from((doubling + 1) * FINE + within).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The middle of a bucket, microseconds.
fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < FINE {
        return bucket as f64;
    }
    let (doubling, within) = (bucket / FINE - 1, bucket % FINE);
    let (low, width) = ((FINE + within) << doubling, 1u64 << doubling);
    low as f64 + (width - 1) as f64 / 2.0
}

impl Latencies {
    /// Counts one.
    pub fn add(&self, micros: u64) {
        if let Some(count) = self.0.get(bucket(micros)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> Spread {
        let counts = self.0.iter().map(|count| count.swap(0, Ordering::Relaxed)).enumerate();
        Spread(counts.filter(|(_, count)| *count > 0).collect())
    }
}

impl Spread {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// The latency, milliseconds, that this share of all (0 to 1) does not exceed; 0 of nothing.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += count;
            if seen >= wanted {
                return middle(*bucket) / 1000.0;
            }
        }
        0.0
    }
}

/// The median; the mean of the middle two of an even number; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) else {
        return 0.0;
    };
    (low + high) / 2.0
}

/// Rounded to so many decimals, for people who read JSON.
pub fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

/// Reproducible randomness (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Any seed; neighbours differ from the first throw on.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 to below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_spread_are_right_to_one_part_in_sixty_four() {
        let latencies = Latencies::default();
        (1..=10_000).for_each(|n| latencies.add(n * 10));
        let spread = latencies.take();
        assert_eq!(spread.count(), 10_000);
        for (share, expected) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0001, 0.01)] {
            let found = spread.percentile_ms(share);
            assert!((found - expected).abs() <= expected / 64.0, "{share}: {found} instead of {expected}");
        }
        assert_eq!(latencies.take(), Spread::default(), "taken once");
        assert_eq!(Spread::default().percentile_ms(0.5), 0.0);
    }

    #[test]
    fn buckets_are_in_order_and_hold_what_they_name() {
        let mut last = 0;
        for micros in (0..100_000).chain([1 << 30, 1 << 39, u64::MAX]) {
            let found = bucket(micros);
            assert!(found >= last && found < BUCKETS, "{micros}");
            last = found;
        }
        for micros in [0, 1, 63, 64, 65, 1000, 123_456, 99_999_999] {
            let off = (middle(bucket(micros)) - micros as f64).abs();
            assert!(off <= micros as f64 / 64.0, "{micros} is off by {off}");
        }
    }

    #[test]
    fn spreads_of_two_processes_add_up() {
        let (one, two) = (Latencies::default(), Latencies::default());
        (0..90).for_each(|_| one.add(1000));
        (0..10).for_each(|_| two.add(50_000));
        let mut both = one.take();
        both.merge(&two.take());
        assert_eq!(both.count(), 100);
        assert!((both.percentile_ms(0.5) - 1.0).abs() < 0.02);
        assert!((both.percentile_ms(0.99) - 50.0).abs() < 1.0);
    }

    #[test]
    fn the_median_of_odd_even_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(round(2.0 / 3.0, 2), 0.67);
    }

    #[test]
    fn dice_repeat_with_their_seed_and_stay_below_their_bound() {
        let throw = |seed| (0..100).map(|_| 0).scan(Dice::new(seed), |d, _: i32| Some(d.below(7))).collect::<Vec<_>>();
        assert_eq!(throw(3), throw(3));
        assert_ne!(throw(3), throw(4));
        assert!((0..7).all(|n| throw(3).contains(&n)) && throw(3).iter().all(|n| *n < 7));
    }
}
