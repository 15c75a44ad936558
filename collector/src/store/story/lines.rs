//! Internet accesses of schools, what their probe comes to, and from where machines call.

use super::*;
use crate::engine::NetworkKind;
use std::net::IpAddr;
use vigie_shared::id::LineId;

on_every_store!(
    a_line_is_added_changed_listed_and_removed,
    a_school_has_a_bounded_number_of_lines,
    one_collector_at_a_time_probes,
    a_probe_is_kept_and_told_to_the_engine_when_it_is_news,
    a_silence_that_may_be_ours_is_no_evidence,
    who_is_heard_elsewhere_proves_that_our_own_line_carries,
    a_machine_that_leaves_by_another_line_is_noticed_by_a_quiet_heartbeat,
    what_is_known_of_addresses_tells_the_network_of_a_machine,
);

const HOME: &str = "203.0.113.10";
const MOBILE: &str = "198.51.100.77";

fn line(address: &str, carries: &[NetworkKind]) -> NewLine {
    NewLine {
        school: UAI.parse().unwrap(),
        operator: "Opérateur".to_owned(),
        reference: "REF-1".to_owned(),
        address: address.parse().unwrap(),
        carries: carries.iter().copied().collect(),
        backup: false,
        probe: Probe::Ping,
    }
}

fn result(school: SchoolId, line: LineId, answers: bool, since: i64) -> ProbeResult {
    ProbeResult { school, line, answers, ours: false, since: at(since), last_answer: None, at: at(since + 15) }
}

async fn probe(store: &Arc<dyn Store>, decider: &Arc<Tiny>, result: ProbeResult) {
    store.apply(vec![Item::Probe(result)], decider.clone()).await.remove(0).unwrap();
}

/// What the engine sees of a school.
#[derive(Default)]
struct Eye(Mutex<Option<View>>);

impl Decide for Eye {
    fn decide(&self, view: &mut View, _: &[Input], now: Timestamp) -> Decision {
        *self.0.lock().unwrap() = Some(view.clone());
        let presence =
            |machine: &MachineId| Effect::SetPresence { machine: *machine, presence: Presence::Online, since: now };
        Decision { effects: view.machines.keys().map(presence).collect(), next_wake: None }
    }
}

async fn view(store: &Arc<dyn Store>, second: i64) -> View {
    let eye = Arc::new(Eye::default());
    let tick = Item::Tick { school: school_id(store).await, upto: at(second), now: at(second) };
    store.apply(vec![tick], eye.clone()).await.remove(0).unwrap();
    eye.0.lock().unwrap().take().unwrap()
}

async fn a_line_is_added_changed_listed_and_removed(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let version = store.school(UAI, at(1)).await.unwrap().unwrap().school.version;
    let id = store.add_line(line(HOME, &[NetworkKind::Pedagogical]), at(2)).await.unwrap();
    let backup = NewLine { backup: true, probe: Probe::None, ..line(MOBILE, &NetworkKind::ALL) };
    let other = store.add_line(backup, at(2)).await.unwrap();
    let again = NewLine { reference: "REF-2".to_owned(), ..line(HOME, &[NetworkKind::Administrative]) };
    assert_eq!(store.add_line(again, at(3)).await.unwrap(), id, "the address tells which line it is");

    let lines = store.lines(Some(UAI.parse().unwrap())).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), [id, other], "the back-up comes last");
    assert_eq!((lines[0].reference.as_str(), lines[0].state), ("REF-2", None));
    assert_eq!(lines[0].carries, [NetworkKind::Administrative].into());
    let page = store.school(UAI, at(4)).await.unwrap().unwrap();
    assert_eq!(page.lines, lines);
    assert!(page.school.version > version, "the page of the school is shown anew");
    assert_eq!(view(&store, 5).await.lines.len(), 2);

    store.remove_line(id, at(6)).await.unwrap();
    assert_eq!(store.lines(None).await.unwrap().len(), 1);
    assert!(matches!(store.remove_line(id, at(7)).await, Err(StoreError::NotFound(_))));
    let unknown = NewLine { school: OTHER_UAI.parse().unwrap(), ..line(HOME, &NetworkKind::ALL) };
    assert!(matches!(store.add_line(unknown, at(7)).await, Err(StoreError::NotFound(_))));
    let nothing = NewLine { carries: Default::default(), ..line(HOME, &[]) };
    assert!(matches!(store.add_line(nothing, at(7)).await, Err(StoreError::Conflict(_))));
}

async fn a_school_has_a_bounded_number_of_lines(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    for n in 1..=8 {
        store.add_line(line(&format!("203.0.113.{n}"), &NetworkKind::ALL), at(1)).await.unwrap();
    }
    assert!(matches!(store.add_line(line(MOBILE, &NetworkKind::ALL), at(1)).await, Err(StoreError::Conflict(_))));
    store.add_line(line("203.0.113.8", &NetworkKind::ALL), at(1)).await.unwrap();
}

async fn one_collector_at_a_time_probes(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let (one, two) = (ReplicaId::new(), ReplicaId::new());
    let claim = async |who, second| store.claim_probing(who, at(second)).await.unwrap().map(|lines| lines.len());
    assert_eq!(claim(one, 1).await, None, "there is nothing to probe");
    store.add_line(NewLine { probe: Probe::None, ..line(MOBILE, &NetworkKind::ALL) }, at(1)).await.unwrap();
    store.add_line(line(HOME, &NetworkKind::ALL), at(1)).await.unwrap();
    assert_eq!(claim(one, 2).await, Some(1), "only those whose operator agreed");
    assert_eq!(claim(two, 3).await, None);
    assert_eq!(claim(one, 40).await, Some(1));
    assert_eq!(claim(two, 84).await, None);
    assert_eq!(claim(two, 85).await, Some(1), "it died");
    assert_eq!(claim(one, 86).await, None);
}

async fn a_probe_is_kept_and_told_to_the_engine_when_it_is_news(world: &World) {
    let (store, decider) = (world.open(), Tiny::new());
    one_machine(&store).await;
    let school = school_id(&store).await;
    let id = store.add_line(line(HOME, &NetworkKind::ALL), at(1)).await.unwrap();
    probe(&store, &decider, result(school, id, false, 10)).await;
    let seen = view(&store, 30).await.lines.remove(&id).unwrap();
    assert_eq!((seen.answers, seen.ever_answered), (None, false), "a line that never answered is no evidence");

    decider.told();
    probe(&store, &decider, result(school, id, true, 60)).await;
    let input = Input::Probe { line: id, answers: true, ours: false, at: at(60) };
    assert_eq!(decider.told(), [input]);
    probe(&store, &decider, result(school, id, true, 60)).await;
    assert_eq!(decider.told(), [], "the same again is no news");

    let cut = ProbeResult { last_answer: Some(at(110)), ..result(school, id, false, 120) };
    probe(&store, &decider, cut).await;
    let seen = view(&store, 150).await.lines.remove(&id).unwrap();
    assert_eq!((seen.answers, seen.since, seen.last_answer), (Some(false), Some(at(120)), Some(at(110))));

    store.remove_line(id, at(200)).await.unwrap();
    decider.told();
    probe(&store, &decider, result(school, id, true, 210)).await;
    assert_eq!(decider.told(), [], "a line that is gone is passed over");
}

async fn a_silence_that_may_be_ours_is_no_evidence(world: &World) {
    let (store, decider) = (world.open(), Tiny::new());
    one_machine(&store).await;
    let school = school_id(&store).await;
    let id = store.add_line(line(HOME, &NetworkKind::ALL), at(1)).await.unwrap();
    probe(&store, &decider, result(school, id, true, 10)).await;
    probe(&store, &decider, ProbeResult { ours: true, ..result(school, id, false, 60) }).await;
    assert_eq!(view(&store, 90).await.lines[&id].answers, None);
    decider.told();
    probe(&store, &decider, result(school, id, false, 60)).await;
    assert_eq!(decider.told(), [Input::Probe { line: id, answers: false, ours: false, at: at(60) }]);
    assert_eq!(view(&store, 120).await.lines[&id].answers, Some(false));
}

async fn who_is_heard_elsewhere_proves_that_our_own_line_carries(world: &World) {
    let (store, decider) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let school = school_id(&store).await;
    sync(&store, &decider, agent.call(60, 1, 1, &[])).await.unwrap();
    let heard = async |than: &[SchoolId], after, upto| {
        store.heard_elsewhere(than.iter().copied().collect(), at(after), at(upto)).await.unwrap()
    };
    assert!(heard(&[], 59, 60).await);
    assert!(!heard(&[], 60, 90).await);
    assert!(!heard(&[], 0, 59).await, "what was heard later proves nothing about before");
    assert!(!heard(&[school], 0, 90).await, "its own machines do not count");
}

async fn a_machine_that_leaves_by_another_line_is_noticed_by_a_quiet_heartbeat(world: &World) {
    let (store, decider) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let machine = agent.peer.machine;
    let call = |second, from: &str| SyncItem { address: from.parse().unwrap(), ..agent.call(second, 1, 1, &[]) };
    sync(&store, &decider, call(60, HOME)).await.unwrap();
    decider.told();
    sync(&store, &decider, call(120, HOME)).await.unwrap();
    assert_eq!(decider.told(), [], "quiet");
    sync(&store, &decider, call(180, MOBILE)).await.unwrap();
    let (from, to): (IpAddr, IpAddr) = (HOME.parse().unwrap(), MOBILE.parse().unwrap());
    let changed = Input::AddressChanged { machine, from, to, at: at(180) };
    let told = decider.told();
    assert!(told.contains(&changed) && matches!(told[0], Input::Heard { .. }), "{told:?}");
    let row = view(&store, 181).await.machines.remove(&machine).unwrap();
    assert_eq!((row.address, row.address_since, row.usual_address), (Some(to), Some(at(180)), Some(from)));

    sync(&store, &decider, call(240, MOBILE)).await.unwrap();
    assert_eq!(decider.told(), [], "quiet again");
    sync(&store, &decider, call(300, HOME)).await.unwrap();
    assert!(decider.told().contains(&Input::AddressChanged { machine, from: to, to: from, at: at(300) }));
}

async fn what_is_known_of_addresses_tells_the_network_of_a_machine(world: &World) {
    let (store, decider) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let call = |second, from: &str| SyncItem { address: from.parse().unwrap(), ..agent.call(second, 1, 1, &[]) };
    let network = async |second| view(&store, second).await.machines[&agent.peer.machine].network;
    sync(&store, &decider, call(60, HOME)).await.unwrap();
    assert_eq!(network(61).await, None);
    store.add_line(line(HOME, &[NetworkKind::Administrative]), at(62)).await.unwrap();
    assert_eq!(network(63).await, Some(NetworkKind::Administrative));
    sync(&store, &decider, call(120, MOBILE)).await.unwrap();
    assert_eq!(network(121).await, Some(NetworkKind::Administrative), "on the back-up it is where it was");
    sync(&store, &decider, call(180, "192.0.2.9")).await.unwrap();
    assert_eq!(network(181).await, Some(NetworkKind::Pedagogical), "the range says so");
}
