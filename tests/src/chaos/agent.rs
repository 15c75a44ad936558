//! The agent under test: the product's spool, caller, checks and conversation as `vigie-agent run` sets them up, beside
//! a producer of numbered events that writes down what was spooled and what was acknowledged.
//!
//! The program `chaos_agent` is this; it is a process of its own so that it can be killed.

use super::journal::{Contact, Journal, Line, Spooled, Tail, Truth};
use anyhow::{Context, Result};
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use vigie_agent::identity::Identity;
use vigie_agent::modes::run::{Agent, conduct, listen_to_signals, start_log};
use vigie_agent::settings::StateFolder;
use vigie_agent::source::{Live, Source};
use vigie_agent::sync::backoff::random_up_to;
use vigie_agent::sync::desk::{Desk, Urgency};
use vigie_shared::check::{CheckState, INTERNET};
use vigie_shared::digest::Digest;
use vigie_shared::event::{Event, Fact, Sample};
use vigie_shared::id::StreamId;

/// Name of the journal, beside the state folder.
pub const JOURNAL: &str = "journal";
/// While a file of this name lies beside the state folder no numbers are made.
pub const QUIET: &str = "quiet";
/// Metric of the numbered samples; the instance is the number.
pub const METRIC: &str = "chaos_number";
/// A sleep that no machine sleeps, milliseconds: numbered transitions carry this plus their number.
pub const SLEPT_MS: u64 = 1 << 50;

const LEAST_PAUSE_MS: u64 = 200;
const PAUSE_MS: u64 = 900;
/// Bytes that events are made longer by, so that a full disk is felt soon.
const PADDING: u64 = 1200;

/// Runs until SIGTERM.
pub fn run(state: &Path) -> Result<()> {
    start_log();
    let beside = state.parent().context("the state folder lies in the folder of its machine")?;
    let mut truth = Truth::default();
    Tail::new(&beside.join(JOURNAL)).read()?.into_iter().for_each(|line| truth.learn(line));
    let mut scribe = Scribe { journal: Journal::open(&beside.join(JOURNAL))?, contact: None, settled: true };
    let quiet = beside.join(QUIET);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    let ended = runtime.block_on(async {
        let source: Arc<dyn Source> = Arc::new(Live);
        let state = StateFolder::new(state);
        let identity = Identity::load(&state)?;
        let hardware = vigie_agent::inventory::hardware_evidence(source.as_ref());
        identity.check_hardware(&hardware, &state)?;
        let address = identity.collector.clone();
        let Agent { desk, mut caller, mut watcher } = Agent::set_up(address, state, &source, hardware, identity)?;
        scribe.journal.write(&Line::Started(desk.spool.borrow().stream()))?;

        let scribe = std::cell::RefCell::new(scribe);
        let signals = listen_to_signals()?;
        let mut conversation = pin!(conduct(&desk, &mut caller, &mut watcher, signals, source.as_ref()));
        // Looks at the spool before and after each step of the conversation: what left it in between was acknowledged.
        let observed = poll_fn(|context| {
            let before = Front::of(&desk);
            let step = conversation.as_mut().poll(context);
            if let Err(error) = scribe.borrow_mut().look(&desk, &before) {
                return std::task::Poll::Ready(Err(error));
            }
            step.map(Ok)
        });
        tokio::select! {
            ended = observed => ended,
            ended = produce(&desk, &scribe, truth.next_number(), &quiet) => ended,
        }
    });
    runtime.shutdown_background();
    ended
}

/// The oldest thing that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Front {
    stream: StreamId,
    oldest: u64,
    next: u64,
}

impl Front {
    fn of(desk: &Desk) -> Self {
        let batch = desk.spool.borrow().batch(1, 1);
        Self { stream: batch.stream, oldest: batch.oldest, next: batch.next }
    }
}

struct Scribe {
    journal: Journal,
    contact: Option<i64>,
    settled: bool,
}

impl Scribe {
    fn look(&mut self, desk: &Desk, before: &Front) -> Result<()> {
        let after = Front::of(desk);
        let end = if after.stream == before.stream { after.oldest } else { before.next };
        if end > before.oldest {
            let (stream, first) = (before.stream, before.oldest);
            self.journal.write(&Line::Acknowledged { stream, first, last: end - 1 })?;
        }
        if !self.settled && desk.spool.borrow().fill().bytes_in_memory == 0 {
            self.settled = true;
            self.journal.write(&Line::Settled)?;
        }
        let told = desk.status().last_contact_ms;
        if told != self.contact {
            self.contact = told;
            let internet = desk.standings().iter().any(|s| s.check == INTERNET && s.state == CheckState::Ok);
            let waiting = desk.spool.borrow().fill().events;
            let trusted = !desk.status().quarantined;
            let contact = Contact { up_ms: desk.clock.since_boot_ms(), waiting, internet, trusted };
            self.journal.write(&Line::Contact(contact))?;
        }
        Ok(())
    }
}

/// Makes numbers, until something cannot be written down.
async fn produce(desk: &Desk, scribe: &std::cell::RefCell<Scribe>, first: u64, quiet: &Path) -> Result<()> {
    let mut number = first;
    loop {
        tokio::time::sleep(Duration::from_millis(LEAST_PAUSE_MS + random_up_to(PAUSE_MS))).await;
        if quiet.exists() {
            continue;
        }
        let mut scribe = scribe.borrow_mut();
        scribe.journal.write(&Line::Intended(number))?;
        let (at, fact) = (desk.now(), fact(number));
        let (seq, durable) = {
            let mut spool = desk.spool.borrow_mut();
            let seq = spool.append(at, fact.clone());
            (seq, spool.fill().bytes_in_memory == 0)
        };
        let event = Event { seq, boot: at.boot, up_ms: at.up_ms, wall_ms: at.wall_ms, fact };
        let digest = Digest::of(&serde_json::to_vec(&event)?);
        scribe.settled &= durable;
        scribe.journal.write(&Line::Spooled(Spooled { number, seq, digest, durable }))?;
        // Some are worth a call at once, as a changed check is.
        if number.is_multiple_of(3) {
            desk.ask(Urgency::Soon);
        }
        number += 1;
    }
}

/// Summaries mostly, every third a transition.
fn fact(number: u64) -> Fact {
    if number.is_multiple_of(3) {
        return Fact::Resumed { slept_ms: SLEPT_MS + number };
    }
    let length = usize::try_from(random_up_to(PADDING)).unwrap_or_default();
    let sample = |metric: &str, instance: String| Sample { metric: metric.to_owned(), instance, value: 1.0 };
    Fact::Samples { values: vec![sample(METRIC, number.to_string()), sample("chaos_padding", "x".repeat(length))] }
}

/// The number that an event carries.
pub fn number_of(body: &str) -> Option<u64> {
    let event: Event = serde_json::from_str(body).ok()?;
    match event.fact {
        Fact::Resumed { slept_ms } => slept_ms.checked_sub(SLEPT_MS),
        Fact::Samples { values } => {
            values.iter().find(|sample| sample.metric == METRIC).and_then(|sample| sample.instance.parse().ok())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_shared::id::BootId;

    #[test]
    fn a_number_is_read_back_from_the_event_that_carries_it() {
        for number in 1..10 {
            let event = Event { seq: 1, boot: BootId::new(), up_ms: 1, wall_ms: 1, fact: fact(number) };
            assert_eq!(number_of(&serde_json::to_string(&event).unwrap()), Some(number));
        }
        let event =
            Event { seq: 1, boot: BootId::new(), up_ms: 1, wall_ms: 1, fact: Fact::Resumed { slept_ms: 9_000 } };
        assert_eq!(number_of(&serde_json::to_string(&event).unwrap()), None, "a machine that really slept");
    }
}
