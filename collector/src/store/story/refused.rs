//! A call that the collector itself fails on is kept, alone, and bounded.

use super::*;
use vigie_shared::id::RefusedId;

on_every_store!(
    a_poison_call_is_kept_with_why_and_what_it_sent,
    what_a_caller_is_refused_for_is_not_kept,
    of_one_machine_only_the_latest_poison_stays,
    a_large_poison_call_is_cut,
);

async fn a_poison_call_is_kept_with_why_and_what_it_sent(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agents = machines(&store, 3).await;
    let calls: Vec<_> = ["poison", "fine", "contradiction"]
        .iter()
        .zip(&agents)
        .map(|(why, agent)| Item::Sync(Box::new(agent.call(60, 1, 2, &[(1, 50, loss(why))]))))
        .collect();

    let results = store.apply(calls, tiny).await;

    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false]);
    let kept = store.refused_items(10).await.unwrap();
    let school = Some(school_id(&store).await);
    assert_eq!((kept.len(), store.counts(at(61)).await.unwrap().refused_kept), (2, 2));
    let of = |agent: &Agent| kept.iter().find(|item| item.machine == Some(agent.peer.machine)).unwrap();
    for (agent, why) in [(&agents[0], "poison"), (&agents[2], "no incident collector nothing")] {
        let item = of(agent);
        assert_eq!((item.at, item.school), (at(60), school));
        assert!(item.why.contains(why), "{}", item.why);
        let (same, body) = store.refused_item(item.id).await.unwrap().unwrap();
        assert_eq!(&same, item);
        let sent: SyncRequest = serde_json::from_str(&body).unwrap();
        assert_eq!((sent.stream, sent.events.len()), (agent.stream, 1));
        let seen = store.machine(agent.peer.machine, at(61)).await.unwrap().unwrap().machine.last_seen;
        assert_eq!(seen, Some(at(60)), "it was heard all the same");
    }
    assert_eq!(store.refused_item(RefusedId::new()).await.unwrap(), None);
}

async fn what_a_caller_is_refused_for_is_not_kept(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let refused = sync(&store, &tiny, agent.call(60, 9, 3, &[])).await.unwrap_err();
    assert_eq!(code(refused), ErrorCode::SequenceInvalid);
    let stranger = Agent { peer: Peer { serial: vec![9; 16], ..agent.peer.clone() }, ..agent.clone() };
    assert_eq!(code(sync(&store, &tiny, stranger.call(60, 1, 1, &[])).await.unwrap_err()), ErrorCode::MachineUnknown);
    assert_eq!(store.refused_items(10).await.unwrap(), []);
}

async fn of_one_machine_only_the_latest_poison_stays(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agents = machines(&store, 2).await;
    for (agent, times) in [(&agents[0], 1), (&agents[1], 30)] {
        for second in 60..60 + times {
            sync(&store, &tiny, agent.call(second, 1, 2, &[(1, 50, loss("poison"))])).await.unwrap_err();
        }
    }
    let kept = store.refused_items(100).await.unwrap();
    let seconds: Vec<_> = kept.iter().map(|item| item.at).collect();
    assert_eq!(seconds[..10], (80..90).rev().map(at).collect::<Vec<_>>()[..]);
    assert_eq!((kept.len(), kept[10].machine), (11, Some(agents[0].peer.machine)), "the other's is still there");
    assert_eq!(store.refused_items(3).await.unwrap(), kept[..3]);
}

async fn a_large_poison_call_is_cut(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let mut call = agent.call(60, 1, 2, &[(1, 50, loss("poison"))]);
    let large = serde_json::value::to_raw_value(&"é".repeat(200_000)).unwrap();
    call.request.sections.insert("software".to_owned(), large);
    sync(&store, &tiny, call).await.unwrap_err();
    let item = store.refused_items(1).await.unwrap().remove(0);
    let body = store.refused_item(item.id).await.unwrap().unwrap().1;
    assert!((262_100..=262_144).contains(&body.len()), "{} bytes", body.len());
}
