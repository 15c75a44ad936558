//! Waiting for a condition with a bound: the only place of this crate that lets time pass.

use anyhow::{Result, bail};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and SIGTERM make every wait end with an error, so that what was made is removed on the way out.
pub fn end_waits_on_signals() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut terminate = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Whether somebody asked to end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

const STEP: Duration = Duration::from_millis(100);

/// Looks again and again until `look` gives something, at most for `bound`; the error names `what` was waited for.
pub fn wait_for<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if interrupted() {
            bail!("interrupted while waiting for {what}");
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
        if interrupted() {
            bail!("interrupted");
        }
        if !holds() {
            bail!("{what} did not hold after {:.1} s", begun.elapsed().as_secs_f32());
        }
        std::thread::sleep(STEP);
    }
    Ok(())
}
