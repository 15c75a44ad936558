//! What people do at the desk, with the real engine: calls, work on tickets, rules of tickets.

use super::*;
use crate::engine::Engine;
use crate::helpdesk::ticket_policy::{Then, TicketPolicy};
use vigie_shared::check::{CheckResult, VOLUME_SPACE};
use vigie_shared::id::TicketId;

on_every_store!(
    a_call_joins_what_is_open_about_the_same,
    what_is_found_after_a_call_joins_its_ticket,
    calls_about_what_is_not_measured_have_tickets_of_their_own,
    a_call_that_cannot_be_taken_changes_nothing,
    the_machine_closes_no_ticket_that_a_person_works_on,
    a_recurrence_reopens_a_ticket_under_its_number_and_a_later_one_follows_it,
    a_person_opens_a_ticket_again,
    acts_that_contradict_the_ticket_are_refused,
    every_version_of_the_ticket_policy_is_kept_and_the_newest_decides,
);

/// The engine, in hours that never close.
pub fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(Box::new(|from, minutes| from + SignedDuration::from_mins(minutes.into()))))
}

fn space(state: CheckState) -> Fact {
    let reason = if state == CheckState::Ok { Reason::Fine } else { Reason::SpaceCritical };
    let (check, instance) = (VOLUME_SPACE.to_owned(), "/".to_owned());
    Fact::Check { result: CheckResult { check, instance, state, reason, evidence: BTreeMap::new() }, bracket_ms: None }
}

/// A school of one machine whose volume fills up and empties.
pub struct Desk {
    pub store: Arc<dyn Store>,
    pub engine: Arc<Engine>,
    pub school: SchoolId,
    pub machine: MachineId,
    agent: Agent,
    next: u64,
}

impl Desk {
    pub async fn new(world: &World) -> Self {
        let store = world.open();
        let agent = one_machine(&store).await;
        let school = school_id(&store).await;
        let machine = agent.peer.machine;
        Self { store, engine: engine(), school, machine, agent, next: 1 }
    }

    pub async fn says(&mut self, second: i64, state: CheckState) {
        let (seq, fact) = (self.next, space(state));
        self.next += 1;
        let call = self.agent.call(second, seq, seq + 1, &[(seq, second, fact)]);
        let item = Item::Sync(Box::new(call));
        self.store.apply(vec![item], self.engine.clone()).await.remove(0).unwrap();
    }

    pub async fn full(&mut self, second: i64) {
        self.says(second, CheckState::Critical).await;
    }

    pub async fn well(&mut self, second: i64) {
        self.says(second, CheckState::Ok).await;
    }

    pub async fn tick(&self, second: i64) {
        let tick = Item::Tick { school: self.school, upto: at(second), now: at(second) };
        self.store.apply(vec![tick], self.engine.clone()).await.remove(0).unwrap();
    }

    async fn call(&self, second: i64, subject: &str, text: &str) -> Result<Called, StoreError> {
        let (school, subject, text) = (UAI.parse().unwrap(), subject.to_owned(), text.to_owned());
        let call = NewCall { school, subject, text, by: "technicien.a".to_owned() };
        self.store.call(call, at(second), self.engine.clone()).await
    }

    async fn act(&self, second: i64, ticket: TicketId, act: TicketAct) -> Result<(), StoreError> {
        self.store.act_on_ticket(ticket, act, "technicien.a", at(second), self.engine.clone()).await
    }

    pub async fn tickets(&self) -> Vec<TicketSummary> {
        self.store.tickets(50).await.unwrap()
    }

    /// What became of a ticket, without the explanations of its incidents.
    async fn codes(&self, ticket: TicketId) -> Vec<String> {
        let page = self.store.ticket(ticket).await.unwrap().unwrap();
        let codes = page.history.into_iter().map(|line| line.note.code);
        codes.filter(|code| !["opened_by_check", "resolved_by_check"].contains(&code.as_str())).collect()
    }

    pub async fn told(&self) -> Vec<String> {
        let messages = self.store.claim_messages(ReplicaId::new(), at(300_000), 50).await.unwrap();
        messages.into_iter().map(|message| message.note.code).collect()
    }
}

const HOUR: i64 = 3600;
/// Seconds that a volume must be well until its ticket is resolved, as shipped.
const QUIET: i64 = 600;

async fn a_call_joins_what_is_open_about_the_same(world: &World) {
    let mut desk = Desk::new(world).await;
    desk.full(60).await;

    let called = desk.call(120, VOLUME_SPACE, "Le disque est plein").await.unwrap();

    let ticket = desk.tickets().await.remove(0);
    assert_eq!((called.joined, called.ticket, called.number), (true, ticket.id, 1));
    assert_eq!((desk.tickets().await.len(), ticket.called, ticket.opened), (1, Some(at(120)), at(60)));
    let page = desk.store.ticket(ticket.id).await.unwrap().unwrap();
    let line = page.history.last().unwrap();
    assert_eq!((line.note.code.as_str(), line.by.as_str()), ("call_joined", "technicien.a"));
    assert_eq!(line.note.with["text"], "Le disque est plein");
    // Noted, not taken: the machine goes on with its ticket.
    desk.well(600).await;
    desk.tick(600 + QUIET).await;
    assert!(!desk.tickets().await[0].open);
    assert_eq!(desk.told().await, ["ticket_opened", "ticket_resolved"]);
}

async fn what_is_found_after_a_call_joins_its_ticket(world: &World) {
    let mut desk = Desk::new(world).await;
    let called = desk.call(30, VOLUME_SPACE, "Le disque est plein").await.unwrap();
    assert!(!called.joined);
    assert_eq!(desk.call(40, VOLUME_SPACE, "Toujours plein").await.unwrap(), Called { joined: true, ..called.clone() });

    desk.full(60).await;

    let page = desk.store.ticket(called.ticket).await.unwrap().unwrap();
    assert_eq!((desk.tickets().await.len(), page.incidents.len()), (1, 1));
    assert_eq!((page.ticket.opened, page.ticket.due), (at(30), at(30 + 20 * HOUR)));
    assert_eq!(desk.codes(called.ticket).await, ["opened_by_call", "call_joined", "incident_joined"]);
    assert_eq!(desk.store.counts(at(60)).await.unwrap().open_tickets, 1);
    desk.well(120).await;
    desk.tick(120 + QUIET).await;
    assert!(!desk.tickets().await[0].open);
}

async fn calls_about_what_is_not_measured_have_tickets_of_their_own(world: &World) {
    let desk = Desk::new(world).await;
    let first = desk.call(30, "other", "Le projecteur clignote").await.unwrap();
    let second = desk.call(40, "other", "Il manque une souris").await.unwrap();
    assert_eq!((first.joined, second.joined, second.number), (false, false, 2));
    desk.tick(900_000).await;
    let tickets = desk.tickets().await;
    assert!(tickets.iter().all(|ticket| ticket.open && ticket.category == "other" && ticket.priority == 3));
}

async fn a_call_that_cannot_be_taken_changes_nothing(world: &World) {
    let desk = Desk::new(world).await;
    let refused = async |subject: &str, text: &str| desk.call(30, subject, text).await.unwrap_err().to_string();
    assert!(refused("weather", "Il pleut").await.contains("internet"), "the subjects are named");
    assert!(refused("other", "  ").await.contains("text"));
    assert!(refused("other", &"x".repeat(TICKET_TEXT_MAX + 1)).await.contains("2000"));
    assert!(refused("other", "a\0b").await.contains("text"));
    let nowhere = NewCall {
        school: OTHER_UAI.parse().unwrap(),
        subject: "other".to_owned(),
        text: "Allô".to_owned(),
        by: "technicien.a".to_owned(),
    };
    let error = desk.store.call(nowhere, at(30), desk.engine.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)));
    assert_eq!(desk.tickets().await, []);
}

async fn the_machine_closes_no_ticket_that_a_person_works_on(world: &World) {
    let mut desk = Desk::new(world).await;
    desk.full(60).await;
    let ticket = desk.tickets().await[0].id;
    desk.act(100, ticket, TicketAct::Take).await.unwrap();
    desk.well(HOUR).await;
    desk.tick(HOUR + QUIET).await;

    let shown = desk.tickets().await.remove(0);
    assert_eq!((shown.open, shown.restored, shown.taken_by.as_deref()), (true, Some(at(HOUR)), Some("technicien.a")));
    assert!(!shown.is_overdue(at(30 * HOUR)), "its clock stands");

    desk.full(25 * HOUR).await;
    let again = desk.tickets().await.remove(0);
    assert_eq!((again.restored, again.due), (None, at(25 * HOUR + 20 * HOUR - (HOUR - 60))));
    desk.well(26 * HOUR).await;
    desk.tick(26 * HOUR + QUIET).await;
    desk.act(27 * HOUR, ticket, TicketAct::Resolve("Disque remplacé".to_owned())).await.unwrap();

    let closed = desk.tickets().await.remove(0);
    assert_eq!((closed.open, closed.restored, closed.resolved), (false, Some(at(26 * HOUR)), Some(at(27 * HOUR))));
    let codes = desk.codes(ticket).await;
    let expected = [
        "ticket_opened",
        "taken",
        "all_well",
        "incident_joined",
        "trouble_again",
        "all_well",
        "resolved_by_person_saying",
    ];
    assert_eq!(codes, expected);
    assert_eq!(desk.told().await, ["ticket_opened", "ticket_resolved"]);
    assert_eq!(desk.store.counts(at(0)).await.unwrap().open_tickets, 0);
}

async fn a_recurrence_reopens_a_ticket_under_its_number_and_a_later_one_follows_it(world: &World) {
    const DAY: i64 = 24 * HOUR;
    let mut desk = Desk::new(world).await;
    desk.full(60).await;
    desk.well(HOUR).await;
    desk.tick(HOUR + QUIET).await;
    let first = desk.tickets().await.remove(0);
    assert!(!first.open);

    desk.full(20 * HOUR).await;
    let again = desk.tickets().await;
    assert_eq!((again.len(), again[0].number, again[0].open), (1, 1, true));
    // 59 minutes of 20 hours were used up when it was well.
    assert_eq!(again[0].due, at(20 * HOUR + 20 * HOUR - (HOUR - 60)));
    assert_eq!(again[0].pauses.len(), 1);
    assert_eq!(desk.store.counts(at(0)).await.unwrap().open_tickets, 1);
    desk.well(21 * HOUR).await;
    desk.tick(21 * HOUR + QUIET).await;
    assert_eq!(desk.codes(first.id).await, ["ticket_opened", "resolved_quiet", "reopened", "resolved_quiet"]);

    desk.full(21 * HOUR + QUIET + DAY + 1).await;
    let tickets = desk.tickets().await;
    assert_eq!(tickets.iter().map(|t| (t.number, t.open)).collect::<Vec<_>>(), [(2, true), (1, false)]);
    let page = desk.store.ticket(tickets[0].id).await.unwrap().unwrap();
    assert_eq!(page.follows, Some((first.id, 1)));
    assert_eq!(desk.codes(tickets[0].id).await, ["ticket_opened", "follows"]);
    let told = ["ticket_opened", "ticket_resolved", "ticket_reopened", "ticket_resolved", "ticket_opened"];
    assert_eq!(desk.told().await, told);
}

async fn a_person_opens_a_ticket_again(world: &World) {
    let mut desk = Desk::new(world).await;
    desk.full(60).await;
    desk.well(HOUR).await;
    desk.tick(HOUR + QUIET).await;
    let ticket = desk.tickets().await[0].id;

    desk.act(2 * HOUR, ticket, TicketAct::Reopen("Encore plein".to_owned())).await.unwrap();
    desk.tick(9 * HOUR).await;

    let shown = desk.tickets().await.remove(0);
    assert_eq!((shown.open, shown.restored), (true, None), "what was well before proves nothing any more");
    assert_eq!(shown.due, at(2 * HOUR + 20 * HOUR - (HOUR - 60)));
    desk.full(10 * HOUR).await;
    desk.well(11 * HOUR).await;
    desk.tick(11 * HOUR + QUIET).await;
    let shown = desk.tickets().await.remove(0);
    assert_eq!((shown.open, shown.restored), (true, Some(at(11 * HOUR))));
}

async fn acts_that_contradict_the_ticket_are_refused(world: &World) {
    let mut desk = Desk::new(world).await;
    desk.full(60).await;
    let ticket = desk.tickets().await[0].id;
    let refused = async |ticket, act| desk.act(100, ticket, act).await.unwrap_err();
    let conflict = async |act| assert!(matches!(refused(ticket, act).await, StoreError::Conflict(_)));
    conflict(TicketAct::Reopen(String::new())).await;
    conflict(TicketAct::Note(" ".to_owned())).await;
    conflict(TicketAct::Resolve("x".repeat(TICKET_TEXT_MAX + 1))).await;
    assert!(matches!(refused(TicketId::new(), TicketAct::Take).await, StoreError::NotFound(_)));
    assert_eq!(desk.codes(ticket).await, ["ticket_opened"]);

    desk.act(200, ticket, TicketAct::Resolve(String::new())).await.unwrap();
    conflict(TicketAct::Take).await;
    conflict(TicketAct::Resolve(String::new())).await;
    desk.act(210, ticket, TicketAct::Note("Vu sur place".to_owned())).await.unwrap();
    // Somebody calls about the same: that is a ticket of its own, and the former one stays closed beside it.
    let called = desk.call(300, VOLUME_SPACE, "Encore").await.unwrap();
    assert!(!called.joined && called.number == 2);
    conflict(TicketAct::Reopen(String::new())).await;
}

async fn every_version_of_the_ticket_policy_is_kept_and_the_newest_decides(world: &World) {
    let mut desk = Desk::new(world).await;
    assert_eq!(desk.store.ticket_policy().await.unwrap().as_ref(), &TicketPolicy::default());
    let mut policy = TicketPolicy::default();
    for rule in policy.rules.iter_mut().filter(|rule| rule.check == VOLUME_SPACE) {
        if let Then::Ticket(terms) = &mut rule.then {
            terms.wait_s = 100;
        }
    }
    let set = async |policy: &TicketPolicy, second| {
        desk.store.set_ticket_policy(policy.clone(), "superviseur", at(second)).await
    };
    assert_eq!(set(&policy, 10).await.unwrap(), 1);
    let mut bad = policy.clone();
    bad.rules[0].check = String::new();
    assert!(set(&bad, 11).await.unwrap_err().to_string().contains("rules[0].check"));
    policy.rules.retain(|rule| rule.check == VOLUME_SPACE);
    assert_eq!(set(&policy, 20).await.unwrap(), 2);

    let beside = world.open();
    assert_eq!(beside.ticket_policy().await.unwrap().version, 2);
    let versions = beside.ticket_policy_versions(10).await.unwrap();
    let listed: Vec<_> = versions.iter().map(|v| (v.version, v.since, v.by.as_str())).collect();
    assert_eq!(listed, [(2, at(20), "superviseur"), (1, at(10), "superviseur")]);
    desk.full(60).await;
    assert_eq!(desk.tickets().await, []);
    desk.says(159, CheckState::Critical).await;
    assert_eq!(due(&desk.store, 159).await, [], "it is looked at when the wait is over");
    assert_eq!(due(&desk.store, 160).await, [desk.school]);
    desk.tick(160).await;
    assert_eq!(desk.tickets().await[0].opened, at(60));
}
