//! Several collectors on one store: nobody overtakes a heartbeat that waits at another, whoever dies accuses nobody, and
//! one looks at each school.

use super::*;
use crate::engine::CollectorAbsence;

on_every_store!(
    silence_is_judged_up_to_the_least_watermark_of_all_that_live,
    a_dead_collector_holds_the_watermark_until_it_is_given_up_and_that_is_an_absence,
    a_collector_that_leaves_or_starts_again_in_time_is_no_absence,
    a_collector_cut_from_the_store_was_away_although_it_lived,
    absences_that_touch_are_one,
    a_clock_behind_anothers_is_noticed,
    a_clock_that_was_set_back_does_not_make_machines_present_until_it_gets_there_again,
    an_outage_dated_in_the_future_by_a_clock_that_was_set_back_is_dated_now,
    a_clock_behind_all_others_rewrites_nothing,
    a_quiet_sign_of_life_wakes_nobody,
    a_school_is_one_collectors_to_look_at,
    a_lease_runs_out_or_ends_with_the_decision,
    collectors_that_claim_at_once_share_the_schools,
    a_poison_school_is_tried_again_after_its_lease,
);

/// The absence that the engine is told.
async fn absence(store: &Arc<dyn Store>, second: i64) -> Option<CollectorAbsence> {
    let seen = Arc::new(Looks::default());
    let tick = Item::Tick { school: school_id(store).await, upto: at(second), now: at(second) };
    store.apply(vec![tick], seen.clone()).await.remove(0).unwrap();
    seen.0.lock().unwrap().take().unwrap().absence
}

/// A decider that keeps the last view and wants to be asked a minute later.
#[derive(Default)]
struct Looks(Mutex<Option<View>>);

impl Decide for Looks {
    fn decide(&self, view: &mut View, _inputs: &[Input], now: Timestamp) -> Decision {
        *self.0.lock().unwrap() = Some(view.clone());
        Decision { effects: vec![], next_wake: now.checked_add(SignedDuration::from_secs(60)).ok() }
    }
}

async fn silence_is_judged_up_to_the_least_watermark_of_all_that_live(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let (one, other) = (Collector::start(&store, "one", 10).await, Collector::start(&store, "other", 10).await);

    assert_eq!(other.lives(&store, 14, 12).await.low, at(10), "the other said so four seconds ago");
    assert_eq!(one.lives(&store, 15, 15).await.low, at(12), "a heartbeat of second 12 waits at the other");
    let signed = other.lives(&store, 16, 16).await;
    assert_eq!((signed.low, signed.others, signed.absence), (at(15), 1, None));
    assert_eq!(one.lives(&store, 17, 99).await.low, at(16), "nobody has applied what is yet to come");
    assert_eq!(store.counts(at(17)).await.unwrap().replicas, 2);
}

async fn a_dead_collector_holds_the_watermark_until_it_is_given_up_and_that_is_an_absence(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let (one, other) = (Collector::start(&store, "one", 20).await, Collector::start(&store, "other", 20).await);
    other.lives(&store, 20, 19).await;
    for second in 21..=35 {
        let signed = one.lives(&store, second, second).await;
        assert_eq!((signed.low, signed.gone.len()), (at(19), 0), "second {second}");
    }
    assert_eq!(absence(&store, 35).await, None);
    assert_eq!(due(&store, 36).await, []);

    let signed = one.lives(&store, 36, 36).await;

    assert_eq!((signed.low, signed.others), (at(36), 0));
    assert_eq!(signed.gone, [("other".to_owned(), at(20))]);
    assert_eq!(absence(&store, 36).await, Some(CollectorAbsence { from: at(20), until: at(36) }));
    assert_eq!(one.lives(&store, 37, 37).await.absence, None, "told once");
}

async fn a_collector_that_leaves_or_starts_again_in_time_is_no_absence(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let (one, other) = (Collector::start(&store, "one", 10).await, Collector::start(&store, "other", 10).await);
    other.say(&store, ReplicaState::Leaving, 11, 11).await;
    assert_eq!(one.lives(&store, 12, 12).await.low, at(12), "whoever left holds nobody up");
    assert_eq!(one.lives(&store, 17, 17).await.absence, None);

    // Killed and started again: the same host and folder, another process.
    let again = Collector::start(&store, "one", 20).await;
    assert_eq!(again.lives(&store, 21, 21).await.low, at(17), "what it may have received is waited for a little");
    let signed = again.lives(&store, 23, 23).await;
    assert_eq!((signed.low, signed.absence, signed.gone), (at(23), None, vec![]));
    assert_eq!(absence(&store, 24).await, None);

    // All stopped, one comes back in time, then all stopped for longer.
    again.say(&store, ReplicaState::Leaving, 25, 25).await;
    let third = Collector::start(&store, "one", 30).await;
    assert_eq!(absence(&store, 30).await, None);
    third.say(&store, ReplicaState::Leaving, 31, 31).await;
    Collector::start(&store, "other", 37).await;
    assert_eq!(absence(&store, 37).await, Some(CollectorAbsence { from: at(31), until: at(37) }));
}

async fn a_collector_cut_from_the_store_was_away_although_it_lived(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let one = Collector::start(&store, "one", 10).await;
    assert_eq!(one.lives(&store, 15, 15).await.absence, None);

    // Alone: its own gap tells.
    let signed = one.lives(&store, 21, 21).await;
    assert_eq!(signed.absence, Some(CollectorAbsence { from: at(15), until: at(21) }));

    // However short: it could not write, so agents were turned away.
    one.lives(&store, 60, 60).await;
    one.lives(&store, 61, 61).await;
    let signed = one.lives_after_failing(&store, 64).await;
    assert_eq!(signed.absence, Some(CollectorAbsence { from: at(61), until: at(64) }));

    // Beside another, which gave it up meanwhile: its agents had nobody until it came back.
    let other = Collector::start(&store, "other", 100).await;
    one.lives(&store, 100, 100).await;
    for second in (105..=310).step_by(5) {
        other.lives(&store, second, second).await;
    }
    let back = one.lives(&store, 315, 315).await.absence.unwrap();
    assert_eq!((back.from, back.until), (at(300), at(315)));
    assert_eq!(one.lives(&store, 316, 316).await.absence, None);
}

async fn absences_that_touch_are_one(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let (one, other) = (Collector::start(&store, "one", 16).await, Collector::start(&store, "other", 16).await);
    let third = Collector::start(&store, "third", 16).await;
    third.lives(&store, 18, 18).await;
    other.lives(&store, 20, 20).await;
    for second in [21, 25, 30, 34] {
        one.lives(&store, second, second).await;
    }
    assert_eq!(absence(&store, 34).await, Some(CollectorAbsence { from: at(18), until: at(34) }));

    one.lives(&store, 36, 36).await;

    assert_eq!(absence(&store, 36).await, Some(CollectorAbsence { from: at(18), until: at(36) }));
    // One long after is another.
    one.say(&store, ReplicaState::Leaving, 40, 40).await;
    Collector::start(&store, "one", 500).await;
    assert_eq!(absence(&store, 500).await, Some(CollectorAbsence { from: at(40), until: at(500) }));
}

async fn a_clock_behind_anothers_is_noticed(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let (one, fast) = (Collector::start(&store, "one", 10).await, Collector::start(&store, "fast", 14).await);

    let signed = one.lives(&store, 11, 11).await;
    assert_eq!((signed.ahead, signed.low), (Some(("fast".to_owned(), SignedDuration::from_secs(3))), at(11)));
    assert_eq!(one.lives(&store, 12, 12).await.ahead, None, "two seconds may be the way to the database");
    assert_eq!(fast.lives(&store, 16, 16).await.ahead, None, "a sign that is old proves nothing");

    // One whose clock was days ahead and who died does not hold everybody up for days.
    fast.say(&store, ReplicaState::Leaving, 16, 16).await;
    Collector::start(&store, "mad", 500_000).await;
    one.lives(&store, 17, 17).await;
    let signed = one.lives(&store, 18, 18).await;
    assert_eq!((signed.low, signed.others), (at(18), 0));
    assert_eq!(signed.ahead, Some(("mad".to_owned(), SignedDuration::from_secs(499_982))));
}

async fn presence(store: &Arc<dyn Store>, agent: &Agent, second: i64) -> Presence {
    store.machine(agent.peer.machine, at(second)).await.unwrap().unwrap().machine.presence
}

async fn a_clock_that_was_set_back_does_not_make_machines_present_until_it_gets_there_again(world: &World) {
    const HOURS: i64 = 7200;
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let one = Collector::start(&store, "one", HOURS).await;
    sync(&store, &tiny, agent.call(HOURS + 10, 1, 1, &[])).await.unwrap();
    one.lives(&store, HOURS + 20, HOURS + 20).await;

    let signed = one.lives(&store, 100, 100).await;

    assert_eq!(signed.absence.unwrap().until, at(100));
    assert_eq!(one.lives(&store, 101, 101).await.absence, None);
    assert_eq!(due(&store, 101).await, [school_id(&store).await]);
    assert_eq!(presence(&store, &agent, 281).await, Presence::Silent, "it was heard at the latest at second 100");

    // The same when it was stopped while the clock was set.
    let again = Collector::start(&store, "one", HOURS).await;
    sync(&store, &tiny, agent.call(HOURS, 1, 1, &[])).await.unwrap();
    again.lives(&store, HOURS + 10, HOURS + 10).await;
    assert_eq!(Collector::start(&store, "one", 300).await.lives(&store, 301, 301).await.low, at(301));
    assert_eq!(absence(&store, 301).await.unwrap().until, at(300));
    assert_eq!(presence(&store, &agent, 481).await, Presence::Silent);
}

async fn an_outage_dated_in_the_future_by_a_clock_that_was_set_back_is_dated_now(world: &World) {
    const HOURS: i64 = 7200;
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let one = Collector::start(&store, "one", HOURS).await;
    let cut = agent.call(HOURS + 10, 1, 2, &[(1, HOURS + 5, internet(CheckState::Critical))]);
    sync(&store, &tiny, cut).await.unwrap();

    one.lives(&store, 100, 100).await;

    let incident = store.school(UAI, at(100)).await.unwrap().unwrap().school.open.remove(0);
    assert_eq!((incident.started.after, incident.started.by, incident.detected), (at(100), at(100), at(100)));
    assert_eq!(store.tickets(1).await.unwrap().remove(0).opened, at(100));
    let checks = store.machine(agent.peer.machine, at(100)).await.unwrap().unwrap().checks;
    assert_eq!(checks[0].since, at(100));
}

async fn a_clock_behind_all_others_rewrites_nothing(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let one = Collector::start(&store, "one", 7200).await;
    let slow = Collector::start(&store, "slow", 100).await;
    sync(&store, &tiny, agent.call(7200, 1, 1, &[])).await.unwrap();

    for second in 101..110 {
        let signed = slow.lives(&store, second, second).await;
        assert_eq!(signed.ahead.unwrap().0, "one");
        one.lives(&store, 7100 + second, 7100 + second).await;
    }

    let seen = store.machine(agent.peer.machine, at(7210)).await.unwrap().unwrap().machine.last_seen;
    assert_eq!(seen, Some(at(7200)));
    assert!(absence(&store, 7209).await.unwrap().until >= at(7208), "whoever disagrees about the time accuses nobody");
}

async fn a_quiet_sign_of_life_wakes_nobody(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let one = Collector::start(&store, "one", 10).await;
    sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap();
    let version = store.school(UAI, at(60)).await.unwrap().unwrap().school.version;

    for second in (15..=60).step_by(5).chain([61, 62]) {
        one.lives(&store, second, second).await;
    }

    assert_eq!(due(&store, 62).await, []);
    assert_eq!(store.school(UAI, at(60)).await.unwrap().unwrap().school.version, version);
}

/// Schools with a machine each, all due at second 120.
async fn schools_due(store: &Arc<dyn Store>, count: u32) -> Vec<SchoolId> {
    let tiny = Tiny::new();
    let mut ids = Vec::new();
    for number in 0..count {
        let digits = 959_901 + number;
        let letter = char::from(b"ABCDEFGHJKLMNPRSTUVWXYZ"[usize::try_from(digits % 23).unwrap()]);
        let uai = format!("{digits:07}{letter}");
        store.import_schools(vec![school_row(&uai, "Collège Alpha")], at(0)).await.unwrap();
        let school = store.school(&uai, at(0)).await.unwrap().unwrap().school.id;
        let tick = Item::Tick { school, upto: at(60), now: at(60) };
        store.apply(vec![tick], tiny.clone()).await.remove(0).unwrap();
        ids.push(school);
    }
    ids.sort_unstable();
    ids
}

async fn a_school_is_one_collectors_to_look_at(world: &World) {
    let store = world.open();
    let schools = schools_due(&store, 5).await;
    let (one, other) = (ReplicaId::new(), ReplicaId::new());

    let first = store.claim_due(one, at(120), at(120), 2).await.unwrap();
    let rest = store.claim_due(other, at(120), at(120), 10).await.unwrap();

    assert_eq!((first.len(), rest.len()), (2, 3));
    let all: std::collections::BTreeSet<_> = first.iter().chain(&rest).copied().collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), schools);
    for replica in [one, other] {
        assert_eq!(store.claim_due(replica, at(121), at(121), 10).await.unwrap(), [], "not even by its holder");
    }
}

async fn a_lease_runs_out_or_ends_with_the_decision(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let schools = schools_due(&store, 2).await;
    let (one, other) = (ReplicaId::new(), ReplicaId::new());
    assert_eq!(store.claim_due(one, at(120), at(120), 10).await.unwrap(), schools);

    // The first is looked at, and due again a minute later; the holder dies before it looks at the second.
    let tick = Item::Tick { school: schools[0], upto: at(120), now: at(121) };
    store.apply(vec![tick], tiny.clone()).await.remove(0).unwrap();

    assert_eq!(store.claim_due(other, at(129), at(129), 10).await.unwrap(), []);
    assert_eq!(store.claim_due(other, at(130), at(130), 10).await.unwrap(), [schools[1]]);
    assert_eq!(store.claim_due(one, at(181), at(181), 10).await.unwrap(), [schools[1], schools[0]], "earliest first");

    // A lease of somebody whose clock was far ahead is not believed.
    store.claim_due(other, at(181), at(9000), 10).await.unwrap();
    assert_eq!(store.claim_due(one, at(192), at(192), 10).await.unwrap().len(), 2);
}

async fn collectors_that_claim_at_once_share_the_schools(world: &World) {
    let store = world.open();
    let schools = schools_due(&store, 30).await;
    let claims = (0..4).map(|_| {
        let store = world.open();
        tokio::spawn(async move {
            let (replica, mut mine) = (ReplicaId::new(), Vec::new());
            // Whoever finds all locked by others asks again.
            for _ in 0..200 {
                let some = store.claim_due(replica, at(120), at(120), 3).await.unwrap();
                mine.extend(some);
                tokio::task::yield_now().await;
            }
            mine
        })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, schools, "each school once");
}

async fn a_poison_school_is_tried_again_after_its_lease(world: &World) {
    let store = world.open();
    let schools = schools_due(&store, 2).await;
    let one = ReplicaId::new();
    assert_eq!(store.claim_due(one, at(120), at(120), 10).await.unwrap(), schools);
    let ticks: Vec<_> =
        schools.iter().map(|school| Item::Tick { school: *school, upto: at(120), now: at(120) }).collect();

    let results = store.apply(ticks, Arc::new(Poisoned(schools[0]))).await;

    assert!(results[0].is_err() && results[1].is_ok());
    assert_eq!(store.claim_due(one, at(129), at(129), 10).await.unwrap(), []);
    assert_eq!(store.claim_due(one, at(130), at(130), 10).await.unwrap(), [schools[0]]);
}

/// A decider that fails on one school.
struct Poisoned(SchoolId);

impl Decide for Poisoned {
    fn decide(&self, view: &mut View, _inputs: &[Input], now: Timestamp) -> Decision {
        assert_ne!(view.school, self.0, "poison");
        Decision { effects: vec![], next_wake: now.checked_add(SignedDuration::from_secs(60)).ok() }
    }
}
