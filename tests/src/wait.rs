//! Waiting for a condition with a bound: the only place of this crate that lets time pass.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(100);

/// Looks again and again until `look` gives something, at most for `bound`; the error names `what` was waited for.
pub fn wait_for<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begun.elapsed() >= bound {
            bail!("waited {} s in vain for {what}", bound.as_secs());
        }
        std::thread::sleep(STEP);
    }
}

/// Makes sure that `holds` stays true for the whole of `bound`: for what must *not* happen.
pub fn stays_true(what: &str, bound: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < bound {
        if !holds() {
            bail!("{what} did not hold after {:.1} s", begun.elapsed().as_secs_f32());
        }
        std::thread::sleep(STEP);
    }
    Ok(())
}
