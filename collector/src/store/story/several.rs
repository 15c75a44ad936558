//! Several processes on one store at the same time, and a database that goes in the middle.

use super::*;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

on_every_store!(two_stores_write_the_same_schools_at_once_and_lose_nothing);

/// Two schools of four machines.
async fn two_schools(store: &Arc<dyn Store>) -> Vec<Agent> {
    let rows = vec![school_row(UAI, "Collège Alpha"), school_row(OTHER_UAI, "Lycée Bêta")];
    store.import_schools(rows, at(0)).await.unwrap();
    let mut agents = Vec::new();
    for (uai, secret) in [(UAI, 1), (OTHER_UAI, 2)] {
        let school = uai.parse().unwrap();
        let cidr = "192.0.2.0/24".parse().unwrap();
        store.add_network(NewNetwork { school, kind: "pedagogical".to_owned(), cidr }).await.unwrap();
        store.create_token(NewToken { school, ..token(secret, 4) }).await.unwrap();
        for key in 1..=4 {
            let machine = store.enrol(Enrolment { school, ..enrolment(secret, key) }).await.unwrap().machine;
            agents.push(Agent::with_certificate(store, machine, secret * 10 + key).await);
        }
    }
    agents
}

const ROUNDS: u64 = 30;

/// Rounds of one call each of some machines, in this order; every second round is bad news.
async fn rounds(store: &Arc<dyn Store>, agents: &[&Agent]) {
    let tiny = Tiny::new();
    for seq in 1..=ROUNDS {
        let second = 60 + i64::try_from(seq).unwrap();
        let state = if seq % 2 == 1 { CheckState::Critical } else { CheckState::Ok };
        let call =
            |agent: &&Agent| Item::Sync(Box::new(agent.call(second, seq, seq + 1, &[(seq, second, internet(state))])));
        for result in store.apply(agents.iter().map(call).collect(), tiny.clone()).await {
            assert_eq!(result.unwrap().ack, seq);
        }
    }
}

async fn two_stores_write_the_same_schools_at_once_and_lose_nothing(world: &World) {
    let (one, other) = (world.open(), world.open());
    let agents = two_schools(&one).await;
    // Each has machines of both schools, in opposite orders: locks taken as they come would wait for each other.
    let mine: Vec<&Agent> = [0, 1, 4, 5].iter().map(|index| &agents[*index]).collect();
    let theirs: Vec<&Agent> = [7, 6, 3, 2].iter().map(|index| &agents[*index]).collect();
    let begun = Instant::now();

    tokio::join!(rounds(&one, &mine), rounds(&other, &theirs));

    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let counts = one.counts(at(200)).await.unwrap();
    assert_eq!((counts.events, counts.gaps, counts.open_tickets), (8 * ROUNDS, 0, 0));
    let tickets = other.tickets(1000).await.unwrap();
    let numbers: std::collections::BTreeSet<u64> = tickets.iter().map(|ticket| ticket.number).collect();
    assert_eq!(numbers.len(), tickets.len(), "no number was given twice");
    assert_eq!(numbers.last().copied(), u64::try_from(tickets.len()).ok(), "none was left out");
    for agent in &agents {
        assert_eq!(other.machine(agent.peer.machine, at(200)).await.unwrap().unwrap().findings, []);
    }
}

/// An agent that goes on whatever happens: what was not acknowledged is sent again.
async fn persistent(store: Arc<dyn Store>, agent: Agent, acknowledged: Arc<AtomicU32>, refused: Arc<AtomicBool>) {
    let (tiny, mut seq) = (Tiny::new(), 1);
    while seq <= 200 {
        let second = 60 + i64::try_from(seq).unwrap();
        match sync(&store, &tiny, agent.call(second, seq, seq + 1, &[(seq, second, resumed(seq))])).await {
            Ok(receipt) => {
                assert_eq!(receipt.ack, seq);
                acknowledged.fetch_add(1, Ordering::Relaxed);
                seq += 1;
            }
            Err(StoreError::Away(_)) => {
                refused.store(true, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_disappears_in_mid_batch_keeps_what_was_acknowledged() {
    if vigie_test_postgres::skipped() {
        return;
    }
    let mut server = Postgres::start().unwrap();
    let store = open_at(&server.url());
    let agents = machines(&store, 4).await;
    let (acknowledged, refused): (Arc<AtomicU32>, Arc<AtomicBool>) = Default::default();
    let calling: Vec<_> = agents
        .iter()
        .map(|agent| tokio::spawn(persistent(store.clone(), agent.clone(), acknowledged.clone(), refused.clone())))
        .collect();
    let mut changes = store.changes();

    for kept in [40, 200, 400] {
        until("calls are acknowledged", || acknowledged.load(Ordering::Relaxed) >= kept).await;
        server.stop_hard().unwrap();
        refused.store(false, Ordering::Relaxed);
        until("calls are refused while it is away", || refused.load(Ordering::Relaxed)).await;
        let away = store.create_token(token(99, 1)).await.unwrap_err();
        assert!(matches!(away, StoreError::Away(_)), "{away:?}");
        assert!(matches!(store.has_users().await, Err(StoreError::Away(_))));
        server.start_again().unwrap();
    }
    for agent in calling {
        tokio::time::timeout(Duration::from_secs(120), agent).await.unwrap().unwrap();
    }

    let counts = store.counts(at(300)).await.unwrap();
    assert_eq!((counts.events, counts.gaps), (800, 0), "retried exactly once");
    for agent in &agents {
        assert_eq!(store.machine(agent.peer.machine, at(300)).await.unwrap().unwrap().findings, []);
    }
    // News of others are heard again too.
    let other = open_at(&server.url());
    let school = school_id(&store).await;
    let version = store.school(UAI, at(300)).await.unwrap().unwrap().school.version;
    other.import_schools(vec![school_row(UAI, "Collège Delta")], at(301)).await.unwrap();
    let told = async {
        loop {
            match changes.recv().await {
                Ok(news) if news == (school, version + 1) => return,
                Err(tokio::sync::broadcast::error::RecvError::Closed) => panic!("closed"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
}
