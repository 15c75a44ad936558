//! The only place that reads a clock.

use jiff::Timestamp;

/// Wall clock and time since boot, passed to whatever needs them.
pub trait Clock: Send + Sync {
    /// Wall clock of the machine: shown and kept, never trusted.
    fn wall(&self) -> Timestamp;
    /// Milliseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    fn since_boot_ms(&self) -> u64;
    /// Milliseconds since boot while awake (`CLOCK_MONOTONIC`): the difference grows by each sleep.
    fn awake_ms(&self) -> u64;
}

/// The clocks of the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

fn milliseconds(id: rustix::time::ClockId) -> u64 {
    let t = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    let millis = u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000_000;
    seconds * 1000 + millis
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one module that reads the clock")]
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn since_boot_ms(&self) -> u64 {
        milliseconds(rustix::time::ClockId::Boottime)
    }

    fn awake_ms(&self) -> u64 {
        milliseconds(rustix::time::ClockId::Monotonic)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    /// A clock that moves only when told.
    #[derive(Debug, Default)]
    pub(crate) struct FixedClock {
        wall_ms: AtomicI64,
        up_ms: AtomicU64,
        awake_ms: AtomicU64,
    }

    impl FixedClock {
        pub(crate) fn at_wall(wall_ms: i64) -> Self {
            let clock = Self::default();
            clock.wall_ms.store(wall_ms, Ordering::Relaxed);
            clock
        }

        pub(crate) fn sleep(&self, ms: u64) {
            self.up_ms.fetch_add(ms, Ordering::Relaxed);
        }

        pub(crate) fn pass(&self, ms: u64) {
            self.up_ms.fetch_add(ms, Ordering::Relaxed);
            self.awake_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }

    impl Clock for FixedClock {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millisecond(self.wall_ms.load(Ordering::Relaxed)).unwrap()
        }

        fn since_boot_ms(&self) -> u64 {
            self.up_ms.load(Ordering::Relaxed)
        }

        fn awake_ms(&self) -> u64 {
            self.awake_ms.load(Ordering::Relaxed)
        }
    }
}
