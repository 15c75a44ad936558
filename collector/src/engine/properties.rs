//! Whatever is heard in whatever order, tickets and incidents stay consistent, and what is well again is closed; calls that
//! are delayed, repeated and overtake each other end in the same open incidents, and the reconciler finds nothing.

use super::*;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::{CheckResult, CheckState, INTERNET, MACHINE_INTERNET, Reason, VOLUME_SPACE};
use vigie_shared::event::{Fact, GoodbyeReason};
use vigie_shared::id::{MachineId, SchoolId};

const MACHINES: usize = 4;

/// One thing that may happen, to one machine, after some seconds.
#[derive(Debug, Clone)]
enum Step {
    Heard,
    Internet(CheckState),
    Space(CheckState),
    Goodbye,
    Distrust,
    Approve,
    Tick,
}

fn state() -> impl Strategy<Value = CheckState> {
    prop_oneof![Just(CheckState::Ok), Just(CheckState::Critical), Just(CheckState::Unknown), Just(CheckState::Warning)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Heard),
        3 => state().prop_map(Step::Internet),
        2 => state().prop_map(Step::Space),
        1 => Just(Step::Goodbye),
        1 => Just(Step::Distrust),
        1 => Just(Step::Approve),
        3 => Just(Step::Tick),
    ]
}

fn check(name: &str, state: CheckState) -> Fact {
    let reason = if state == CheckState::Critical { Reason::OutsideUnreachable } else { Reason::Fine };
    let result = CheckResult { check: name.into(), instance: String::new(), state, reason, evidence: BTreeMap::new() };
    Fact::Check { result, bracket_ms: Some(60_000) }
}

/// What a store would hold: checks that each effect is one that its unique indexes accept.
#[derive(Default)]
struct Ledger {
    incidents: BTreeSet<IncidentKey>,
    tickets: BTreeMap<String, BTreeSet<IncidentKey>>,
}

impl Ledger {
    fn write(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::OpenIncident { key, started, detected, .. } => {
                    assert!(self.incidents.insert(key.clone()), "{key:?} opened twice");
                    assert!(started.after <= started.by && started.by <= *detected);
                }
                Effect::ReturnIncident { key, .. } => {
                    assert!(self.incidents.insert(key.clone()), "{key:?} came back but was open");
                }
                Effect::WidenIncident { from, to, .. } => {
                    assert!(self.incidents.remove(from) && self.incidents.insert(to.clone()), "{from:?} → {to:?}");
                }
                Effect::ResolveIncident { key, ended, .. } => {
                    assert!(self.incidents.remove(key), "{key:?} resolved but not open");
                    assert!(ended.after <= ended.by);
                }
                Effect::AmendIncident { started, ended, .. } => {
                    assert!(started.after <= started.by);
                    assert!(ended.is_none_or(|ended| ended.after <= ended.by));
                }
                Effect::Ticket { key, ticket } => {
                    assert!(self.incidents.contains(key));
                    self.tickets.entry(ticket.group_key.clone()).or_default().insert(key.clone());
                }
                Effect::ReopenTicket { key, group_key, .. } => {
                    assert!(self.incidents.contains(key));
                    let before = self.tickets.insert(group_key.clone(), BTreeSet::from([key.clone()]));
                    assert_eq!(before, None, "reopened beside an open one");
                }
                Effect::ResolveTicket { group_key, .. } => {
                    let incidents = self.tickets.remove(group_key).expect("resolved but not open");
                    assert!(incidents.is_disjoint(&self.incidents), "closed over an open incident");
                }
                _ => {}
            }
        }
    }
}

/// One call of a machine: who, when it was sent (seconds), what it brings.
#[derive(Debug, Clone)]
struct Call {
    machine: usize,
    sent: i64,
    fact: Option<Fact>,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = (0..MACHINES, 0i64..60, step()).prop_map(|(machine, after, step)| {
        let fact = match step {
            Step::Internet(state) => Some(check(INTERNET, state)),
            Step::Space(state) => Some(check(VOLUME_SPACE, state)),
            Step::Goodbye => Some(Fact::Goodbye { reason: GoodbyeReason::Shutdown }),
            _ => None,
        };
        (after, Call { machine, sent: 0, fact })
    });
    prop::collection::vec(call, 1..60).prop_map(|calls| {
        let mut sent = 0;
        let dated = |(after, call): (i64, Call)| {
            sent += after;
            Call { sent, ..call }
        };
        calls.into_iter().map(dated).collect()
    })
}

/// Plays calls that arrive `late` after they were sent, those of one machine in their order, each once more if `twice`; then an
/// hour in which all are heard on. Answers what is open, and what the reconciler finds. Who complained before the school was
/// known to be cut has an incident of its own: that is left out.
fn played(calls: &[Call], late: &[i64], twice: bool) -> (BTreeSet<IncidentKey>, Vec<reconcile::Difference>) {
    let engine = Engine::new(Box::new(|from, minutes| from + SignedDuration::from_mins(minutes.into())));
    let begin = Timestamp::from_second(1_795_424_400).unwrap();
    let at = |seconds: i64| begin + SignedDuration::from_secs(seconds);
    let ids: Vec<MachineId> = (1..=MACHINES as u128).map(|n| MachineId(uuid::Uuid::from_u128(n))).collect();
    let mut view = View::new(SchoolId(uuid::Uuid::from_u128(7)));
    for id in &ids {
        view.machines.insert(*id, MachineRow::default());
    }
    let mut last = [0; MACHINES];
    let mut arrivals: Vec<(i64, usize)> = Vec::new();
    for (n, call) in calls.iter().enumerate() {
        let came = (call.sent + late.get(n).copied().unwrap_or_default()).max(last[call.machine]);
        last[call.machine] = came;
        arrivals.push((came, n));
    }
    arrivals.sort_by_key(|(came, _)| *came);
    let hear = |view: &mut View, machine: usize, now: Timestamp, event: Option<(i64, Fact)>| {
        let id = ids[machine];
        let previous = view.machines.get_mut(&id).unwrap().last_seen.replace(now);
        let mut inputs = vec![Input::Heard { machine: id, at: now, previous, booted: None }];
        if let Some((sent, fact)) = event {
            inputs.push(Input::Event { machine: id, at: at(sent), certain: true, received: now, fact });
        }
        engine.decide(view, &inputs, now);
    };
    let mut now = begin;
    for (came, n) in arrivals {
        let call = &calls[n];
        now = at(came);
        engine.decide(&mut view, &[Input::Tick { upto: now }], now);
        // The store keeps each event once: a call that comes again brings nothing.
        hear(&mut view, call.machine, now, call.fact.clone().map(|fact| (call.sent, fact)));
        if twice {
            hear(&mut view, call.machine, now, None);
        }
    }
    for _ in 0..60 {
        now += SignedDuration::from_secs(60);
        (0..MACHINES).for_each(|machine| hear(&mut view, machine, now, None));
        engine.decide(&mut view, &[Input::Tick { upto: now }], now);
    }
    let open = view.incidents.iter().filter(|(key, row)| row.ended.is_none() && key.check != MACHINE_INTERNET);
    let open = open.map(|(key, _)| key.clone()).collect();
    (open, reconcile::differences(&engine, &view, now, now))
}

proptest! {
    #[test]
    fn incidents_and_tickets_stay_unique_and_all_is_closed_in_the_end(
        steps in prop::collection::vec((0..MACHINES, 0i64..90, step()), 1..120),
    ) {
        let engine = Engine::new(Box::new(|from, minutes| from + SignedDuration::from_mins(minutes.into())));
        let mut view = View::new(SchoolId::new());
        view.ticket_policy = std::sync::Arc::new(crate::helpdesk::ticket_policy::TicketPolicy::at_once());
        let ids: Vec<_> = (0..MACHINES).map(|_| MachineId::new()).collect();
        for id in &ids {
            view.machines.insert(*id, MachineRow::default());
        }
        let ledger = RefCell::new(Ledger::default());
        let mut now = Timestamp::from_second(1_795_424_400).unwrap();
        let hear = |view: &mut View, id: MachineId, now: Timestamp, fact: Option<Fact>| {
            view.machines.get_mut(&id).unwrap().last_seen = Some(now);
            let mut inputs = vec![Input::Heard { machine: id, at: now, previous: None, booted: None }];
            inputs.extend(fact.map(|fact| Input::Event { machine: id, at: now, certain: true, received: now, fact }));
            let decision = engine.decide(view, &inputs, now);
            ledger.borrow_mut().write(&decision.effects);
            decision.next_wake
        };
        let tick = |view: &mut View, now: Timestamp| {
            let decision = engine.decide(view, &[Input::Tick { upto: now }], now);
            ledger.borrow_mut().write(&decision.effects);
            decision.next_wake
        };
        for (machine, seconds, step) in steps {
            now += SignedDuration::from_secs(seconds);
            let id = ids[machine];
            let wake = match &step {
                Step::Heard => hear(&mut view, id, now, None),
                Step::Internet(state) => hear(&mut view, id, now, Some(check(INTERNET, *state))),
                Step::Space(state) => hear(&mut view, id, now, Some(check(VOLUME_SPACE, *state))),
                Step::Goodbye => hear(&mut view, id, now, Some(Fact::Goodbye { reason: GoodbyeReason::Shutdown })),
                Step::Distrust | Step::Approve => {
                    view.machines.get_mut(&id).unwrap().trusted = matches!(step, Step::Approve);
                    hear(&mut view, id, now, None)
                }
                Step::Tick => tick(&mut view, now),
            };
            if matches!(step, Step::Tick) {
                prop_assert!(wake.is_none_or(|wake| wake > now), "woken at {now} for {wake:?}: a loop");
            }
        }
        for id in &ids {
            view.machines.get_mut(id).unwrap().trusted = true;
        }
        for name in [VOLUME_SPACE, INTERNET] {
            for id in &ids {
                now += SignedDuration::from_secs(1);
                hear(&mut view, *id, now, Some(check(name, CheckState::Ok)));
            }
        }
        // What flapped ends after a time of calm.
        for _ in 0..12 {
            now += SignedDuration::from_secs(60);
            for id in &ids {
                hear(&mut view, *id, now, None);
            }
            tick(&mut view, now);
        }
        prop_assert!(ledger.borrow().incidents.is_empty(), "still open: {:?}", ledger.borrow().incidents);
        prop_assert!(ledger.borrow().tickets.is_empty(), "still open: {:?}", ledger.borrow().tickets);
        prop_assert!(view.tickets.is_empty());
    }

    #[test]
    fn the_same_inputs_give_the_same_decision(silent_after in 0i64..300, n in 2usize..6) {
        let school = SchoolId::new();
        let ids: Vec<_> = (0..n).map(|_| MachineId::new()).collect();
        let start = Timestamp::from_second(1_795_424_400).unwrap();
        let run = || {
            let engine = Engine::new(Box::new(|from, minutes| from + SignedDuration::from_mins(minutes.into())));
            let mut view = View::new(school);
            for (id, offset) in ids.iter().zip(0i64..) {
                view.machines.insert(*id, MachineRow {
                    last_seen: Some(start + SignedDuration::from_secs(offset * 7)),
                    presence: Presence::Online, ..MachineRow::default()
                });
            }
            let now = start + SignedDuration::from_secs(silent_after);
            engine.decide(&mut view, &[Input::Tick { upto: now }], now)
        };
        prop_assert_eq!(run(), run());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn calls_that_are_late_repeated_or_overtake_each_other_end_in_the_same_open_incidents(
        calls in calls(),
        late in prop::collection::vec(0i64..20, 60),
        twice in any::<bool>(),
    ) {
        let (in_order, doubts) = played(&calls, &[], false);
        prop_assert_eq!(doubts, vec![]);
        let (otherwise, doubts) = played(&calls, &late, twice);
        prop_assert_eq!(doubts, vec![]);
        prop_assert_eq!(in_order, otherwise);
    }
}
