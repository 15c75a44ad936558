//! What the engine decides is written in the transaction of the facts; one cause, one open ticket.

use super::*;

on_every_store!(
    the_fact_the_incident_and_the_ticket_are_one_commit,
    an_incident_and_a_ticket_are_unique_while_open,
    a_tick_judges_silence_and_sets_the_next_wake,
    after_an_absence_schools_are_looked_at_and_nobody_is_shown_late,
    the_view_holds_open_incidents_and_those_resolved_lately,
    refining_an_incident_never_moves_its_ticket,
    incidents_of_one_group_share_a_ticket,
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
    assert_eq!(due(&store, 119).await, []);
    assert_eq!(due(&store, 120).await, [school]);

    let tick = Item::Tick { school, upto: at(299), now: at(300) };
    store.apply(vec![tick], tiny.clone()).await.remove(0).unwrap();

    let machine = store.machine(agent.peer.machine, at(300)).await.unwrap().unwrap().machine;
    assert_eq!(machine.presence, Presence::Silent);
    assert_eq!(tiny.told().last(), Some(&Input::Tick { upto: at(299) }));
    assert_eq!(due(&store, 359).await, []);

    sync(&store, &tiny, agent.call(301, 1, 1, &[])).await.unwrap();
    let heard = Input::Heard { machine: agent.peer.machine, at: at(301), previous: Some(at(60)), booted: None };
    assert_eq!(tiny.told(), [heard]);
}

async fn after_an_absence_schools_are_looked_at_and_nobody_is_shown_late(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let before = Collector::start(&store, "one", 50).await;
    sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap();
    for second in (55..=70).step_by(5) {
        before.lives(&store, second, second).await;
    }
    let shown = async |second| store.machine(agent.peer.machine, at(second)).await.unwrap().unwrap().machine.presence;
    assert_eq!(shown(500).await, Presence::Silent, "without an absence the machine would be late");

    Collector::start(&store, "one", 1000).await;

    assert_eq!(due(&store, 1000).await, [school_id(&store).await]);
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
    assert_eq!((row.trusted, row.is_eye(), row.last_seen, row.interval_s), (true, true, Some(at(60)), 60));
    assert_eq!(view.checks[&(agent.peer.machine, INTERNET.to_owned(), String::new())].state, CheckState::Critical);

    sync(&store, &tiny, agent.call(120, 2, 3, &[(2, 110, internet(CheckState::Ok))])).await.unwrap();
    let lately = look(121).await;
    assert!(lately.incidents[&key].ended.is_some() && lately.tickets.is_empty());
    assert!(look(120 + 86_401).await.incidents.is_empty());
}

/// A decider that wants what it is given, whatever it is told.
struct Wants(Vec<Effect>);

impl Decide for Wants {
    fn decide(&self, _view: &mut View, _inputs: &[Input], _now: Timestamp) -> Decision {
        Decision { effects: self.0.clone(), next_wake: None }
    }
}

async fn want(store: &Arc<dyn Store>, school: SchoolId, second: i64, effects: Vec<Effect>) -> Result<(), StoreError> {
    let tick = Item::Tick { school, upto: at(second), now: at(second) };
    store.apply(vec![tick], Arc::new(Wants(effects))).await.remove(0).map(drop)
}

fn opening(key: &IncidentKey, second: i64) -> Effect {
    Effect::OpenIncident {
        key: key.clone(),
        cause: Cause::Undetermined,
        confidence: Confidence::Probable,
        started: Bracket { after: at(second - 1), by: at(second) },
        detected: at(second),
        witnesses: vec![],
        votes: BTreeMap::new(),
        note: Note::new("opened"),
    }
}

fn ticket(key: &IncidentKey, second: i64) -> Effect {
    let ticket = NewTicket {
        group_key: "space".to_owned(),
        check: key.check.clone(),
        category: "internet".to_owned(),
        urgency: Level::High,
        impact: Level::High,
        allowed_minutes: 240,
        quiet_s: 0,
        reopen_within_s: 0,
        follows: false,
        opened: at(second),
        due: at(second + 14_400),
        at: at(second),
    };
    Effect::Ticket { key: key.clone(), ticket }
}

async fn refining_an_incident_never_moves_its_ticket(world: &World) {
    let store = world.open();
    one_machine(&store).await;
    let school = school_id(&store).await;
    let key = IncidentKey::new(Scope::School(school), INTERNET, "");
    let amend = |second, ended| Effect::AmendIncident {
        key: key.clone(),
        cause: Cause::Line,
        confidence: Confidence::Confirmed,
        started: Bracket { after: at(5), by: at(6) },
        ended,
        votes: BTreeMap::new(),
        at: at(second),
        note: Note::new("refined").with("second", second),
    };
    want(&store, school, 10, vec![opening(&key, 10), ticket(&key, 10)]).await.unwrap();
    let end = Bracket { after: at(20), by: at(21) };
    want(&store, school, 20, vec![amend(20, Some(end))]).await.unwrap();
    let still_open = store.school(UAI, at(20)).await.unwrap().unwrap().school.open.remove(0);
    assert_eq!((still_open.ended, still_open.cause), (None, Cause::Line), "refining does not resolve");

    want(&store, school, 30, vec![resolve(key.clone(), at(30)), amend(31, Some(end))]).await.unwrap();

    let tickets = store.tickets(10).await.unwrap();
    assert_eq!((tickets.len(), tickets[0].number, tickets[0].open), (1, 1, true));
    let page = store.ticket(tickets[0].id).await.unwrap().unwrap();
    let incident = &page.incidents[0];
    assert_eq!((incident.started.by, incident.ended, incident.confidence), (at(6), Some(end), Confidence::Confirmed));
    let codes: Vec<_> = incident.history.iter().map(|line| line.note.code.as_str()).collect();
    assert_eq!(codes, ["opened", "refined", "resolved_by_check", "refined"]);
    let told: Vec<_> = page.history.iter().map(|line| line.note.code.as_str()).collect();
    assert_eq!(told, ["ticket_opened", "opened", "refined", "resolved_by_check", "refined"], "the ticket keeps it all");
    assert_eq!(page.history[4].note.with["second"], "31", "what is learnt after the end as well");
    let unknown = IncidentKey::new(Scope::School(school), "nothing", "");
    assert!(want(&store, school, 40, vec![ticket(&unknown, 40)]).await.is_err());
}

async fn incidents_of_one_group_share_a_ticket(world: &World) {
    let store = world.open();
    let machine = one_machine(&store).await.peer.machine;
    let school = school_id(&store).await;
    let [first, second] =
        ["/", "/data"].map(|volume| IncidentKey::new(Scope::Machine(machine), "volume-space", volume));
    want(&store, school, 10, vec![opening(&first, 10), ticket(&first, 10)]).await.unwrap();
    want(&store, school, 20, vec![opening(&second, 20), ticket(&second, 20), ticket(&second, 20)]).await.unwrap();

    let tickets = store.tickets(10).await.unwrap();
    assert_eq!((tickets.len(), tickets[0].about.clone()), (1, Some(("PC01".to_owned(), "/".to_owned()))));
    let page = store.ticket(tickets[0].id).await.unwrap().unwrap();
    let codes: Vec<_> = page.history.iter().map(|line| (line.at, line.note.code.as_str())).collect();
    let opened = [(at(10), "ticket_opened"), (at(10), "opened")];
    assert_eq!(codes, [opened, [(at(20), "incident_joined"), (at(20), "opened")]].concat());
    let about = |n: usize| page.history[n].note.with.get("about").map(String::as_str);
    assert_eq!((about(1), about(3)), (Some("PC01, /"), Some("PC01, /data")), "each line says what it is about");
    assert_eq!(page.incidents.iter().map(|i| i.instance.as_str()).collect::<Vec<_>>(), ["/", "/data"]);
    assert_eq!(page.incidents[1].machine, Some((machine, "PC01".to_owned())));
    assert_eq!(store.machine(machine, at(21)).await.unwrap().unwrap().open.len(), 2);

    let Effect::Ticket { ticket: pressing, .. } = ticket(&second, 25) else { unreachable!() };
    let pressing = NewTicket { check: "internet".to_owned(), allowed_minutes: 60, due: at(3_625), ..pressing };
    let tighten = Effect::TightenTicket { ticket: pressing, note: Note::new("tightened") };
    want(&store, school, 25, vec![tighten.clone()]).await.unwrap();
    let page = store.ticket(tickets[0].id).await.unwrap().unwrap();
    assert_eq!(
        (page.ticket.check.as_str(), page.ticket.due),
        ("internet", at(3_625)),
        "what presses most sets the terms"
    );
    assert_eq!(page.history.last().unwrap().note.code, "tightened");

    let note = Note::new("resolved");
    let end = Effect::ResolveTicket { group_key: "space".to_owned(), restored: at(25), at: at(30), note: note.clone() };
    want(&store, school, 30, vec![end.clone()]).await.unwrap();
    assert!(want(&store, school, 31, vec![end]).await.is_err(), "no ticket of that group is open any more");
    assert!(want(&store, school, 32, vec![tighten]).await.is_err());
}
