//! What changed on machines and what people write about them.

use super::*;
use crate::fleet::changes::Kind;
use crate::fleet::hand::{Life, Written};
use serde_json::{Value, json};

on_every_store!(
    what_changed_is_kept_in_order_and_a_loss_is_a_finding,
    what_was_read_in_part_removes_nothing_and_the_last_complete_one_stays_the_measure,
    what_people_write_is_kept_apart_with_who_and_when,
    two_who_write_at_once_lose_nothing,
    a_label_names_its_machine_and_a_scan_says_where_it_is,
    the_history_is_bounded_and_reports_do_not_push_people_out,
);

/// Sends a section, as its agent does: its digest first.
pub async fn send(store: &Arc<dyn Store>, agent: &Agent, second: i64, section: &str, body: &Value) {
    let text = body.to_string();
    let digests = BTreeMap::from([(section.to_owned(), Digest::of(text.as_bytes()))]);
    let whole = Some(Digest::of_sections(&digests));
    let mut announce = agent.call(second, 1, 1, &[]);
    (announce.request.inventory, announce.request.digests) = (whole, Some(digests));
    let mut bring = agent.call(second, 1, 1, &[]);
    bring.request.inventory = whole;
    bring.request.sections.insert(section.to_owned(), RawValue::from_string(text).unwrap());
    let tiny = Tiny::new();
    sync(store, &tiny, announce).await.unwrap();
    sync(store, &tiny, bring).await.unwrap();
}

pub fn complete(data: Value) -> Value {
    json!({"outcome": "complete", "data": data})
}

fn memory(gib: u64) -> Value {
    complete(json!({"total_bytes": gib << 30}))
}

async fn told(store: &Arc<dyn Store>, machine: MachineId) -> Vec<String> {
    let rows = store.history(machine, 100).await.unwrap();
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    rows.iter()
        .map(|row| {
            let c = &row.change;
            format!("{} {}{} {}→{}", row.by, c.item, c.field, value(&c.before), value(&c.after))
        })
        .collect()
}

async fn what_changed_is_kept_in_order_and_a_loss_is_a_finding(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    let machine = agent.peer.machine;
    send(&store, &agent, 60, "memory", &memory(8)).await;
    assert_eq!(told(&store, machine).await, Vec::<String>::new(), "the first reading changes nothing");

    send(&store, &agent, 120, "memory", &memory(4)).await;
    send(&store, &agent, 180, "memory", &memory(8)).await;

    let rows = store.history(machine, 100).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.n, row.at)).collect::<Vec<_>>(), [(2, at(180)), (1, at(120))]);
    assert_eq!(told(&store, machine).await[1], "vigie total_bytes 8589934592→4294967296");
    let page = store.machine(machine, at(200)).await.unwrap().unwrap();
    let found: Vec<_> = page.findings.iter().map(|line| (line.note.code.as_str(), line.at)).collect();
    assert_eq!(found, [("memory_vanished", at(120))]);
    assert_eq!(
        (page.findings[0].note.with["before"].as_str(), page.findings[0].note.with["after"].as_str()),
        ("8", "4")
    );
}

async fn what_was_read_in_part_removes_nothing_and_the_last_complete_one_stays_the_measure(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    let disk = |serials: &[&str]| -> Vec<Value> { serials.iter().map(|s| json!({"name": s, "serial": s})).collect() };
    send(&store, &agent, 60, "storage", &complete(json!({"disks": disk(&["a", "b"])}))).await;

    let part = json!({"outcome": "partial", "reasons": ["sdb does not answer"], "data": {"disks": disk(&["a"])}});
    send(&store, &agent, 120, "storage", &part).await;
    send(&store, &agent, 180, "storage", &json!({"outcome": "unavailable", "reasons": ["no answer"]})).await;
    assert_eq!(told(&store, agent.peer.machine).await, Vec::<String>::new());

    send(&store, &agent, 240, "storage", &complete(json!({"disks": disk(&["b", "c"])}))).await;
    let rows = store.history(agent.peer.machine, 100).await.unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| (row.change.kind, row.change.item.as_str())).collect();
    assert_eq!(kinds, [(Kind::Added, "c"), (Kind::Removed, "a")]);
}

async fn what_people_write_is_kept_apart_with_who_and_when(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    let machine = agent.peer.machine;
    assert_eq!(store.hand(machine).await.unwrap(), Some(Hand::default()));
    let written = Written {
        room: "B12".to_owned(),
        inventory_number: "INV-0042".to_owned(),
        warranty_end: Some("2027-08-31".parse().unwrap()),
        state: Life::InStock,
        note: "Clavier neuf\nle 3".to_owned(),
    };

    let kept = store.set_hand(machine, 0, written.clone(), "technicien.a", at(60)).await.unwrap();
    assert_eq!(kept, HandSet::Kept(1));
    send(&store, &agent, 120, "system", &complete(json!({"serial": "S1"}))).await;
    store.place(machine, "C3", None, at(130)).await.unwrap();

    let hand = store.hand(machine).await.unwrap().unwrap();
    let expected = Written { room: "C3".to_owned(), ..written.clone() };
    assert_eq!((hand.version, &hand.written), (1, &expected), "the room is told by either way");
    assert_eq!(hand.changed, Some((at(60), "technicien.a".to_owned())));
    assert_eq!(
        told(&store, machine).await,
        [
            "technicien.a inventory_number →INV-0042",
            "technicien.a note →Clavier neuf\nle 3",
            "technicien.a room →B12",
            "technicien.a state in_service→in_stock",
            "technicien.a warranty_end →2027-08-31",
        ]
    );
    let long = Written { note: "x".repeat(2001), ..written };
    let error = store.set_hand(machine, 1, long, "technicien.a", at(140)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    let nobody = store.set_hand(MachineId::new(), 0, Written::default(), "technicien.a", at(140)).await.unwrap_err();
    assert!(matches!(nobody, StoreError::NotFound(_)), "{nobody}");
    assert_eq!(store.hand(MachineId::new()).await.unwrap(), None);
}

async fn two_who_write_at_once_lose_nothing(world: &World) {
    let store = world.open();
    let machine = one_machine(&store).await.peer.machine;
    let first = Written { room: "B12".to_owned(), ..Written::default() };
    let second = Written { note: "souris absente".to_owned(), ..Written::default() };
    store.set_hand(machine, 0, first.clone(), "technicien.a", at(60)).await.unwrap();

    let HandSet::Outdated(there) = store.set_hand(machine, 0, second, "technicien.b", at(61)).await.unwrap() else {
        panic!("the second overwrote the first");
    };

    assert_eq!((there.version, there.written), (1, first));
    assert_eq!(told(&store, machine).await, ["technicien.a room →B12"]);
}

async fn a_label_names_its_machine_and_a_scan_says_where_it_is(world: &World) {
    let store = world.open();
    let agents = machines(&store, 2).await;
    let (one, two) = (agents[0].peer.machine, agents[1].peer.machine);
    send(&store, &agents[0], 60, "system", &complete(json!({"serial": "CZC1234abc", "chassis": {"asset_tag": "T-9"}})))
        .await;
    let part = json!({"outcome": "partial", "reasons": ["no root"], "data": {"serial": "t-9"}});
    send(&store, &agents[1], 60, "system", &part).await;

    let who = async |label: &str| -> Vec<(MachineId, &'static str)> {
        store.labelled(label).await.unwrap().iter().map(|l| (l.machine, l.by)).collect()
    };
    assert_eq!(who(" czc1234ABC\n").await, [(one, "serial")]);
    assert_eq!(who("T-9").await, [(one, "asset_tag"), (two, "serial")]);
    assert_eq!(who("PF1A2B3C").await.len(), 2, "both enrolled with that board");
    assert_eq!(who("nothing like it").await, []);
    assert_eq!(who(" ").await, []);
    let written = Written { inventory_number: "T-9".to_owned(), ..Written::default() };
    store.set_hand(two, 0, written, "technicien.a", at(70)).await.unwrap();
    assert_eq!(who("T-9").await, [(two, "inventory_number")], "the label that people stuck on it wins");

    store.seen_by_hand(two, Some("B12".to_owned()), "technicien.a", at(80)).await.unwrap();
    store.seen_by_hand(two, None, "technicien.b", at(90)).await.unwrap();

    let hand = store.hand(two).await.unwrap().unwrap();
    assert_eq!((hand.written.room.as_str(), hand.version), ("B12", 2), "a form shown before is out of date");
    assert_eq!(hand.written.inventory_number, "T-9");
    assert_eq!(hand.seen, Some((at(90), "technicien.b".to_owned(), String::new())));
    assert_eq!(store.labelled("T-9").await.unwrap()[0].room, "B12");
    store.seen_by_hand(one, Some("C1".to_owned()), "technicien.a", at(95)).await.unwrap();
    assert_eq!(store.hand(one).await.unwrap().unwrap().written.room, "C1", "nothing was written about it before");
    let error = store.seen_by_hand(two, Some("x".repeat(61)), "technicien.a", at(99)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
}

async fn the_history_is_bounded_and_reports_do_not_push_people_out(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    let machine = agent.peer.machine;
    let written = Written { room: "B12".to_owned(), ..Written::default() };
    store.set_hand(machine, 0, written, "technicien.a", at(30)).await.unwrap();
    let packages = |n: i64| {
        let all: Vec<Value> = (0..250).map(|p| json!({"name": format!("p{p}"), "version": n.to_string()})).collect();
        complete(json!({"packages": all}))
    };
    for n in 0..10 {
        send(&store, &agent, 60 + n, "software", &packages(n)).await;
    }

    let rows = store.history(machine, 10_000).await.unwrap();

    assert_eq!((rows.len(), rows.last().unwrap().by.as_str()), (2001, "technicien.a"));
    assert_eq!(rows[0].at, at(69));
    store.retain(at(4 * 366 * 86_400)).await.unwrap();
    assert_eq!(store.history(machine, 10_000).await.unwrap(), []);
}
