//! Tells people what happened to tickets: messages wait in the store's outbox, written with the verdict; one collector
//! at a time takes each and hands it to the channels, one file each. At least once: a message that one channel did not
//! take is handed to all again later, so a channel must bear a repetition (the message's id stays the same).

mod journal;

use crate::clock::Clock;
use crate::ingest::connection::stopped;
use crate::ingest::seldom::Seldom;
use crate::store::{Message, Store, StoreError};
use async_trait::async_trait;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use vigie_shared::id::ReplicaId;

/// A way to people.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Its name, for the log.
    fn name(&self) -> &'static str;
    /// Tells a message; an error says what to repair. Bounded by [`PATIENCE`] from outside.
    async fn tell(&self, message: &Message) -> Result<(), String>;
}

/// Every channel, in order.
pub fn channels() -> Vec<Box<dyn Channel>> {
    vec![Box::new(journal::Journal)]
}

/// Time between two looks into the outbox.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Messages taken together.
const AT_ONCE: usize = 16;
/// How long one channel may take for one message.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// No message of a claim is begun after this: its lease of 60 s must not run out meanwhile.
const CLAIM_LASTS: Duration = Duration::from_secs(30);
/// Pause after the first failure; each further one doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// Longest pause: twenty attempts then last about four days.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(12);

/// Hands messages to the channels until the stop.
pub async fn run(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    replica: ReplicaId,
    channels: Vec<Box<dyn Channel>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut beat = interval(LOOK_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let unread = Seldom::default();
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopped(&mut stop) => return,
        }
        // What is being told at the stop is told again by the next one.
        let looked = tokio::select! {
            looked = look(store.as_ref(), clock.as_ref(), replica, &channels) => looked,
            () = stopped(&mut stop) => return,
        };
        if let Err(error) = looked
            && let Some(count) = unread.count()
        {
            tracing::error!(%error, count, "the outbox could not be emptied: messages to people wait");
        }
    }
}

/// One look; answers how many messages were taken.
pub async fn look(
    store: &dyn Store,
    clock: &dyn Clock,
    replica: ReplicaId,
    channels: &[Box<dyn Channel>],
) -> Result<usize, StoreError> {
    let claimed = Instant::now();
    let messages = store.claim_messages(replica, clock.now(), AT_ONCE).await?;
    let count = messages.len();
    for message in messages {
        if claimed.elapsed() > CLAIM_LASTS {
            break;
        }
        match hand(&message, channels).await {
            Ok(()) => store.message_done(message.id, replica).await?,
            Err(problem) => {
                let ticket = message.number;
                tracing::warn!(ticket, attempt = message.attempt, problem, "a message could not be told; trying again");
                let retry_at = clock.now().saturating_add(pause(message.attempt));
                let retry_at = retry_at.unwrap_or(jiff::Timestamp::MAX);
                store.message_failed(message.id, replica, &problem, retry_at).await?;
            }
        }
    }
    Ok(count)
}

/// Hands a message to every channel; one that fails does not keep it from the others.
async fn hand(message: &Message, channels: &[Box<dyn Channel>]) -> Result<(), String> {
    let mut problems = Vec::new();
    for channel in channels {
        let told = timeout(PATIENCE, channel.tell(message)).await;
        match told.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))) {
            Ok(()) => {}
            Err(problem) => problems.push(format!("{}: {problem}", channel.name())),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// The pause after an attempt that failed.
fn pause(attempt: u32) -> SignedDuration {
    let doubled = 2i32.saturating_pow(attempt.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_day() {
        let pauses: Vec<i64> = [1, 2, 3, 4, 14, 15, 20, u32::MAX].map(|attempt| pause(attempt).as_secs()).into();
        assert_eq!(pauses, [5, 10, 20, 40, 40_960, 43_200, 43_200, 43_200]);
    }
}
