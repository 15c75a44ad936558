//! The running agent against a real listener: goodbyes, sleeps, urgent calls, refusals.

use super::conduct::{Signal, Watch, conduct};
use crate::checks::Dated;
use crate::source::Live;
use crate::sync::tests::{World, good, raw, read, world};
use crate::testing::Collector;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use vigie_shared::check::{CheckResult, CheckStanding, CheckState, INTERNET, Reason};
use vigie_shared::event::{Event, Fact, GoodbyeReason};
use vigie_shared::policy::Policy;

/// Hands out what the test sends.
struct Scripted {
    facts: mpsc::Receiver<Fact>,
    standings: Vec<CheckStanding>,
}

impl Watch for Scripted {
    async fn run_due(&mut self, _policy: &Policy) -> Vec<Dated> {
        let Some(fact) = self.facts.recv().await else { return pending().await };
        if let Fact::Check { result, .. } = &fact {
            let CheckResult { check, instance, state, reason, .. } = result.clone();
            self.standings = vec![CheckStanding { check, instance, state, reason }];
        }
        vec![Dated { up_ms: 17, wall_ms: 18, fact }]
    }

    fn next_due_ms(&self) -> u64 {
        0
    }

    fn standings(&self) -> Vec<CheckStanding> {
        self.standings.clone()
    }
}

fn internet(state: CheckState) -> Fact {
    let result = CheckResult {
        check: INTERNET.into(),
        instance: String::new(),
        state,
        reason: Reason::Fine,
        evidence: Default::default(),
    };
    Fact::Check { result, bracket_ms: None }
}

/// What a test does while the agent runs.
struct Hands<'a> {
    signals: mpsc::Sender<Signal>,
    facts: mpsc::Sender<Fact>,
    collector: &'a Collector,
}

impl Hands<'_> {
    /// Waits until this many calls came, at most 10 s.
    async fn calls(&self, wanted: usize) -> usize {
        let begun = Instant::now();
        while self.collector.seen().len() < wanted && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.collector.seen().len()
    }

    /// The facts received so far, in order of arrival.
    fn received(&self) -> Vec<Fact> {
        let requests = self.collector.seen();
        let events = requests.iter().flat_map(|seen| read(seen).events);
        events.map(|raw| serde_json::from_str::<Event>(raw.get()).unwrap().fact).collect()
    }
}

/// Runs the agent of a world with a heartbeat of 5 s (30 s between calls, as the collector asks) beside `script`.
async fn with_agent(world: &mut World, script: impl AsyncFnOnce(&Hands<'_>)) {
    world.desk.offer_policy(Policy { version: 1, heartbeat_s: 5, ..Policy::default() });
    let (signals, incoming) = mpsc::channel(4);
    let (facts, scripted) = mpsc::channel(4);
    let hands = Hands { signals, facts, collector: &world.collector };
    let mut watch = Scripted { facts: scripted, standings: vec![] };
    let running = conduct(&world.desk, &mut world.caller, &mut watch, incoming, &Live);
    let acting = async {
        script(&hands).await;
        hands.signals.send(Signal::Stop).await.unwrap();
    };
    tokio::join!(running, acting);
}

#[tokio::test]
async fn a_stop_is_said_before_leaving() {
    let mut world = world(good()).await;
    with_agent(&mut world, async |hands| {
        assert_eq!(hands.calls(1).await, 1);
    })
    .await;
    let last = read(world.collector.seen().last().unwrap());
    let event: Event = serde_json::from_str(last.events.last().unwrap().get()).unwrap();
    assert_eq!(event.fact, Fact::Goodbye { reason: GoodbyeReason::AgentStopped });
    assert_eq!(world.desk.spool.borrow().fill().events, 0);
}

#[tokio::test]
async fn a_goodbye_that_nobody_hears_is_kept_and_does_not_hold_the_shutdown() {
    let mut world = world(raw(500, vec![], b"rubbish")).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let identity = crate::identity::Identity::load(&world.state).unwrap();
    let window = Arc::new(crate::sync::tls::ClockWindow::new(Arc::clone(&world.desk.clock), None));
    let config =
        crate::sync::tls::agent_config(&identity.certificate, &identity.key, &identity.authority, &window).unwrap();
    let address = format!("https://{}", silent.local_addr().unwrap());
    world.caller.link = crate::sync::link::Link::new(address.parse().unwrap(), config);
    let begun = Instant::now();
    with_agent(&mut world, async |_| {}).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(world.desk.spool.borrow().fill().events, 1);
}

#[tokio::test]
async fn sleep_is_a_goodbye_and_waking_up_a_hello() {
    let mut world = world(good()).await;
    with_agent(&mut world, async |hands| {
        hands.calls(1).await;
        hands.signals.send(Signal::Suspend).await.unwrap();
        assert_eq!(hands.calls(2).await, 2);
        hands.signals.send(Signal::Resume).await.unwrap();
        assert_eq!(hands.calls(3).await, 3, "well before the next heartbeat");
        let expected = [Fact::Goodbye { reason: GoodbyeReason::Suspend }, Fact::Resumed { slept_ms: 0 }];
        assert_eq!(hands.received(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_transition_is_told_at_once_with_its_own_date_and_the_new_standing() {
    let mut world = world(good()).await;
    with_agent(&mut world, async |hands| {
        hands.calls(1).await;
        hands.facts.send(internet(CheckState::Critical)).await.unwrap();
        assert_eq!(hands.calls(2).await, 2);
    })
    .await;
    let requests: Vec<_> = world.collector.seen().iter().map(read).collect();
    let event: Event = serde_json::from_str(requests[1].events[0].get()).unwrap();
    assert_eq!((event.up_ms, event.wall_ms, event.fact), (17, 18, internet(CheckState::Critical)));
    assert_ne!(requests[0].inventory, requests[1].inventory, "the section of the checks changed");
}

#[tokio::test]
async fn a_revoked_machine_keeps_its_events_and_says_what_to_do_without_hammering() {
    let body = br#"{"error":{"code":"certificate_revoked","message":"revoked by a person"}}"#;
    let mut world = world(raw(403, vec![], body)).await;
    with_agent(&mut world, async |hands| {
        hands.calls(1).await;
        hands.facts.send(internet(CheckState::Ok)).await.unwrap();
        hands.facts.send(internet(CheckState::Critical)).await.unwrap();
        // Asked calls come within 2 s: none may.
        tokio::time::timeout(Duration::from_millis(2500), hands.calls(2)).await.unwrap_err();
    })
    .await;
    let calls = world.collector.seen().len();
    assert_eq!(calls, 2, "the first and the goodbye");
    assert_eq!(world.desk.spool.borrow().fill().events, 3);
    let trouble = world.desk.status().trouble.unwrap().message;
    assert!(trouble.contains("certificate_revoked") && trouble.contains("enrol it again"), "{trouble}");
}
