//! The life of this collector among others on one store: its sign every second, and what the answer means here: up to
//! when silence may be judged. While the sign cannot be written nothing is judged at all.

use super::seldom::Seldom;
use super::watermark::Watermark;
use crate::clock::Clock;
use crate::store::{CLOCKS_APART, ReplicaState, SignOfLife, Signed, Store, StoreError};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use vigie_shared::id::ReplicaId;

/// Time between two signs of life.
const EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub struct Life {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    watermark: Arc<Watermark>,
    replica: ReplicaId,
    name: String,
    upto: watch::Sender<Option<Timestamp>>,
    /// Whether a sign could not be written since the last that was.
    failed: AtomicBool,
    unwritten: Seldom,
    given_up: Seldom,
    away: Seldom,
    apart: Seldom,
}

impl Life {
    /// A life that has not begun. `name` says host and data folder: no two collectors that run may share it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, watermark: Arc<Watermark>, name: String) -> Self {
        let (upto, _) = watch::channel(None);
        let replica = ReplicaId::new();
        Self {
            store,
            clock,
            watermark,
            replica,
            name,
            upto,
            failed: AtomicBool::new(false),
            unwritten: Seldom::default(),
            given_up: Seldom::default(),
            away: Seldom::default(),
            apart: Seldom::default(),
        }
    }

    /// This start of the process.
    pub fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// Up to when silence may be judged: moves with each sign of life that was written.
    pub fn upto(&self) -> watch::Receiver<Option<Timestamp>> {
        self.upto.subscribe()
    }

    /// Says that this collector is about to receive, or receives no more.
    pub async fn say(&self, state: ReplicaState) -> Result<(), StoreError> {
        // Read before the sign is written: what is received in between is younger.
        let low = self.watermark.low();
        let now = self.clock.now();
        let failed_before = self.failed.swap(true, Ordering::Relaxed);
        let (replica, name) = (self.replica, self.name.clone());
        let sign = SignOfLife { replica, name, now, by_database: true, low, state, failed_before };
        let signed = self.store.sign_of_life(sign).await?;
        if let Some(shared) = signed.shared {
            self.clock.follow(shared);
            let behind = now.duration_until(shared);
            if behind.abs() > CLOCKS_APART && self.apart.count().is_some() {
                tracing::warn!(
                    seconds = behind.as_secs(),
                    "the clock of this host is behind that of the database by so much (ahead of it, if negative): the database's counts"
                );
            }
        }
        self.failed.store(false, Ordering::Relaxed);
        self.tell(&signed);
        self.upto.send_replace(Some(signed.low));
        Ok(())
    }

    /// Gives a sign of life every second; never ends by itself, so that it lasts while calls in flight are answered.
    pub async fn keep(&self) {
        let mut beat = interval(EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if let Err(error) = self.say(ReplicaState::Running).await
                && let Some(count) = self.unwritten.count()
            {
                tracing::error!(%error, count, "the sign of life could not be written: no silence is judged until it can");
            }
        }
    }

    fn tell(&self, signed: &Signed) {
        for (name, alive) in &signed.gone {
            let Some(count) = self.given_up.count() else { continue };
            tracing::warn!(collector = name, last_alive = %alive, count,
                "another collector is not heard any more and was given up; its agents get time to come to others");
        }
        if let Some(absence) = &signed.absence
            && self.away.count().is_some()
        {
            tracing::info!(from = %absence.from, until = %absence.until,
                "a collector was away: nobody is missed before all had time to call again");
        }
        if let Some((name, by)) = &signed.ahead
            && self.apart.count().is_some()
        {
            tracing::warn!(
                collector = name,
                seconds = by.as_secs(),
                "the clock of this host is behind another collector's by so much at least: keep both in time (NTP)"
            );
        }
    }
}
