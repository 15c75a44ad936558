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
