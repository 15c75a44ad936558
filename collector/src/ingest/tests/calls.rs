//! The call of agents over the wire, down to the store and back.

use super::client::{Got, Identity, connect, post, raw};
use super::world::{World, days, now};
use crate::clock::Clock;
use crate::engine::Presence;
use crate::ingest::life::Life;
use crate::ingest::listener::{Bounds, Serves};
use crate::ingest::queue::QueueBounds;
use crate::ingest::ticker;
use crate::ingest::watermark::Watermark;
use crate::store::ReplicaState;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vigie_shared::id::{BootId, MachineId, ReplicaId, StreamId};
use vigie_shared::limits::ALPN_AGENT;
use vigie_shared::policy::Policy;
use vigie_shared::sync::{PATH, SyncAnswer, SyncRequest};

fn quiet() -> SyncRequest {
    SyncRequest {
        v: 1,
        boot: BootId::new(),
        up_ms: 86_400_000,
        wall_ms: now().as_millisecond(),
        stream: StreamId::new(),
        oldest: 1,
        next: 1,
        events: vec![],
        inventory: None,
        digests: None,
        sections: BTreeMap::new(),
        policy: 0,
    }
}

fn heartbeat() -> Vec<u8> {
    post(PATH, "", &serde_json::to_vec(&quiet()).unwrap())
}

async fn beat(world: &World, machine: &Identity) -> Got {
    world.agent(machine, &heartbeat()).await
}

async fn last_seen(world: &World, machine: MachineId) -> Option<Timestamp> {
    world.store.machine(machine, now()).await.unwrap().unwrap().machine.last_seen
}

/// Waits, with a bound, until something holds.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_quiet_heartbeat_is_answered_after_commit_with_nothing_superfluous() {
    let world = World::start().await;
    let (id, machine) = world.machine().await;
    let before = now();
    let mut stream = connect(world.address, &world.config(ALPN_AGENT, Some(&machine))).await.unwrap();
    for _ in 0..3 {
        let answer = raw(&mut stream, &heartbeat()).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.head.lines().filter(|line| !line.is_empty()).count(), 2, "{}", answer.head);
        let bytes = answer.head.len() + answer.body.len();
        assert!(bytes <= 120, "{bytes} bytes: {answer:?}");
        let said: SyncAnswer = answer.json();
        assert_eq!((said.ack, said.policy), (0, None));
        assert!(said.next_s > 0 && said.now_ms >= before.as_millisecond());
    }
    assert!(last_seen(&world, id).await.is_some_and(|seen| seen.as_millisecond() >= before.as_millisecond()));
}

#[tokio::test]
async fn a_compressed_call_is_read_and_a_changed_policy_comes_back() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let policy = Policy { heartbeat_s: 7, ..Policy::default() };
    let version = world.store.set_policy(policy, now()).await.unwrap();
    let body = zstd::bulk::compress(&serde_json::to_vec(&quiet()).unwrap(), 3).unwrap();
    let answer = world.agent(&machine, &post(PATH, "content-encoding: zstd\r\n", &body)).await;
    let said: SyncAnswer = answer.json();
    assert_eq!(said.policy.map(|policy| (policy.version, policy.heartbeat_s)), Some((version, 7)));
    assert_eq!(said.next_s, 7);
}

#[tokio::test]
async fn what_the_store_refuses_has_its_code() {
    let world = World::start().await;
    let (id, machine) = world.machine().await;
    let old = world.certificate_of(id, now().checked_sub(days(401)).unwrap()).await;
    assert_eq!(beat(&world, &old).await.refusal(), (403, "certificate_expired".to_owned()));
    let wrong = SyncRequest { oldest: 9, next: 3, ..quiet() };
    let answer = world.agent(&machine, &post(PATH, "", &serde_json::to_vec(&wrong).unwrap())).await;
    assert_eq!(answer.refusal(), (400, "sequence_invalid".to_owned()));
    world.store.revoke(id, "test", now(), crate::modes::decider().unwrap()).await.unwrap();
    assert_eq!(beat(&world, &machine).await.refusal(), (403, "certificate_revoked".to_owned()));
}

#[tokio::test]
async fn a_full_queue_answers_503_and_the_machine_still_counts_as_seen() {
    let bounds = QueueBounds { waiting: 1, batch: 1, heard: 10 };
    let world = World::with(Bounds::default(), bounds, Serves::All).await;
    let mut machines = Vec::new();
    for _ in 0..4 {
        machines.push(world.machine().await);
    }
    let start = now();
    // Another process writes for a long time: the store cannot commit.
    let other = rusqlite::Connection::open(world.data.path().join("vigie.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let config = |machine: &Identity| world.config(ALPN_AGENT, Some(machine));
    let mut turned_away = 0;
    let mut waiting = Vec::new();
    for (_, machine) in &machines {
        let mut stream = connect(world.address, &config(machine)).await.unwrap();
        let call = tokio::spawn(async move { raw(&mut stream, &heartbeat()).await });
        // One call is being written and one waits; the next ones are turned away at once.
        if waiting.len() < 2 {
            waiting.push(call);
            let held = waiting.len();
            eventually("the call to be taken in", || async { world.watermark.waiting() == held }).await;
            eventually("the queue to move", || async { held == 2 || world.queue.is_empty() }).await;
            continue;
        }
        let answer = call.await.unwrap().unwrap();
        assert_eq!(answer.refusal(), (503, "overloaded".to_owned()));
        let after: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((10..=20).contains(&after));
        turned_away += 1;
    }
    assert_eq!(turned_away, 2);
    let low = world.watermark.low();
    assert!(low >= start && low < now(), "silence is not judged past the oldest call that waits");
    assert_eq!(world.watermark.waiting(), 4, "those turned away hold it too");

    other.execute_batch("ROLLBACK").unwrap();
    for call in waiting {
        assert_eq!(call.await.unwrap().unwrap().status, 200);
    }
    eventually("all to be applied", || async { world.watermark.waiting() == 0 }).await;
    for (id, _) in &machines {
        assert!(last_seen(&world, *id).await.is_some(), "{id} was heard");
    }
}

/// A clock that the test moves.
struct Moved(Mutex<Timestamp>);

impl Moved {
    fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap() = at;
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn a_school_is_ticked_when_due_and_never_past_a_call_that_is_not_applied() {
    let world = World::start().await;
    world.expect_loopback().await;
    let (id, machine) = world.machine().await;
    assert_eq!(beat(&world, &machine).await.status, 200);
    let clock = Arc::new(Moved(Mutex::new(now())));
    let watermark = Watermark::new(clock.clone());
    let replica = ReplicaId::new();
    let look = async || {
        let upto = watermark.low();
        ticker::look(world.store.as_ref(), &world.queue, clock.as_ref(), replica, upto).await.unwrap()
    };
    let presence = async || world.store.machine(id, now()).await.unwrap().unwrap().machine.presence;
    assert_eq!(look().await, 0, "just heard: nothing to judge");

    let in_flight = watermark.received();
    clock.set(now().checked_add(SignedDuration::from_hours(1)).unwrap());
    assert_eq!(look().await, 0, "an hour passed, but a call of before is still to be applied");
    assert_eq!(presence().await, Presence::Online);

    drop(in_flight);
    assert_eq!(look().await, 1);
    assert_eq!(presence().await, Presence::Silent);
    assert_eq!(look().await, 0, "judged once");
}

#[tokio::test]
async fn time_that_the_collector_did_not_live_through_is_its_own_absence_and_nobody_elses() {
    for step in [SignedDuration::from_secs(20), SignedDuration::from_hours(2), SignedDuration::from_hours(-2)] {
        let world = World::start().await;
        world.expect_loopback().await;
        let (id, machine) = world.machine().await;
        assert_eq!(beat(&world, &machine).await.status, 200);
        let clock = Arc::new(Moved(Mutex::new(now())));
        let watermark = Watermark::new(clock.clone());
        let life = Life::new(world.store.clone(), clock.clone(), watermark, "one".to_owned());
        life.say(ReplicaState::Starting).await.unwrap();
        let upto = life.upto();
        let live = async || {
            life.say(ReplicaState::Running).await.unwrap();
            let upto = upto.borrow().unwrap();
            ticker::look(world.store.as_ref(), &world.queue, clock.as_ref(), life.replica(), upto).await.unwrap();
        };
        let presence = async || world.store.machine(id, clock.now()).await.unwrap().unwrap().machine.presence;
        live().await;

        clock.set(clock.now() + step);
        for _ in 0..3 {
            live().await;
        }
        assert_eq!(presence().await, Presence::Online, "{step}");

        // Back-off cap and heartbeat are 180 s; a machine that is not heard by then is silent, whatever the clock was.
        let began = clock.now();
        for second in (0..=200).step_by(4) {
            clock.set(began + SignedDuration::from_secs(second));
            live().await;
        }
        assert_eq!(presence().await, Presence::Silent, "{step}");
    }
}
