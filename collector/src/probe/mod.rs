//! The collector's own eye: it pings the routers of schools, on the lines whose operator agreed (`line add --probe ping`),
//! and so tells a cut line from a power cut or a filter, and both from an outage of its own.
//!
//! One collector at a time does it. Every line is looked at once a minute, what waits to be confirmed every 15 seconds,
//! at a bounded pace ([`LOOKS`], [`PACE`], [`AT_ONCE`]). Only what is new goes into the store ([`follow`]).

mod echo;
pub mod follow;

use crate::clock::Clock;
use crate::ingest::connection::stopped;
use crate::ingest::queue::Queue;
use crate::ingest::seldom::Seldom;
use crate::store::{Item, Store, StoreError};
use follow::{Follows, News};
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use vigie_shared::id::{LineId, ReplicaId};

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(15);
/// Most looks of one kind in a round: 2,000 lines are looked at within their minute, more take longer.
const LOOKS: usize = 500;
/// Time between the beginnings of two looks.
const PACE: Duration = Duration::from_millis(20);
/// Looks under way.
const AT_ONCE: usize = 32;

/// Probes in rounds, until the stop.
pub async fn run(
    store: Arc<dyn Store>,
    queue: Queue,
    clock: Arc<dyn Clock>,
    replica: ReplicaId,
    mut stop: watch::Receiver<bool>,
) {
    let mut prober = Prober::new(store, queue, clock, replica);
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = stopped(&mut stop) => return,
        }
        tokio::select! {
            done = prober.round() => if let Err(error) = done {
                tracing::error!(%error, "the lines of schools could not be probed; trying again in 15 seconds");
            },
            () = stopped(&mut stop) => return,
        }
    }
}

/// What a collector that probes remembers.
pub struct Prober {
    store: Arc<dyn Store>,
    queue: Queue,
    clock: Arc<dyn Clock>,
    replica: ReplicaId,
    follows: Follows,
    numbers: Arc<echo::Numbers>,
    unasked: Seldom,
}

impl Prober {
    /// One that has not looked yet.
    pub fn new(store: Arc<dyn Store>, queue: Queue, clock: Arc<dyn Clock>, replica: ReplicaId) -> Self {
        let (follows, numbers, unasked) = (Follows::default(), Arc::default(), Seldom::default());
        Self { store, queue, clock, replica, follows, numbers, unasked }
    }

    /// One round, if this collector has the duty. What waits to be confirmed comes first and is told before others are
    /// looked at: a proof must lie between the looks that it proves something about.
    pub async fn round(&mut self) -> Result<(), StoreError> {
        let Some(lines) = self.store.claim_probing(self.replica, self.clock.now()).await? else {
            self.follows = Follows::default();
            return Ok(());
        };
        self.follows.keep(&lines);
        self.look(self.follows.pending(LOOKS)).await;
        self.tell().await?;
        self.look(self.follows.due(self.clock.now(), LOOKS)).await;
        self.look(self.follows.witnesses()).await;
        Ok(())
    }

    async fn look(&mut self, lines: Vec<(LineId, IpAddr)>) {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut sockets = echo::Sockets::default();
        let mut looks = JoinSet::new();
        for (line, address) in lines {
            let Ok(turn) = turns.clone().acquire_owned().await else { return };
            let client = match sockets.of(address) {
                Ok(client) => client,
                Err(error) => {
                    self.cannot_ask(address, &error.to_string());
                    continue;
                }
            };
            let (begun, numbers) = (self.clock.now(), self.numbers.clone());
            looks.spawn(async move {
                let answer = echo::answers(client, address, &numbers).await;
                drop(turn);
                (line, address, begun, answer)
            });
            tokio::time::sleep(PACE).await;
        }
        while let Some(look) = looks.join_next().await {
            match look {
                Ok((line, _, begun, Ok(answers))) => self.follows.looked(line, answers, begun),
                Ok((_, address, _, Err(why))) => self.cannot_ask(address, &why),
                Err(error) => tracing::error!(%error, "a look at a line ended by itself"),
            }
        }
    }

    fn cannot_ask(&self, address: IpAddr, why: &str) {
        if let Some(count) = self.unasked.count() {
            tracing::warn!(count, %address, why, "a line could not be asked: that says nothing about it");
        }
    }

    async fn tell(&mut self) -> Result<(), StoreError> {
        for news in self.follows.news() {
            let ours = !news.answers && !news.others_answered && !self.heard(&news).await?;
            let Some(result) = self.follows.result(&news, ours, self.clock.now()) else { continue };
            let Ok(outcome) = self.queue.tick(Item::Probe(result)).await else { return Ok(()) };
            match outcome.await {
                Ok(Ok(_)) => self.follows.told(&result),
                Ok(Err(error)) => {
                    tracing::error!(line = %result.line, %error, "what a probe came to could not be kept: it is told again");
                }
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether machines of schools without a silent line were heard between the looks that confirm a silence.
    async fn heard(&self, news: &News) -> Result<bool, StoreError> {
        let (than, after, upto): (_, Timestamp, Timestamp) = (self.follows.silent_schools(), news.since, news.last);
        self.store.heard_elsewhere(than, after, upto).await
    }
}

#[cfg(test)]
mod tests;
