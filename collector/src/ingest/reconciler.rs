//! Asks at the start and every hour whether the open incidents follow from the facts ([`crate::engine::reconcile`]), and
//! tells where they do not: in the log, and as a figure of `/metrics`. Nothing is mended: whatever it finds is a defect, and
//! a defect that heals by itself is never found.

use super::connection::stopped;
use crate::clock::Clock;
use crate::engine::Decide;
use crate::engine::reconcile::{Difference, Doubt};
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use vigie_shared::uai::Uai;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(3600);
/// What differs is looked at again after this long: a school that is about to be looked at anyway is no defect.
const TWICE_WITHIN: Duration = Duration::from_secs(30);

/// How many differences the last look found; it stays 0 on a collector that works.
pub type InDoubt = Arc<AtomicU64>;

/// Looks until the stop.
pub async fn run(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    decider: Arc<dyn Decide>,
    upto: watch::Receiver<Option<Timestamp>>,
    in_doubt: InDoubt,
    mut stop: watch::Receiver<bool>,
) {
    let mut hourly = interval(EVERY);
    hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let look = async || -> Result<BTreeSet<(Uai, Difference)>, StoreError> {
        let now = clock.now();
        let upto = upto.borrow().unwrap_or(now).min(now);
        Ok(store.doubts(upto, now, decider.clone()).await?.into_iter().collect())
    };
    loop {
        let twice = async {
            hourly.tick().await;
            let first = look().await?;
            if first.is_empty() {
                return Ok(first);
            }
            sleep(TWICE_WITHIN).await;
            let again = look().await?;
            Ok::<_, StoreError>(first.into_iter().filter(|difference| again.contains(difference)).collect())
        };
        let found = tokio::select! {
            found = twice => found,
            () = stopped(&mut stop) => return,
        };
        match found {
            Ok(found) => tell(&found, &in_doubt),
            Err(error) => {
                tracing::warn!(%error, "open incidents could not be compared with the facts; again in an hour")
            }
        }
    }
}

fn tell(found: &BTreeSet<(Uai, Difference)>, in_doubt: &InDoubt) {
    in_doubt.store(u64::try_from(found.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
    for (school, Difference { key, doubt }) in found {
        let what = match doubt {
            Doubt::NotOpen => "the facts show an incident that is not open",
            Doubt::NotEnded => "an incident is open that is over by the facts",
        };
        tracing::error!(%school, check = key.check, scope = %key.scope, instance = key.instance,
            "{what}: this is a defect of Vigie, please report it with this line");
    }
}
