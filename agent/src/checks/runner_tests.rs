//! The runner over a machine made of texts, a clock that is set by hand, and servers on loopback.

use super::test_source::TestSource;
use super::*;
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use vigie_shared::check::INTERNET;

const WALL_AT_BOOT: i64 = 1_795_400_000_000;

#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        let up = i64::try_from(self.since_boot_ms()).unwrap();
        Timestamp::from_millisecond(WALL_AT_BOOT + up).unwrap()
    }
    fn since_boot_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
    fn awake_ms(&self) -> u64 {
        self.since_boot_ms()
    }
}

struct World {
    machine: Arc<TestSource>,
    clock: Arc<TestClock>,
    runner: Runner,
    policy: Policy,
}

impl World {
    /// A connected machine that tries one address outside, which is `outside`, on loopback.
    fn new(outside: &str) -> Self {
        let machine = Arc::new(TestSource::connected());
        machine.mount(Some(vec![]));
        let clock = Arc::new(TestClock::default());
        let runner = Runner::new(machine.clone(), clock.clone(), "");
        let mut policy = Policy::default();
        policy.internet.timeout_ms = 300;
        policy.internet.tcp = vec![outside.to_owned()];
        Self { machine, clock, runner, policy }
    }

    /// The same with an address outside that refuses.
    async fn with_closed_outside() -> Self {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::new(&closed.local_addr().unwrap().to_string())
    }

    /// Lets the time pass to this second and makes what is due.
    async fn at(&mut self, second: u64) -> Vec<Dated> {
        self.clock.0.store(second * 1000, Ordering::Relaxed);
        self.runner.run_due(&self.policy).await
    }
}

fn changes(facts: &[Dated], name: &str) -> Vec<(u64, String, CheckState, Reason, Option<u64>)> {
    let change = |dated: &Dated| match &dated.fact {
        Fact::Check { result, bracket_ms } if result.check == name => {
            Some((dated.up_ms / 1000, result.instance.clone(), result.state, result.reason.clone(), *bracket_ms))
        }
        _ => None,
    };
    facts.iter().filter_map(change).collect()
}

fn volume(mount_point: &str, free_bytes: u64) -> VolumeUse {
    VolumeUse {
        mount_point: mount_point.into(),
        // Two mounts of one device are one volume.
        device: format!("/dev/test{}", mount_point.len()),
        file_system: "ext4".into(),
        total_bytes: 100 << 30,
        free_bytes,
        read_only: false,
    }
}

#[tokio::test]
async fn an_outage_is_one_change_dated_at_the_first_look_that_saw_it() {
    let outside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = World::new(&outside.local_addr().unwrap().to_string());
    let first = changes(&world.at(10).await, INTERNET);
    assert_eq!(first, [(10, String::new(), CheckState::Ok, Reason::Fine, None)]);
    assert_eq!(world.runner.next_due_ms(), 70_000);
    assert_eq!(world.at(69).await, [], "nothing is due");
    assert_eq!(changes(&world.at(70).await, INTERNET), []);

    drop(outside);
    assert_eq!(changes(&world.at(130).await, INTERNET), [], "one look is not believed");
    assert_eq!(world.runner.next_due_ms(), 145_000, "the next one comes sooner");
    let dated = world.at(145).await;

    let expected = (130, String::new(), CheckState::Critical, Reason::OutsideUnreachable, Some(60_000));
    assert_eq!(changes(&dated, INTERNET), [expected]);
    assert_eq!(dated[0].wall_ms, WALL_AT_BOOT + 130_000);
    assert_eq!(world.runner.next_due_ms(), 205_000);
    let standing = CheckStanding {
        check: INTERNET.into(),
        instance: String::new(),
        state: CheckState::Critical,
        reason: Reason::OutsideUnreachable,
    };
    assert_eq!(world.runner.standings(), [standing]);
}

#[tokio::test]
async fn a_cable_that_is_pulled_is_named_and_so_is_its_return() {
    let outside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = outside.local_addr().unwrap().port();
    let mut world = World::new(&format!("127.0.0.1:{port}"));
    world.at(10).await;
    world.machine.write("/sys/class/net/test0/carrier", "0\n");
    drop(outside);
    world.at(70).await;
    let cut = changes(&world.at(85).await, INTERNET);
    assert_eq!(cut, [(70, String::new(), CheckState::Critical, Reason::LinkDown, Some(60_000))]);

    world.machine.write("/sys/class/net/test0/carrier", "1\n");
    let _outside = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    world.at(145).await;
    let back = changes(&world.at(160).await, INTERNET);
    assert_eq!(back, [(145, String::new(), CheckState::Ok, Reason::Fine, Some(60_000))]);
}

#[tokio::test]
async fn an_outside_that_never_answered_here_is_unknown_until_memory_says_otherwise() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap().to_string();
    let mut world = World::new(&address);
    world.at(10).await;
    let memory: Memory = serde_json::from_str(&serde_json::to_string(world.runner.memory()).unwrap()).unwrap();
    drop(closed);

    let mut fresh = World::new(&address);
    let first = changes(&fresh.at(10).await, INTERNET);
    assert_eq!(first, [(10, String::new(), CheckState::Unknown, Reason::OutsideUnreachable, None)]);

    let mut restarted = World::new(&address);
    restarted.runner = Runner::with_memory(restarted.machine.clone(), restarted.clock.clone(), "", memory);
    let first = changes(&restarted.at(10).await, INTERNET);
    assert_eq!(first, [(10, String::new(), CheckState::Critical, Reason::OutsideUnreachable, None)]);
}

#[tokio::test]
#[allow(clippy::await_holding_lock, reason = "the lock is what makes the volumes hang")]
async fn what_is_believed_survives_a_call_that_is_dropped_midway() {
    let outside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = World::new(&outside.local_addr().unwrap().to_string());
    let machine = world.machine.clone();
    let dead_mount = machine.hang();
    let dropped = tokio::time::timeout(Duration::from_secs(2), world.at(10)).await;
    assert!(dropped.is_err(), "the volumes hang");
    drop(dead_mount);

    let facts = world.at(11).await;

    assert_eq!(changes(&facts, INTERNET), [(10, String::new(), CheckState::Ok, Reason::Fine, None)]);
}

#[tokio::test]
#[allow(clippy::await_holding_lock, reason = "the lock is what makes the volumes hang")]
async fn volumes_that_hang_are_unknown_and_are_not_read_twice_at_once() {
    let mut world = World::with_closed_outside().await;
    let machine = world.machine.clone();
    let dead_mount = machine.hang();
    let unread = changes(&world.at(10).await, VOLUME_SPACE);
    assert_eq!(unread, [(10, String::new(), CheckState::Unknown, Reason::MeasureFailed, None)]);
    assert!(world.runner.volumes.under_way.is_some());
    drop(dead_mount);
    let read = changes(&world.at(310).await, VOLUME_SPACE);
    assert_eq!(read.first().map(|change| change.2), Some(CheckState::Ok));
    assert!(world.runner.volumes.under_way.is_none());
}

#[tokio::test]
async fn a_shorter_interval_takes_effect_at_the_next_call() {
    let outside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = World::new(&outside.local_addr().unwrap().to_string());
    world.policy.internet.every_s = 3600;
    world.policy.volume_space.every_s = 3600;
    world.at(10).await;
    assert_eq!(world.runner.next_due_ms(), 3_610_000);

    world.policy.internet.every_s = 5;
    world.at(11).await;

    assert_eq!(world.runner.next_due_ms(), 15_000);
}

#[tokio::test]
async fn volumes_that_cannot_be_read_are_unknown_and_the_check_recovers() {
    let mut world = World::with_closed_outside().await;
    world.machine.mount(None);
    let unread = changes(&world.at(10).await, VOLUME_SPACE);
    assert_eq!(unread, [(10, String::new(), CheckState::Unknown, Reason::MeasureFailed, None)]);

    world.machine.mount(Some(vec![volume("/", 50 << 30)]));
    let read = changes(&world.at(310).await, VOLUME_SPACE);

    assert!(read.contains(&(310, String::new(), CheckState::Ok, Reason::Fine, Some(300_000))), "{read:?}");
}

#[test]
fn a_volume_that_is_gone_is_unknown_and_never_left_as_it_was() {
    let known = BTreeMap::from([("/srv".to_owned(), CheckState::Critical), ("/".to_owned(), CheckState::Ok)]);
    let seen = [volume_result("/", CheckState::Ok, Reason::Fine, "")];
    let gone = gone(&known, &seen);
    let states: Vec<_> = gone.iter().map(|result| (result.instance.as_str(), result.state)).collect();
    assert_eq!(states, [("/srv", CheckState::Unknown)]);
}

#[test]
fn a_pending_change_is_looked_at_sooner_but_never_more_often_than_every_5_seconds() {
    assert_eq!(
        [wait_ms(60, false), wait_ms(60, true), wait_ms(8, true), wait_ms(5, true)],
        [60_000, 15_000, 5000, 5000]
    );
}

#[tokio::test]
async fn free_space_is_told_at_most_every_third_look() {
    let mut world = World::with_closed_outside().await;
    world.machine.mount(Some(vec![volume("/", 50 << 30)]));
    let mut told = Vec::new();
    for second in (10..3000).step_by(300) {
        let samples = |dated: &&Dated| matches!(&dated.fact, Fact::Samples { values } if !values.is_empty());
        told.extend(world.at(second).await.iter().filter(samples).map(|dated| dated.up_ms / 1000));
    }
    assert_eq!(told, [10, 910, 1810, 2710]);
}

#[tokio::test]
async fn temperatures_are_told_every_hour_and_delay_no_check() {
    let mut world = World::with_closed_outside().await;
    world.machine.write("/sys/class/hwmon/hwmon0/name", "coretemp\n");
    world.machine.write("/sys/class/hwmon/hwmon0/temp1_input", "47000\n");
    let mut told = Vec::new();
    for second in (10..7300).step_by(600) {
        for dated in world.at(second).await {
            told.extend(matches!(dated.fact, Fact::Samples { .. }).then_some(dated.up_ms / 1000));
        }
        // The reading itself takes a moment of another thread.
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while world.runner.vitals.as_ref().is_some_and(|reading| !reading.is_finished()) {
            assert!(std::time::Instant::now() < end, "a reading ends");
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(told, [610, 4210]);
}

#[tokio::test]
async fn a_volume_that_fills_up_is_told_once_and_stands() {
    let mut world = World::with_closed_outside().await;
    world.machine.mount(Some(vec![volume("/", 50 << 30), volume("/srv", 50 << 30)]));
    world.at(10).await;
    world.machine.mount(Some(vec![volume("/", 50 << 30), volume("/srv", 1 << 30)]));

    let full = changes(&world.at(310).await, VOLUME_SPACE);

    assert_eq!(full, [(310, "/srv".to_owned(), CheckState::Critical, Reason::SpaceCritical, Some(300_000))]);
    assert_eq!(changes(&world.at(610).await, VOLUME_SPACE), []);
    let standings = world.runner.standings();
    let keys: Vec<_> = standings.iter().map(|s| (s.check.as_str(), s.instance.as_str(), s.state)).collect();
    let expected = [
        ("internet", "", CheckState::Unknown),
        ("volume-space", "/", CheckState::Ok),
        ("volume-space", "/srv", CheckState::Critical),
    ];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn the_runner_works_on_a_task_of_its_own() {
    let World { mut runner, policy, .. } = World::with_closed_outside().await;
    let facts = tokio::spawn(async move { runner.run_due(&policy).await }).await.unwrap();
    assert_eq!(changes(&facts, INTERNET).len(), 1);
}
