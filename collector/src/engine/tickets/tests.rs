//! Incidents and tickets as rows, told in seconds after ten o'clock.

use super::*;
use crate::engine::{Bracket, Cause, Confidence, Maintenance, MaintenanceScope};
use crate::helpdesk::ticket_policy::{Grouping, Then, TicketPolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vigie_shared::check::{INTERNET, VOLUME_SPACE};
use vigie_shared::id::{MaintenanceId, SchoolId};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_424_400 + second).unwrap()
}

pub(super) fn due(from: Timestamp, minutes: u32, pauses: &[crate::calendar::Pause]) -> Timestamp {
    crate::engine::plain_due(from, minutes, pauses)
}

/// The rows of a school; what its stages did is written into them as a stage would.
pub(super) struct Rows {
    pub view: View,
    pub pending: Vec<Effect>,
}

impl Rows {
    pub fn new() -> Self {
        let mut rows = Self { view: View::new(SchoolId::new()), pending: vec![] };
        rows.terms(INTERNET, |terms| (terms.wait_s, terms.quiet_s) = (0, 120));
        rows
    }

    fn terms(&mut self, check: &str, change: impl Fn(&mut Terms)) {
        let mut policy = TicketPolicy::clone(&self.view.ticket_policy);
        for rule in policy.rules.iter_mut().filter(|rule| rule.check == check) {
            if let Then::Ticket(terms) = &mut rule.then {
                change(terms);
            }
        }
        self.view.ticket_policy = Arc::new(policy);
    }

    fn line(&self) -> IncidentKey {
        IncidentKey::new(Scope::School(self.view.school), INTERNET, "")
    }

    pub fn fails(&mut self, key: &IncidentKey, second: i64) {
        self.fails_by(key, Cause::Line, second);
    }

    fn fails_by(&mut self, key: &IncidentKey, cause: Cause, second: i64) {
        let incident = IncidentRow {
            cause,
            confidence: Confidence::Probable,
            started: Bracket { after: at(second - 60), by: at(second) },
            detected: at(second),
            ended: None,
            witnesses: BTreeSet::new(),
            votes: BTreeMap::new(),
            ticket: None,
            returns: vec![],
            calm: None,
        };
        self.view.incidents.insert(key.clone(), incident);
    }

    pub fn heals(&mut self, key: &IncidentKey, second: i64) {
        let ended = Bracket { after: at(second), by: at(second) };
        self.view.incidents.get_mut(key).unwrap().ended = Some(ended);
        let effect = Effect::ResolveIncident { key: key.clone(), ended, at: at(second), note: Note::new("well") };
        self.pending.push(effect);
    }

    /// Settles at a second: what it did in words, and when it wants to look again.
    pub fn settle(&mut self, second: i64) -> (Vec<&'static str>, Option<i64>) {
        let before = self.pending.len();
        let mut effects = std::mem::take(&mut self.pending);
        let wake = settle(&mut self.view, at(second), &due, &mut effects);
        let mut again = vec![];
        let same = settle(&mut self.view, at(second), &due, &mut again);
        assert_eq!((again, same), (vec![], wake), "settling again at once does nothing");
        self.check(&effects[before..]);
        let words = effects[before..].iter().map(word).collect();
        (words, wake.map(|wake| wake.as_second() - at(0).as_second()))
    }

    fn check(&self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::ReopenTicket { due, at, .. } | Effect::UnrestoreTicket { due, at, .. } = effect {
                assert!(due >= at, "nobody is late the moment trouble comes back");
            }
        }
    }

    fn open(&self) -> Vec<&str> {
        self.view.tickets.keys().map(String::as_str).collect()
    }

    pub fn planned(&mut self, scope: MaintenanceScope, from: i64, to: i64) {
        let (from, to) = (at(from), at(to));
        self.view.maintenance.push(Maintenance { id: MaintenanceId::new(), scope, from, to, reason: String::new() });
    }
}

fn word(effect: &Effect) -> &'static str {
    match effect {
        Effect::Ticket { ticket, .. } if ticket.follows => "follows",
        Effect::Ticket { .. } => "ticket",
        Effect::ReopenTicket { .. } => "reopen",
        Effect::RestoreTicket { .. } => "restore",
        Effect::UnrestoreTicket { .. } => "unrestore",
        Effect::ResolveTicket { .. } => "resolve",
        _ => "other",
    }
}

const NOTHING: [&str; 0] = [];
const DAY: i64 = 86_400;

#[test]
fn an_outage_opens_at_once_and_is_resolved_after_its_quiet_time() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.fails(&line, 0);
    assert_eq!(rows.settle(0), (vec!["ticket"], None));
    assert_eq!(rows.view.tickets[INTERNET].opened, at(0));
    rows.heals(&line, 600);
    assert_eq!(rows.settle(600), (NOTHING.to_vec(), Some(720)));
    assert_eq!(rows.settle(719), (NOTHING.to_vec(), Some(720)));
    assert_eq!(rows.settle(720), (vec!["resolve"], None));
    assert_eq!(rows.view.ended_tickets[INTERNET].ticket.restored, Some(at(600)));
}

#[test]
fn flapping_is_one_ticket_that_neither_closes_nor_reopens() {
    let mut rows = Rows::new();
    let line = rows.line();
    let mut words = BTreeMap::new();
    for minute in 0..60 {
        rows.fails(&line, minute * 60);
        for word in rows.settle(minute * 60).0 {
            *words.entry(word).or_insert(0) += 1;
        }
        rows.heals(&line, minute * 60 + 30);
        for word in rows.settle(minute * 60 + 30).0 {
            *words.entry(word).or_insert(0) += 1;
        }
    }
    // The first opens it, the others are put on it.
    assert_eq!(words, BTreeMap::from([("ticket", 60)]));
    assert_eq!(rows.settle(59 * 60 + 150), (vec!["resolve"], None));
}

#[test]
fn a_weakened_line_waits_and_what_heals_meanwhile_opens_nothing() {
    let mut rows = Rows::new();
    rows.terms(INTERNET, |terms| terms.wait_s = 900);
    let line = rows.line();
    rows.fails(&line, 0);
    assert_eq!(rows.settle(0), (NOTHING.to_vec(), Some(900)));
    rows.heals(&line, 800);
    assert_eq!(rows.settle(800), (NOTHING.to_vec(), None));
    rows.fails(&line, 1000);
    assert_eq!(rows.settle(1899), (NOTHING.to_vec(), Some(1900)));
    assert_eq!(rows.settle(1900), (vec!["ticket"], None));
    assert_eq!(rows.view.tickets[INTERNET].opened, at(1000), "the clock runs from the detection");
}

#[test]
fn what_no_rule_names_and_what_a_rule_leaves_out_opens_no_ticket() {
    let mut rows = Rows::new();
    let unknown = IncidentKey::new(Scope::School(rows.view.school), "flux-capacitor", "");
    rows.fails(&unknown, 0);
    assert_eq!(rows.settle(0), (NOTHING.to_vec(), None));
    let mut policy = TicketPolicy::clone(&rows.view.ticket_policy);
    policy.rules.iter_mut().for_each(|rule| rule.then = Then::NoTicket);
    rows.view.ticket_policy = Arc::new(policy);
    let line = rows.line();
    rows.fails(&line, 0);
    assert_eq!(rows.settle(100_000), (NOTHING.to_vec(), None));
}

#[test]
fn a_recurrence_reopens_the_ticket_and_its_clock_stood_meanwhile() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.fails(&line, 0);
    rows.settle(0);
    rows.heals(&line, 3600);
    rows.settle(3600);
    rows.settle(3720);
    let again = 3720 + DAY;
    rows.fails(&line, again);
    let mut effects = vec![];
    settle(&mut rows.view, at(again), &due, &mut effects);
    let [Effect::ReopenTicket { pauses, due: until, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((pauses[0].from, pauses[0].to), (at(3600), at(again)));
    assert_eq!(*until, at(again + 3 * 3600), "an hour of four was used up");
    assert_eq!(rows.view.tickets[INTERNET].opened, at(0));
    rows.heals(&line, again + 60);
    rows.settle(again + 60);
    assert_eq!(rows.settle(again + 180), (vec!["resolve"], None));
}

#[test]
fn a_later_recurrence_is_a_new_ticket_that_follows_the_former() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.fails(&line, 0);
    rows.settle(0);
    rows.heals(&line, 60);
    rows.settle(60);
    rows.settle(180);
    rows.fails(&line, 180 + DAY + 1);
    assert_eq!(rows.settle(180 + DAY + 1), (vec!["follows"], None));
    assert_eq!(rows.view.tickets[INTERNET].opened, at(180 + DAY + 1));
}

#[test]
fn two_volumes_share_a_ticket_until_both_are_well() {
    let mut rows = Rows::new();
    let [one, two] = [1, 2].map(|_| IncidentKey::new(Scope::Machine(MachineId::new()), VOLUME_SPACE, "/"));
    rows.fails(&one, 0);
    rows.fails(&two, 5);
    assert_eq!(rows.settle(5).0, ["ticket", "ticket"]);
    assert_eq!((rows.open(), rows.view.tickets[VOLUME_SPACE].opened), (vec![VOLUME_SPACE], at(0)));
    rows.heals(&one, 10);
    assert_eq!(rows.settle(10), (NOTHING.to_vec(), None));
    rows.heals(&two, 100);
    assert_eq!(rows.settle(100), (NOTHING.to_vec(), Some(700)));
    assert_eq!(rows.settle(700), (vec!["resolve"], None));
}

#[test]
fn a_ticket_of_a_person_is_left_open_its_clock_stands_and_runs_again_when_trouble_is_back() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.fails(&line, 0);
    rows.settle(0);
    rows.view.tickets.get_mut(INTERNET).unwrap().touched_by_human = true;
    rows.heals(&line, 600);
    rows.settle(600);
    assert_eq!(rows.settle(720), (vec!["restore"], None));
    assert_eq!(rows.view.tickets[INTERNET].restored, Some(at(600)));
    assert_eq!(rows.settle(5 * 3600), (NOTHING.to_vec(), None));

    rows.fails(&line, 6 * 3600);
    assert_eq!(rows.settle(6 * 3600), (vec!["ticket", "unrestore"], None));
    let ticket = &rows.view.tickets[INTERNET];
    assert_eq!((ticket.restored, ticket.pauses.len()), (None, 1));
    assert_eq!((ticket.pauses[0].from, ticket.pauses[0].to), (at(600), at(6 * 3600)));
    rows.heals(&line, 7 * 3600);
    rows.settle(7 * 3600);
    assert_eq!(rows.settle(8 * 3600), (vec!["restore"], None));
}

#[test]
fn what_a_person_opened_again_waits_for_a_person_though_all_was_well_before() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.fails(&line, 0);
    rows.settle(0);
    rows.heals(&line, 60);
    rows.settle(60);
    let ticket = rows.view.tickets.get_mut(INTERNET).unwrap();
    (ticket.touched_by_human, ticket.reopened) = (true, Some(at(100)));
    assert_eq!(rows.settle(100_000), (NOTHING.to_vec(), None));
}

#[test]
fn what_a_person_closed_stays_closed_while_the_same_trouble_lasts() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.fails(&line, 0);
    rows.settle(0);
    let ticket = rows.view.tickets.remove(INTERNET).unwrap();
    rows.view.ended_tickets.insert(INTERNET.to_owned(), EndedTicket { ticket, resolved: at(60) });
    assert_eq!(rows.settle(120), (NOTHING.to_vec(), None));
    rows.heals(&line, 180);
    assert_eq!(rows.settle(180), (NOTHING.to_vec(), None));
    rows.fails(&line, 240);
    assert_eq!(rows.settle(240), (vec!["reopen"], None));
}

#[test]
fn maintenance_holds_tickets_back_and_what_is_open_at_its_end_counts_from_there() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.planned(MaintenanceScope::School(rows.view.school), 0, 3600);
    rows.fails(&line, 600);
    assert_eq!(rows.settle(600), (NOTHING.to_vec(), Some(3600)));
    rows.heals(&line, 900);
    assert_eq!(rows.settle(900), (NOTHING.to_vec(), None), "it is resolved all the same");
    rows.fails(&line, 1200);
    assert_eq!(rows.settle(3599), (NOTHING.to_vec(), Some(3600)));
    assert_eq!(rows.settle(3700), (vec!["ticket"], None));
    assert_eq!(rows.view.tickets[INTERNET].opened, at(3600));
}

#[test]
fn a_maintenance_ended_before_its_time_or_prolonged_counts_as_it_became() {
    let mut rows = Rows::new();
    let line = rows.line();
    rows.planned(MaintenanceScope::Fleet, 0, 3600);
    rows.planned(MaintenanceScope::Fleet, 1800, 7200);
    rows.fails(&line, 600);
    assert_eq!(rows.settle(3600), (NOTHING.to_vec(), Some(7200)));
    rows.view.maintenance[1].to = at(5000);
    assert_eq!(rows.settle(5001), (vec!["ticket"], None));
    assert_eq!(rows.view.tickets[INTERNET].opened, at(5000));
}

#[test]
fn maintenance_of_one_machine_holds_back_nothing_else() {
    let mut rows = Rows::new();
    let [one, other] = [1, 2].map(|_| MachineId::new());
    let key = |machine| IncidentKey::new(Scope::Machine(machine), VOLUME_SPACE, "/");
    rows.planned(MaintenanceScope::Machine(one), 0, 3600);
    rows.fails(&key(one), 10);
    rows.fails(&key(other), 10);
    assert_eq!(rows.settle(10), (vec!["ticket"], Some(3600)));
    assert_eq!(rows.view.incidents[&key(one)].ticket, None);
    assert_eq!(rows.settle(3600), (vec!["ticket"], None));
    assert_eq!(rows.open(), [VOLUME_SPACE], "it joins what is open");
}

#[test]
fn what_is_found_after_a_call_joins_its_ticket_however_the_policy_groups() {
    for group in [Grouping::School, Grouping::Cause, Grouping::Machine] {
        let mut rows = Rows::new();
        rows.terms(INTERNET, |terms| terms.group = group);
        let line = rows.line();
        let terms = rows.view.ticket_policy.terms_of_call(INTERNET).unwrap();
        let place = Place { group: INTERNET.to_owned(), terms, starts: at(0), opens: at(0) };
        rows.view.tickets.insert(INTERNET.to_owned(), TicketRow { called: true, ..row(&place) });
        assert_eq!(rows.settle(0), (NOTHING.to_vec(), None), "a call waits for a person");
        rows.fails(&line, 60);
        assert_eq!(rows.settle(60), (vec!["ticket"], None));
        assert_eq!((rows.open(), rows.view.tickets[INTERNET].opened), (vec![INTERNET], at(0)), "{group:?}");
        rows.heals(&line, 120);
        rows.settle(120);
        assert_eq!(rows.settle(240), (vec!["resolve"], None));
    }
}

#[test]
fn a_call_about_what_waits_for_a_ticket_has_its_clock_from_the_detection() {
    let mut rows = Rows::new();
    rows.terms(INTERNET, |terms| terms.wait_s = 900);
    assert_eq!(clock_of_call(&rows.view, INTERNET, at(100)), at(100));
    let line = rows.line();
    rows.fails(&line, 60);
    assert_eq!(clock_of_call(&rows.view, INTERNET, at(100)), at(60));
    assert_eq!(clock_of_call(&rows.view, VOLUME_SPACE, at(100)), at(100));
}

#[test]
fn grouping_by_cause_and_by_machine_keeps_tickets_apart() {
    let mut rows = Rows::new();
    rows.terms(VOLUME_SPACE, |terms| terms.group = Grouping::Machine);
    let machine = MachineId::new();
    for volume in ["/", "/data"] {
        rows.fails(&IncidentKey::new(Scope::Machine(machine), VOLUME_SPACE, volume), 0);
    }
    rows.fails(&IncidentKey::new(Scope::Machine(MachineId::new()), VOLUME_SPACE, "/"), 0);
    assert_eq!(rows.settle(0).0.len(), 3);
    assert_eq!(rows.view.tickets.len(), 2);
}

#[test]
fn what_still_waits_joins_the_ticket_that_another_of_its_group_opens() {
    let mut rows = Rows::new();
    let mut policy = TicketPolicy::clone(&rows.view.ticket_policy);
    policy.rules.retain(|rule| rule.name == "internet-cut");
    let mut slow = policy.rules[0].clone();
    (slow.name, slow.causes) = ("slow".to_owned(), vec!["dns".to_owned()]);
    if let Then::Ticket(terms) = &mut slow.then {
        terms.wait_s = 900;
    }
    policy.rules.insert(0, slow);
    rows.view.ticket_policy = Arc::new(policy);
    let (line, other) = (rows.line(), IncidentKey::new(Scope::School(rows.view.school), INTERNET, "administrative"));
    rows.fails_by(&line, Cause::Dns, 0);
    assert_eq!(rows.settle(0), (NOTHING.to_vec(), Some(900)));
    rows.fails(&other, 60);
    assert_eq!(rows.settle(60), (vec!["ticket", "ticket"], None));
    assert_eq!(rows.view.tickets[INTERNET].opened, at(60));
}
