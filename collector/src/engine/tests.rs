//! Small worlds told in seconds after ten o'clock.

use super::*;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason, VOLUME_SPACE};
use vigie_shared::event::{Fact, GoodbyeReason};
use vigie_shared::id::{MachineId, SchoolId};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_424_400 + seconds).unwrap()
}

struct World {
    view: View,
    engine: Engine,
    machines: Vec<MachineId>,
    wake: Option<Timestamp>,
}

impl World {
    /// A school with `n` trusted machines, heard at second 0, 5, 10…
    fn new(n: usize) -> Self {
        let mut world = Self {
            view: View::new(SchoolId::new()),
            engine: Engine::new(Box::new(|from, minutes| from + SignedDuration::from_mins(minutes.into()))),
            machines: (0..n).map(|_| MachineId::new()).collect(),
            wake: None,
        };
        world.view.ticket_policy = std::sync::Arc::new(crate::helpdesk::ticket_policy::TicketPolicy::at_once());
        for (id, second) in world.machines.clone().into_iter().zip((0..).step_by(5)) {
            world.view.machines.insert(id, MachineRow::default());
            world.hear(id, second, vec![]);
        }
        world
    }

    fn decide(&mut self, inputs: &[Input], now: Timestamp) -> Vec<Effect> {
        let decision = self.engine.decide(&mut self.view, inputs, now);
        self.wake = decision.next_wake;
        decision.effects
    }

    /// A call of a machine at a second, with facts at their own seconds.
    fn hear(&mut self, machine: MachineId, second: i64, facts: Vec<(i64, Fact)>) -> Vec<Effect> {
        let row = self.view.machines.get_mut(&machine).unwrap();
        let previous = row.last_seen.replace(at(second));
        let mut inputs = vec![Input::Heard { machine, at: at(second), previous, booted: None }];
        inputs.extend(facts.into_iter().map(|(when, fact)| Input::Event {
            machine,
            at: at(when),
            certain: true,
            received: at(second),
            fact,
        }));
        self.decide(&inputs, at(second))
    }

    fn tick(&mut self, second: i64) -> Vec<Effect> {
        self.decide(&[Input::Tick { upto: at(second) }], at(second))
    }

    /// Ticks at each wake that falls before `second`, as the collector does.
    fn run_to(&mut self, second: i64) -> Vec<Effect> {
        let mut all = Vec::new();
        while let Some(wake) = self.wake.filter(|wake| *wake <= at(second)) {
            all.extend(self.decide(&[Input::Tick { upto: wake }], wake));
        }
        all
    }

    fn school_key(&self) -> IncidentKey {
        IncidentKey::new(Scope::School(self.view.school), INTERNET, "")
    }
}

fn internet(state: CheckState, reason: Reason, bracket_s: u64) -> Fact {
    let evidence = BTreeMap::new();
    let result = CheckResult { check: INTERNET.into(), instance: String::new(), state, reason, evidence };
    Fact::Check { result, bracket_ms: Some(bracket_s * 1000) }
}

fn space(state: CheckState, reason: Reason) -> Fact {
    let evidence = BTreeMap::new();
    Fact::Check {
        result: CheckResult { check: VOLUME_SPACE.into(), instance: "/".into(), state, reason, evidence },
        bracket_ms: None,
    }
}

fn opened(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Ticket { .. })).count()
}

fn resolved(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::ResolveTicket { .. })).count()
}

#[test]
fn all_silent_at_once_is_one_ticket_within_three_minutes() {
    let mut world = World::new(3);
    let effects = world.run_to(180);
    assert_eq!(opened(&effects), 1);
    let incident = &world.view.incidents[&world.school_key()];
    assert_eq!(incident.cause, Cause::Undetermined);
    assert_eq!(incident.witnesses.len(), 3);
    assert!(incident.detected <= at(10 + 135));
    // The last word was at second 10, the first missed turn soon after second 60.
    assert_eq!(incident.started.after, at(10));
    assert!(incident.started.by <= at(80));
    assert_eq!(world.run_to(100_000), []);
}

#[test]
fn one_machine_cannot_decide_for_a_school() {
    let mut world = World::new(1);
    assert_eq!(opened(&world.run_to(10_000)), 0);
    assert_eq!(world.view.machines[&world.machines[0]].presence, Presence::Silent);
}

#[test]
fn machines_that_stop_one_after_another_are_not_an_outage() {
    let mut world = World::new(3);
    let last = world.machines[2];
    for minute in 1..20 {
        world.run_to(minute * 60);
        world.hear(last, minute * 60, vec![]);
    }
    assert_eq!(opened(&world.run_to(10_000)), 0);
}

#[test]
fn goodbyes_are_not_an_outage_and_an_old_goodbye_is_outlived() {
    let mut world = World::new(3);
    for id in world.machines.clone() {
        world.hear(id, 30, vec![(30, Fact::Goodbye { reason: GoodbyeReason::Shutdown })]);
    }
    assert_eq!(world.run_to(10_000), []);
    let first = world.machines[0];
    assert_eq!(world.view.machines[&first].presence, Presence::Left);
    world.hear(first, 20_000, vec![(15_000, Fact::Goodbye { reason: GoodbyeReason::Shutdown })]);
    assert_eq!(world.view.machines[&first].presence, Presence::Online);
}

#[test]
fn people_going_home_outweigh_a_few_pulled_plugs() {
    let mut world = World::new(6);
    for id in world.machines.clone().into_iter().take(4) {
        world.hear(id, 30, vec![(30, Fact::Goodbye { reason: GoodbyeReason::Shutdown })]);
    }
    assert_eq!(opened(&world.run_to(10_000)), 0);
}

#[test]
fn machines_in_quarantine_and_nomades_do_not_vote() {
    let mut world = World::new(3);
    let [first, second, _] = world.machines[..] else { unreachable!() };
    world.view.machines.get_mut(&first).unwrap().trusted = false;
    world.view.machines.get_mut(&second).unwrap().kind = Kind::Nomade;
    assert_eq!(opened(&world.run_to(10_000)), 0);
}

#[test]
fn return_resolves_and_what_was_seen_meanwhile_dates_both_ends() {
    let mut world = World::new(3);
    world.run_to(300);
    let [first, second, third] = world.machines[..] else { unreachable!() };
    // Cut at 40, restored at 400; looks every 60 s.
    let saw = |start: i64, end: i64| {
        vec![
            (start, internet(CheckState::Critical, Reason::OutsideUnreachable, 60)),
            (end, internet(CheckState::Ok, Reason::Fine, 60)),
        ]
    };
    let effects = world.hear(first, 430, saw(55, 420));
    assert_eq!(resolved(&effects), 1, "a machine that reaches the outside again proves the line");
    let incident = world.view.incidents[&world.school_key()].clone();
    assert_eq!(incident.ended, Some(Bracket { after: at(360), by: at(420) }));
    assert_eq!(incident.started, Bracket { after: at(10), by: at(55) });

    let effects = world.hear(second, 440, saw(45, 405));
    assert_eq!((opened(&effects), resolved(&effects)), (0, 0));
    world.hear(third, 450, saw(85, 430));
    let incident = world.view.incidents[&world.school_key()].clone();
    assert_eq!(incident.started, Bracket { after: at(25), by: at(45) });
    assert_eq!(incident.ended, Some(Bracket { after: at(370), by: at(405) }));
    assert_eq!((incident.cause, incident.confidence), (Cause::Line, Confidence::Confirmed));
    assert_eq!(world.view.tickets, BTreeMap::new());
}

#[test]
fn contact_alone_needs_two_and_a_machine_still_cut_holds_the_ticket() {
    let mut world = World::new(3);
    world.run_to(300);
    let [first, second, third] = world.machines[..] else { unreachable!() };
    let cut = vec![(60, internet(CheckState::Critical, Reason::OutsideUnreachable, 60))];
    assert_eq!(resolved(&world.hear(first, 400, cut)), 0);
    assert_eq!(resolved(&world.hear(second, 410, vec![])), 0);
    assert_eq!(resolved(&world.hear(third, 420, vec![])), 1);
}

#[test]
fn machines_that_return_with_an_old_complaint_open_no_second_ticket() {
    let mut world = World::new(3);
    world.run_to(300);
    let [first, second, third] = world.machines[..] else { unreachable!() };
    let cut = |s| (s, internet(CheckState::Critical, Reason::OutsideUnreachable, 60));
    let well = |s| (s, internet(CheckState::Ok, Reason::Fine, 60));
    assert_eq!(resolved(&world.hear(first, 430, vec![cut(55), well(420)])), 1);
    assert_eq!(opened(&world.hear(second, 432, vec![cut(50)])), 0);
    assert_eq!(opened(&world.hear(third, 434, vec![cut(52)])), 0);
    assert_eq!(opened(&world.hear(second, 450, vec![well(440)])), 0);
    assert_eq!(opened(&world.hear(third, 450, vec![well(441)])), 0);
}

#[test]
fn reports_from_machines_that_still_reach_us_open_at_once() {
    let mut world = World::new(4);
    let [first, second, ..] = world.machines[..] else { unreachable!() };
    let dns = |second| vec![(second, internet(CheckState::Critical, Reason::DnsUnreachable, 60))];
    assert_eq!(opened(&world.hear(first, 50, dns(45))), 0);
    assert_eq!(opened(&world.hear(second, 55, dns(50))), 1);
    let incident = &world.view.incidents[&world.school_key()];
    assert_eq!((incident.cause, incident.started.by), (Cause::Dns, at(45)));
    let well = |second| vec![(second, internet(CheckState::Ok, Reason::Fine, 60))];
    assert_eq!(resolved(&world.hear(first, 100, well(95))), 0, "one of two still says it is cut");
    assert_eq!(resolved(&world.hear(second, 105, well(98))), 1);
}

#[test]
fn a_complaint_that_turns_unknown_proves_nothing() {
    let mut world = World::new(5);
    let [first, second, third, ..] = world.machines[..] else { unreachable!() };
    for (id, second) in [(first, 45), (second, 50), (third, 55)] {
        world.hear(id, second, vec![(second, internet(CheckState::Critical, Reason::OutsideUnreachable, 60))]);
    }
    assert_eq!(world.view.tickets.len(), 1);
    for (id, second) in [(first, 100), (second, 101), (third, 102)] {
        world.hear(id, second, vec![(second, internet(CheckState::Unknown, Reason::OutsideUnreachable, 60))]);
    }
    assert_eq!(world.view.tickets.len(), 1);
    world.hear(first, 160, vec![(150, internet(CheckState::Ok, Reason::Fine, 60))]);
    assert_eq!(world.view.tickets.len(), 0);
}

#[test]
fn after_an_absence_of_the_collector_everybody_gets_time_to_return() {
    let mut world = World::new(3);
    world.view.absence = Some(CollectorAbsence { from: at(20), until: at(150) });
    assert_eq!(world.tick(150), []);
    let id = world.machines[0];
    world.hear(id, 160, vec![]);
    // Back-off cap 120 s and one heartbeat of 60 s after second 150.
    assert!(world.wake.unwrap() >= at(330));
    for id in world.machines.clone() {
        world.hear(id, 325, vec![]);
    }
    assert_eq!(opened(&world.run_to(400)), 0);
}

#[test]
fn after_a_long_absence_those_not_heard_since_prove_nothing() {
    let mut world = World::new(5);
    world.view.absence = Some(CollectorAbsence { from: at(20), until: at(3600) });
    assert_eq!(opened(&world.tick(5000)), 0);
    // A cut while the collector restarts within seconds is still found.
    let mut world = World::new(5);
    world.view.absence = Some(CollectorAbsence { from: at(25), until: at(35) });
    assert_eq!(opened(&world.tick(300)), 1);
}

#[test]
fn machines_turned_away_by_a_short_absence_are_witnesses_of_a_cut_soon_after() {
    let mut world = World::new(3);
    // Turned away at second 60 to 70; one came back at once, then the line was cut while the others were in their back-off.
    world.view.absence = Some(CollectorAbsence { from: at(55), until: at(75) });
    world.hear(world.machines[0], 100, vec![]);
    assert_eq!(opened(&world.run_to(600)), 1);
    assert_eq!(world.view.incidents[&world.school_key()].witnesses.len(), 3);

    // Whoever was gone before the absence is no witness of what came after it.
    let mut world = World::new(3);
    for id in world.machines.clone() {
        world.view.machines.get_mut(&id).unwrap().presence = Presence::Silent;
    }
    world.view.absence = Some(CollectorAbsence { from: at(500), until: at(510) });
    world.hear(world.machines[0], 560, vec![]);
    assert_eq!(opened(&world.run_to(2000)), 0);
}

#[test]
fn full_volumes_of_two_machines_share_a_ticket_until_both_are_well() {
    let mut world = World::new(2);
    let [first, second] = world.machines[..] else { unreachable!() };
    let full = |s| vec![(s, space(CheckState::Critical, Reason::SpaceCritical))];
    let fine = |s| vec![(s, space(CheckState::Ok, Reason::Fine))];
    assert_eq!(opened(&world.hear(first, 50, full(50))), 1);
    assert_eq!(opened(&world.hear(second, 55, full(55))), 1);
    assert_eq!(world.view.tickets.len(), 1);
    assert_eq!(resolved(&world.hear(first, 60, fine(60))), 0);
    assert_eq!(resolved(&world.hear(second, 65, fine(65))), 1);
}

#[test]
fn a_ticket_that_a_person_works_on_gets_a_note_instead_of_an_end() {
    let mut world = World::new(1);
    let id = world.machines[0];
    world.hear(id, 50, vec![(50, space(CheckState::Critical, Reason::SpaceCritical))]);
    world.view.tickets.get_mut(VOLUME_SPACE).unwrap().touched_by_human = true;
    let effects = world.hear(id, 60, vec![(60, space(CheckState::Ok, Reason::Fine))]);
    assert_eq!(resolved(&effects), 0);
    assert!(effects.iter().any(|e| matches!(e, Effect::RestoreTicket { .. })));
}

#[test]
fn approval_opens_what_was_wrong_and_revocation_resolves_it() {
    let mut world = World::new(1);
    let id = world.machines[0];
    world.view.machines.get_mut(&id).unwrap().trusted = false;
    assert_eq!(opened(&world.hear(id, 50, vec![(50, space(CheckState::Critical, Reason::SpaceCritical))])), 0);
    world.view.machines.get_mut(&id).unwrap().trusted = true;
    assert_eq!(opened(&world.decide(&[Input::MachineChanged { machine: id, at: at(60) }], at(60))), 1);
    world.view.machines.remove(&id);
    assert_eq!(resolved(&world.decide(&[Input::MachineChanged { machine: id, at: at(70) }], at(70))), 1);
}

#[test]
fn standings_heal_a_lost_event_and_forget_a_volume_that_is_gone() {
    let mut world = World::new(1);
    let id = world.machines[0];
    let standing = vigie_shared::check::CheckStanding {
        check: VOLUME_SPACE.into(),
        instance: "/data".into(),
        state: CheckState::Critical,
        reason: Reason::SpaceCritical,
    };
    let told = Input::Standings { machine: id, at: at(50), standings: vec![standing] };
    assert_eq!(opened(&world.decide(std::slice::from_ref(&told), at(50))), 1);
    assert_eq!(world.decide(&[told], at(55)), []);
    let empty = Input::Standings { machine: id, at: at(60), standings: vec![] };
    assert_eq!(resolved(&world.decide(&[empty], at(60))), 1);
}
