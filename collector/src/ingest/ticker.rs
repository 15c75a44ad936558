//! The passage of time: schools that must be looked at again are claimed, so that one collector looks at each, and get a
//! tick through the same queue as calls, judged up to the watermark of all collectors. Also the clean-up.

use super::connection::stopped;
use super::queue::Queue;
use crate::clock::Clock;
use crate::store::{Item, Store, StoreError};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use vigie_shared::id::ReplicaId;

/// Schools looked at together.
const AT_ONCE: usize = 64;
/// Looks in a row while there is more to do; then the watermark is read again.
const ROUNDS: usize = 16;
/// Time between two clean-ups.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);
/// Most rounds of one clean-up: each does a bounded piece of work.
const RETAIN_ROUNDS: u32 = 1000;

/// Ticks schools that are due each time the watermark moves (every second), until the stop.
pub async fn tick(
    store: Arc<dyn Store>,
    queue: Queue,
    clock: Arc<dyn Clock>,
    replica: ReplicaId,
    mut upto: watch::Receiver<Option<Timestamp>>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            moved = upto.changed() => if moved.is_err() { return },
            () = stopped(&mut stop) => return,
        }
        let Some(low) = *upto.borrow_and_update() else { continue };
        for _ in 0..ROUNDS {
            match look(store.as_ref(), &queue, clock.as_ref(), replica, low).await {
                Ok(AT_ONCE) if !*stop.borrow() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "schools could not be looked at; trying again in a second");
                    break;
                }
            }
        }
        if let Err(error) = store.look_wide(clock.now()).await {
            tracing::error!(%error, "verdicts on more than one school could not be looked for; trying again in a second");
        }
    }
}

/// One look; answers how many schools were due.
pub async fn look(
    store: &dyn Store,
    queue: &Queue,
    clock: &dyn Clock,
    replica: ReplicaId,
    upto: Timestamp,
) -> Result<usize, StoreError> {
    let due = store.claim_due(replica, upto, clock.now(), AT_ONCE).await?;
    let mut outcomes = Vec::with_capacity(due.len());
    for school in &due {
        let item = Item::Tick { school: *school, upto, now: clock.now().max(upto) };
        match queue.tick(item).await {
            Ok(outcome) => outcomes.push((school, outcome)),
            Err(_) => return Ok(outcomes.len()),
        }
    }
    for (school, outcome) in outcomes {
        match outcome.await {
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::error!(%school, %error, "this school could not be looked at; trying again in ten seconds");
            }
        }
    }
    Ok(due.len())
}

/// Cleans up, until the stop.
pub async fn upkeep(store: Arc<dyn Store>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    let mut retain = interval(RETAIN_EVERY);
    retain.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = retain.tick() => clean(store.as_ref(), clock.as_ref()).await,
            () = stopped(&mut stop) => return,
        }
    }
}

async fn clean(store: &dyn Store, clock: &dyn Clock) {
    for _ in 0..RETAIN_ROUNDS {
        match store.retain(clock.now()).await {
            Ok(0) => return,
            Ok(rows) => tracing::debug!(rows, "rows past their time were dropped"),
            Err(error) => return tracing::error!(%error, "rows past their time could not be dropped"),
        }
    }
}
