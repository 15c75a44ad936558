//! What was acknowledged stays: stopped, killed in the middle, or written by two processes at once.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

on_every_store!(
    a_restart_keeps_everything,
    two_writers_do_not_lose_each_others_work,
    killed_in_the_middle_it_keeps_what_it_acknowledged,
);

async fn a_restart_keeps_everything(world: &World) {
    let tiny = Tiny::new();
    let store = world.open();
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Critical))])).await.unwrap();
    let before = (store.fleet(at(61)).await.unwrap(), store.machine(agent.peer.machine, at(61)).await.unwrap());
    drop(store);

    let store = world.open();

    assert_eq!((store.fleet(at(61)).await.unwrap(), store.machine(agent.peer.machine, at(61)).await.unwrap()), before);
    let again = agent.call(62, 1, 2, &[(1, 50, internet(CheckState::Critical))]);
    assert_eq!(sync(&store, &tiny, again).await.unwrap().ack, 1);
    assert_eq!(store.counts(at(63)).await.unwrap().events, 1);
}

async fn two_writers_do_not_lose_each_others_work(world: &World) {
    let (one, other, tiny) = (world.open(), world.open(), Tiny::new());
    let agent = one_machine(&one).await;
    let reports = async {
        for seq in 1..=100u64 {
            let second = 60 + i64::try_from(seq).unwrap();
            let receipt = sync(&one, &tiny, agent.call(second, seq, seq + 1, &[(seq, second, resumed(seq))])).await;
            assert_eq!(receipt.unwrap().ack, seq);
        }
    };
    let verbs = async {
        for secret in 10..110 {
            other.create_token(token(secret, 1)).await.unwrap();
        }
        other.set_policy(Policy { heartbeat_s: 5, ..Policy::default() }, at(100)).await.unwrap();
    };
    let mut changes = one.changes();
    tokio::join!(reports, verbs);

    // What the other process made visible is told here too: with the next commit, or when the database says so.
    let school = school_id(&one).await;
    let version = |page: Option<SchoolPage>| page.unwrap().school.version;
    let before = version(one.school(UAI, at(299)).await.unwrap());
    other.import_schools(vec![school_row(UAI, "Collège Delta")], at(299)).await.unwrap();
    Collector::start(&one, "one", 300).await;
    let told = async { while changes.recv().await.unwrap() != (school, before + 1) {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), told).await.unwrap();

    assert_eq!(one.counts(at(300)).await.unwrap().events, 100);
    let receipt = sync(&one, &tiny, agent.call(300, 101, 101, &[])).await.unwrap();
    assert_eq!(receipt.next_s, 5, "the policy of the other process is in force at once");
    for secret in 10..110 {
        assert!(matches!(one.create_token(token(secret, 1)).await, Err(StoreError::Conflict(_))));
    }
}

const ADDRESS: &str = "VIGIE_STORY_ADDRESS";

async fn killed_in_the_middle_it_keeps_what_it_acknowledged(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    drop(store);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::story::durability::child", "--ignored", "--nocapture"])
        .env(ADDRESS, &world.address)
        .env("VIGIE_STORY_AGENT", format!("{} {} {}", agent.peer.machine, agent.stream, agent.boot))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acks = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("ack ")?.parse::<u64>().ok());
    let acknowledged = acks.take(60).last();
    child.kill().unwrap();
    child.wait().unwrap();

    let acknowledged = acknowledged.expect("the child wrote nothing");
    assert!(acknowledged >= 60);
    let (store, tiny) = (world.open(), Tiny::new());
    let stored = store.counts(at(0)).await.unwrap();
    assert!(stored.events >= acknowledged, "{} stored, {acknowledged} acknowledged", stored.events);
    // Everything again from the start, as an agent that got no answer: nothing counts twice.
    let events: Vec<_> = (1..=acknowledged).map(|seq| (seq, 10, resumed(seq))).collect();
    let receipt = sync(&store, &tiny, agent.call(9000, 1, acknowledged + 1, &events)).await.unwrap();
    assert_eq!(receipt.ack, acknowledged);
    let after = store.counts(at(0)).await.unwrap();
    assert_eq!((after.events, after.gaps), (stored.events, 0));
    assert_eq!(store.machine(agent.peer.machine, at(0)).await.unwrap().unwrap().findings, []);
}

/// The process that is killed: applies events one after the other and says what was acknowledged.
#[tokio::test]
#[ignore = "run by killed_in_the_middle_it_keeps_what_it_acknowledged, in a process of its own"]
async fn child() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let store = open_at(&address);
    let who = std::env::var("VIGIE_STORY_AGENT").unwrap();
    let mut words = who.split(' ');
    let machine = words.next().unwrap().parse().unwrap();
    let agent = Agent {
        peer: peer(machine, 1),
        stream: words.next().unwrap().parse().unwrap(),
        boot: words.next().unwrap().parse().unwrap(),
    };
    let tiny = Tiny::new();
    for seq in 1..=500 {
        let call = agent.call(60, seq, seq + 1, &[(seq, 10, resumed(seq))]);
        println!("ack {}", sync(&store, &tiny, call).await.unwrap().ack);
    }
}
