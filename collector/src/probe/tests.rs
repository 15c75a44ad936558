//! The prober against addresses of the loopback, which answer, with a real store and a clock set by hand.

use super::*;
use crate::directory::SchoolRow;
use crate::engine::{Decide, Decision, Input, NetworkKind, View};
use crate::ingest::queue::QueueBounds;
use crate::store::{NewLine, Probe, sqlite};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use surge_ping::{Client, Config};

struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_795_446_000 + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Ear(Mutex<Vec<Input>>);

impl Decide for Ear {
    fn decide(&self, _: &mut View, inputs: &[Input], _: Timestamp) -> Decision {
        self.0.lock().unwrap().extend(inputs.iter().cloned());
        Decision { effects: vec![], next_wake: None }
    }
}

fn line(address: &str) -> NewLine {
    NewLine {
        school: "0959901W".parse().unwrap(),
        operator: "Opérateur".to_owned(),
        reference: String::new(),
        address: address.parse().unwrap(),
        carries: NetworkKind::ALL.into_iter().collect(),
        backup: false,
        probe: Probe::Ping,
    }
}

#[tokio::test]
async fn a_line_that_answers_is_told_once_after_two_looks() {
    if let Err(error) = Client::new(&Config::default()) {
        eprintln!("skipped: no ICMP socket may be opened here ({error})");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(sqlite::open(&folder.path().join("vigie.db")).unwrap());
    let clock = Arc::new(Set(AtomicI64::new(0)));
    let school = SchoolRow {
        uai: "0959901W".parse().unwrap(),
        name: "Collège Alpha".to_owned(),
        kind: "Collège".to_owned(),
        town: "Trifouillis".to_owned(),
        postcode: "99000".to_owned(),
        academy: String::new(),
        department: String::new(),
        basin: None,
    };
    store.import_schools(vec![school], clock.now()).await.unwrap();
    for address in ["127.0.0.7", "127.0.0.8"] {
        store.add_line(line(address), clock.now()).await.unwrap();
    }
    let ear = Arc::new(Ear::default());
    let (queue, _emptying) = Queue::start(store.clone(), ear.clone(), QueueBounds::default());
    let mut prober = Prober::new(store.clone(), queue.clone(), clock.clone(), ReplicaId::new());
    let mut other = Prober::new(store.clone(), queue, clock.clone(), ReplicaId::new());

    prober.round().await.unwrap();
    other.round().await.unwrap();
    assert_eq!(*ear.0.lock().unwrap(), [], "one look is not believed, and one collector probes");
    for second in [15, 30, 90] {
        clock.0.store(second, Ordering::Relaxed);
        prober.round().await.unwrap();
        other.round().await.unwrap();
    }

    let told = std::mem::take(&mut *ear.0.lock().unwrap());
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|input| matches!(input, Input::Probe { answers: true, ours: false, .. })), "{told:?}");
    let lines = store.lines(None).await.unwrap();
    assert!(lines.iter().all(|line| line.state.is_some_and(|state| state.answers && state.ever_answered)), "{lines:?}");
}
