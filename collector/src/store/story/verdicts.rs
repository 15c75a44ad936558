//! What the engine decides is written in the transaction of the facts; one cause, one open ticket.

use super::*;

on_every_store!(
    the_fact_the_incident_and_the_ticket_are_one_commit,
    an_incident_and_a_ticket_are_unique_while_open,
    a_tick_judges_silence_and_sets_the_next_wake,
    after_an_absence_schools_are_looked_at_and_nobody_is_shown_late,
    the_view_holds_open_incidents_and_those_resolved_lately,
);

async fn the_fact_the_incident_and_the_ticket_are_one_commit(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Critical))])).await.unwrap();

    let ticket = store.tickets(10).await.unwrap().remove(0);
    assert_eq!((ticket.number, ticket.open, ticket.opened, ticket.restored), (1, true, at(60), None));
    assert_eq!(ticket.due, at(60 + 4 * 3600));
    assert_eq!((ticket.school.0.as_str(), ticket.about.clone()), (UAI, None));
    let page = store.ticket(ticket.id).await.unwrap().unwrap();
    let incident = &page.incidents[0];
    assert_eq!((incident.started, incident.witnesses), (Bracket { after: at(49), by: at(50) }, 1));
    assert_eq!(
        (incident.history[0].note.code.as_str(), page.history[0].note.code.as_str()),
        ("opened_by_check", "ticket_opened")
    );
    assert_eq!(page.history[0].note.with["number"], "1");

    sync(&store, &tiny, agent.call(120, 2, 3, &[(2, 110, internet(CheckState::Ok))])).await.unwrap();

    let page = store.ticket(ticket.id).await.unwrap().unwrap();
    assert_eq!((page.ticket.open, page.ticket.restored, page.ticket.resolved), (false, Some(at(110)), Some(at(120))));
    assert_eq!(page.incidents[0].ended, Some(Bracket { after: at(110), by: at(110) }));
    let school = store.school(UAI, at(121)).await.unwrap().unwrap();
    assert_eq!((school.school.open.len(), school.tickets.len()), (0, 1));
    assert_eq!(school.school.outages.len(), 1);
    assert!(school.school.outages[0].1 == Some(at(110)));
}

async fn an_incident_and_a_ticket_are_unique_while_open(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let again = Arc::new(Again);
    let item = |second, seq| Item::Sync(Box::new(agent.call(second, seq, seq + 1, &[(seq, second, resumed(1))])));

    let first = store.apply(vec![item(60, 1)], again.clone()).await.remove(0);
    let second = store.apply(vec![item(61, 2)], again.clone()).await.remove(0);

    assert_eq!(first.unwrap().ack, 1);
    assert!(second.is_err(), "the database itself refuses a second open incident of the same key");
    let counts = store.counts(at(62)).await.unwrap();
    assert_eq!((counts.open_tickets, counts.open_incidents[INTERNET], counts.events), (1, 1, 1));

    // Resolved, the same key opens again, under the next number.
    sync(&store, &tiny, agent.call(63, 2, 3, &[(2, 62, internet(CheckState::Ok))])).await.unwrap();
    store.apply(vec![item(64, 3)], again).await.remove(0).unwrap();
    let tickets = store.tickets(10).await.unwrap();
    assert_eq!(tickets.iter().map(|ticket| (ticket.number, ticket.open)).collect::<Vec<_>>(), [(2, true), (1, false)]);
}

/// A decider that forgets what is open.
struct Again;

impl Decide for Again {
    fn decide(&self, view: &mut View, _inputs: &[Input], now: Timestamp) -> Decision {
        view.incidents.clear();
        let result = match internet(CheckState::Critical) {
            Fact::Check { result, .. } => result,
            _ => return Decision::default(),
        };
        let machine = view.machines.keys().next().copied().unwrap();
        let mut effects = Vec::new();
        check(view, machine, now, &result, now, &mut effects);
        Decision { effects, next_wake: None }
    }
}

async fn a_tick_judges_silence_and_sets_the_next_wake(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let school = school_id(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap();
    assert_eq!(store.due_schools(at(119), 10).await.unwrap(), []);
    assert_eq!(store.due_schools(at(120), 10).await.unwrap(), [school]);

    let tick = Item::Tick { school, upto: at(299), now: at(300) };
    store.apply(vec![tick], tiny.clone()).await.remove(0).unwrap();

    let machine = store.machine(agent.peer.machine, at(300)).await.unwrap().unwrap().machine;
    assert_eq!(machine.presence, Presence::Silent);
    assert_eq!(tiny.told().last(), Some(&Input::Tick { upto: at(299) }));
    assert_eq!(store.due_schools(at(359), 10).await.unwrap(), []);

    sync(&store, &tiny, agent.call(301, 1, 1, &[])).await.unwrap();
    let heard = Input::Heard { machine: agent.peer.machine, at: at(301), previous: Some(at(60)) };
    assert_eq!(tiny.told(), [heard]);
}

async fn after_an_absence_schools_are_looked_at_and_nobody_is_shown_late(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    store.collector_alive(at(50), true).await.unwrap();
    sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap();
    for second in [60, 70] {
        store.collector_alive(at(second), false).await.unwrap();
    }
    let shown = async |second| store.machine(agent.peer.machine, at(second)).await.unwrap().unwrap().machine.presence;
    assert_eq!(shown(500).await, Presence::Silent, "without an absence the machine would be late");

    store.collector_alive(at(1000), true).await.unwrap();

    assert_eq!(store.due_schools(at(1000), 10).await.unwrap(), [school_id(&store).await]);
    assert_eq!(shown(1010).await, Presence::Online);
    let seen = Arc::new(Seen::default());
    let tick = Item::Tick { school: school_id(&store).await, upto: at(1000), now: at(1000) };
    store.apply(vec![tick], seen.clone()).await.remove(0).unwrap();
    let absence = seen.0.lock().unwrap().clone().unwrap().absence.unwrap();
    assert_eq!((absence.from, absence.until), (at(70), at(1000)));
}

/// A decider that keeps the last view.
#[derive(Default)]
struct Seen(Mutex<Option<View>>);

impl Decide for Seen {
    fn decide(&self, view: &mut View, _inputs: &[Input], _now: Timestamp) -> Decision {
        *self.0.lock().unwrap() = Some(view.clone());
        Decision::default()
    }
}

async fn the_view_holds_open_incidents_and_those_resolved_lately(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let school = school_id(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Critical))])).await.unwrap();
    let look = async |second: i64| {
        let seen = Arc::new(Seen::default());
        let tick = Item::Tick { school, upto: at(second), now: at(second) };
        store.apply(vec![tick], seen.clone()).await.remove(0).unwrap();
        seen.0.lock().unwrap().take().unwrap()
    };

    let view = look(61).await;
    let key = IncidentKey::new(Scope::School(school), INTERNET, "");
    assert_eq!(view.incidents[&key].ticket.as_deref(), Some(INTERNET));
    assert_eq!((view.incidents[&key].ended, view.tickets[INTERNET].touched_by_human), (None, false));
    let row = &view.machines[&agent.peer.machine];
    assert_eq!((row.trusted, row.vantage, row.last_seen, row.interval_s), (true, true, Some(at(60)), 60));
    assert_eq!(view.checks[&(agent.peer.machine, INTERNET.to_owned(), String::new())].state, CheckState::Critical);

    sync(&store, &tiny, agent.call(120, 2, 3, &[(2, 110, internet(CheckState::Ok))])).await.unwrap();
    let lately = look(121).await;
    assert!(lately.incidents[&key].ended.is_some() && lately.tickets.is_empty());
    assert!(look(120 + 86_401).await.incidents.is_empty());
}
