//! The passage of time: schools that must be looked at again get a tick through the same queue as calls, judged up to
//! the watermark. Also the sign of life that tells after a restart how long the collector was away.

use super::connection::stopped;
use super::queue::Queue;
use super::watermark::Watermark;
use crate::clock::Clock;
use crate::store::{Item, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Shortest time between two looks for due schools.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Schools looked at together.
const AT_ONCE: usize = 64;
/// Time between two signs of life.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// Time between two clean-ups.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);
/// Most rounds of one clean-up: each does a bounded piece of work.
const RETAIN_ROUNDS: u32 = 1000;

/// Ticks schools that are due, until the stop.
pub async fn tick(
    store: Arc<dyn Store>,
    queue: Queue,
    watermark: Arc<Watermark>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let mut beat = interval(LOOK_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopped(&mut stop) => return,
        }
        if let Err(error) = look(store.as_ref(), &queue, &watermark, clock.as_ref()).await {
            tracing::error!(%error, "schools could not be looked at; trying again in a second");
        }
    }
}

/// One look; answers how many schools were due.
pub async fn look(
    store: &dyn Store,
    queue: &Queue,
    watermark: &Watermark,
    clock: &dyn Clock,
) -> Result<usize, StoreError> {
    let upto = watermark.low();
    let due = store.due_schools(upto, AT_ONCE).await?;
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
            Ok(Err(error)) => tracing::error!(%school, %error, "this school could not be looked at; trying again"),
        }
    }
    Ok(due.len())
}

/// Writes the sign of life and cleans up, until the stop.
pub async fn upkeep(store: Arc<dyn Store>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    let mut alive = interval(ALIVE_EVERY);
    let mut retain = interval(RETAIN_EVERY);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    retain.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = alive.tick() => {
                if let Err(error) = store.collector_alive(clock.now(), false).await {
                    tracing::error!(%error, "the sign of life could not be written");
                }
            }
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
