//! Calls of agents: exactly once, gaps, dates, sections, and what is refused alone.

use super::*;
use vigie_shared::event::Sample;

on_every_store!(
    a_quiet_heartbeat_only_moves_when_it_was_seen,
    an_event_replayed_counts_once,
    what_no_longer_exists_is_a_gap,
    numbers_that_contradict_refuse_the_call_but_the_machine_was_heard,
    the_same_number_with_other_content_is_a_finding,
    an_unreadable_event_never_hides_the_others,
    events_of_an_earlier_boot_keep_its_offset,
    one_poison_item_is_refused_alone,
    sections_are_fetched_once_and_kept_as_sent,
    a_partial_section_never_replaces_the_last_complete_one,
    the_latest_sample_is_at_hand,
    the_policy_is_answered_until_the_agent_has_it,
    retention_drops_what_is_past_its_time_only,
);

async fn a_quiet_heartbeat_only_moves_when_it_was_seen(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap();
    let version = store.school(UAI, at(61)).await.unwrap().unwrap().school.version;
    assert!(matches!(tiny.told()[..], [Input::Heard { previous: None, .. }]));
    let mut changes = store.changes();

    let receipt = sync(&store, &tiny, agent.call(120, 1, 1, &[])).await.unwrap();

    assert_eq!((receipt.ack, receipt.next_s, receipt.quarantined), (0, 60, false));
    let school = store.school(UAI, at(121)).await.unwrap().unwrap().school;
    assert_eq!((school.machines[0].last_seen, school.version), (Some(at(120)), version));
    assert_eq!(tiny.told(), [], "the engine is not asked");
    assert!(changes.try_recv().is_err(), "there is nothing to see");
}

async fn an_event_replayed_counts_once(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let call = agent.call(60, 1, 3, &[(1, 50, resumed(1)), (2, 55, resumed(2))]);
    let mut changes = store.changes();

    let first = sync(&store, &tiny, call.clone()).await.unwrap();
    assert_eq!(changes.try_recv().unwrap().0, school_id(&store).await);
    let told = tiny.told();
    assert_eq!(told.len(), 3);
    assert_eq!(
        told[2],
        Input::Event { machine: agent.peer.machine, at: at(55), certain: true, received: at(60), fact: resumed(2) }
    );

    let again = sync(&store, &tiny, call).await.unwrap();
    assert_eq!((first.ack, again.ack), (2, 2));
    assert_eq!(tiny.told(), []);
    assert_eq!(store.counts(at(61)).await.unwrap().events, 2);
}

async fn what_no_longer_exists_is_a_gap(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, resumed(1))])).await.unwrap();

    let receipt =
        sync(&store, &tiny, agent.call(120, 5, 9, &[(5, 70, resumed(5)), (8, 80, resumed(8))])).await.unwrap();

    assert_eq!(receipt.ack, 8);
    let counts = store.counts(at(121)).await.unwrap();
    assert_eq!((counts.events, counts.gaps), (3, 2));
}

async fn numbers_that_contradict_refuse_the_call_but_the_machine_was_heard(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;

    let error =
        sync(&store, &tiny, agent.call(60, 1, 3, &[(2, 50, resumed(1)), (1, 51, resumed(2))])).await.unwrap_err();

    assert!(error.to_string().contains("seq 1 comes after seq 2"), "{error}");
    assert_eq!(code(error), ErrorCode::SequenceInvalid);
    assert_eq!(store.counts(at(61)).await.unwrap().events, 0, "nothing is half-applied");
    let machine = store.machine(agent.peer.machine, at(61)).await.unwrap().unwrap().machine;
    assert_eq!((machine.last_seen, machine.presence), (Some(at(60)), Presence::Online));
}

async fn the_same_number_with_other_content_is_a_finding(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, resumed(1))])).await.unwrap();

    let receipt = sync(&store, &tiny, agent.call(61, 1, 2, &[(1, 50, resumed(999))])).await.unwrap();
    sync(&store, &tiny, agent.call(62, 1, 2, &[(1, 50, resumed(999))])).await.unwrap();

    assert_eq!(receipt.ack, 1);
    let page = store.machine(agent.peer.machine, at(62)).await.unwrap().unwrap();
    let codes: Vec<_> = page.findings.iter().map(|line| line.note.code.as_str()).collect();
    assert_eq!(codes, ["same_number_other_content"], "noticed once");
    assert_eq!(store.counts(at(62)).await.unwrap().events, 1);
}

async fn an_unreadable_event_never_hides_the_others(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let events = vec![
        agent.event(1, 50, &resumed(1)),
        raw(r#"{"seq":2,"kind":"check","state":"splendid"}"#),
        raw(r#"{"seq":3,"kind":"teleported","boot":"x","up_ms":1}"#),
        raw(r#""not even an object""#),
        agent.event(5, 55, &resumed(5)),
    ];

    let receipt = sync(&store, &tiny, agent.raw_call(60, 1, 6, events)).await.unwrap();

    assert_eq!(receipt.ack, 5);
    assert_eq!(store.counts(at(61)).await.unwrap().events, 5);
    let facts = tiny.told().into_iter().filter(|input| matches!(input, Input::Event { .. })).count();
    assert_eq!(facts, 2);
    let page = store.machine(agent.peer.machine, at(61)).await.unwrap().unwrap();
    let codes: Vec<_> = page.findings.iter().rev().map(|line| line.note.code.as_str()).collect();
    assert_eq!(codes, ["event_unreadable", "event_kind_unknown", "event_unreadable"]);
}

async fn events_of_an_earlier_boot_keep_its_offset(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap();
    tiny.told();

    // The machine restarted: its clock since boot counts from second 5000. Two events of the boot before come first.
    let mut call = agent.call(6000, 1, 3, &[(1, 4000, resumed(1)), (2, 4500, resumed(2))]);
    call.request.boot = BootId::new();
    call.request.up_ms = 1_000_000;
    sync(&store, &tiny, call).await.unwrap();

    let dated: Vec<_> = tiny
        .told()
        .into_iter()
        .filter_map(|input| if let Input::Event { at, certain, .. } = input { Some((at, certain)) } else { None })
        .collect();
    assert_eq!(dated, [(at(4000), true), (at(4500), true)]);
}

async fn one_poison_item_is_refused_alone(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agents = machines(&store, 4).await;
    let facts = [resumed(1), loss("poison"), loss("contradiction"), resumed(4)];
    let items =
        agents.iter().zip(facts).map(|(agent, fact)| Item::Sync(Box::new(agent.call(60, 1, 2, &[(1, 50, fact)]))));

    let results = store.apply(items.collect(), tiny.clone()).await;

    let acks: Vec<_> = results.into_iter().map(|result| result.map(|receipt| receipt.ack).ok()).collect();
    assert_eq!(acks, [Some(1), None, None, Some(1)]);
    assert_eq!(store.counts(at(61)).await.unwrap().events, 2);
    let seen = store.machine(agents[1].peer.machine, at(61)).await.unwrap().unwrap().machine.last_seen;
    assert_eq!(seen, Some(at(60)), "nothing of it stays but that the machine was heard");
}

fn body(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

/// Answers what is wanted until nothing is; the number of calls.
async fn report(
    store: &Arc<dyn Store>,
    tiny: &Arc<Tiny>,
    agent: &Agent,
    second: i64,
    sections: &[(&str, &str)],
) -> usize {
    let bodies: BTreeMap<String, Box<RawValue>> =
        sections.iter().map(|(name, text)| ((*name).to_owned(), body(text))).collect();
    let digests: BTreeMap<_, _> =
        bodies.iter().map(|(name, body)| (name.clone(), Digest::of(body.get().as_bytes()))).collect();
    let mut call = agent.call(second, 1, 1, &[]);
    call.request.inventory = Some(Digest::of_sections(&digests));
    for calls in 1..10 {
        (call.request.digests, call.request.sections) = match sync(store, tiny, call.clone()).await.unwrap().want {
            None => return calls,
            Some(Want::Digests) => (Some(digests.clone()), BTreeMap::new()),
            Some(Want::Sections(names)) => {
                (None, names.into_iter().map(|name| (name.clone(), bodies[&name].clone())).collect())
            }
        };
    }
    panic!("it never ends");
}

const CHECKS: &str = r#"{"outcome":"complete","data":{"checks":[{"check":"internet","state":"ok","reason":"fine"}]}}"#;

async fn sections_are_fetched_once_and_kept_as_sent(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let sent = [("system", r#"{"outcome":"complete", "data":{"b":1,"a":2}}"#), ("checks", CHECKS)];

    assert_eq!(report(&store, &tiny, &agent, 60, &sent).await, 3);
    assert_eq!(report(&store, &tiny, &agent, 61, &sent).await, 1);

    let told = tiny.told();
    assert_eq!(told.iter().filter(|input| matches!(input, Input::Standings { .. })).count(), 1);
    let page = store.machine(agent.peer.machine, at(62)).await.unwrap().unwrap();
    let kept: Vec<_> = page.sections.iter().map(|row| (row.name.as_str(), row.body.as_str())).collect();
    assert_eq!(kept, [sent[1], sent[0]], "by name, byte for byte");
    assert!(page.sections.iter().all(|row| row.received == at(60)), "written only when the digest changes");
}

async fn a_partial_section_never_replaces_the_last_complete_one(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let complete = r#"{"outcome":"complete","data":{"disks":[1,2]}}"#;
    let partial = r#"{"outcome":"partial","reasons":["disk 2 does not answer"],"data":{"disks":[1]}}"#;
    let nothing = r#"{"outcome":"unavailable","reasons":["no permission"]}"#;
    let repaired = r#"{"outcome":"complete","data":{"disks":[1,3]}}"#;
    let mut seen = Vec::new();
    for (second, text) in [(60, complete), (120, partial), (180, nothing), (240, repaired)] {
        report(&store, &tiny, &agent, second, &[("storage", text)]).await;
        let row = store.machine(agent.peer.machine, at(second)).await.unwrap().unwrap().sections.remove(0);
        seen.push((row.body, row.received, row.last_complete));
    }
    let last = Some((complete.to_owned(), at(60)));
    let expected = [
        (complete.to_owned(), at(60), None),
        (partial.to_owned(), at(120), last.clone()),
        (nothing.to_owned(), at(180), last),
        (repaired.to_owned(), at(240), None),
    ];
    assert_eq!(seen, expected);
}

fn free(value: f64) -> Fact {
    Fact::Samples { values: vec![Sample { metric: "volume_free_bytes".into(), instance: "/".into(), value }] }
}

async fn the_latest_sample_is_at_hand(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 3, &[(1, 40, free(1.0)), (2, 50, free(2.0))])).await.unwrap();
    let page = store.machine(agent.peer.machine, at(61)).await.unwrap().unwrap();
    assert_eq!(page.samples, [("volume_free_bytes".to_owned(), "/".to_owned(), 2.0, at(50))]);
}

async fn the_policy_is_answered_until_the_agent_has_it(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    assert_eq!(sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap().policy, None);

    let version = store.set_policy(Policy { heartbeat_s: 5, ..Policy::default() }, at(61)).await.unwrap();
    let receipt = sync(&store, &tiny, agent.call(62, 1, 1, &[])).await.unwrap();
    assert_eq!((version, receipt.policy.unwrap().version, receipt.next_s), (1, 1, 5));

    let mut call = agent.call(67, 1, 1, &[]);
    call.request.policy = 1;
    assert_eq!(sync(&store, &tiny, call).await.unwrap().policy, None);

    let bad = store.set_policy(Policy { heartbeat_s: 1, ..Policy::default() }, at(68)).await.unwrap_err();
    assert!(bad.to_string().contains("heartbeat_s"), "{bad}");
    assert_eq!(store.policy().await.unwrap().version, 1);
}

async fn retention_drops_what_is_past_its_time_only(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let day = 86_400;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Critical))])).await.unwrap();
    sync(&store, &tiny, agent.call(day, 5, 6, &[(5, 90, free(1.0))])).await.unwrap();
    sync(&store, &tiny, agent.call(80 * day, 6, 7, &[(6, 80 * day, free(2.0))])).await.unwrap();

    // 89 days after the first event: samples of the first day are gone, events are all there.
    assert_eq!(store.retain(at(89 * day)).await.unwrap(), 1);
    assert_eq!(store.counts(at(89 * day)).await.unwrap().events, 3);
    // 92 days after: two events and the gap of that time go; the incident, its ticket and the latest sample stay.
    assert_eq!(store.retain(at(92 * day)).await.unwrap(), 3);
    let counts = store.counts(at(92 * day)).await.unwrap();
    assert_eq!((counts.events, counts.gaps, counts.open_tickets), (1, 0, 1));
    assert_eq!(store.machine(agent.peer.machine, at(92 * day)).await.unwrap().unwrap().samples.len(), 1);
    // The cursor stays too: the first event does not count again.
    let receipt = sync(&store, &tiny, agent.call(92 * day, 1, 2, &[(1, 50, internet(CheckState::Critical))])).await;
    assert_eq!((receipt.unwrap().ack, store.counts(at(92 * day)).await.unwrap().events), (1, 1));
}
