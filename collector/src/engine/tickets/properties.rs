//! Whatever happens in whatever order, a group has one open ticket, and all is closed in the end.

use super::tests::{Rows, at, due};
use super::*;
use crate::engine::MaintenanceScope;
use proptest::prelude::*;
use std::collections::BTreeSet;
use vigie_shared::check::{INTERNET, VOLUME_SPACE};
use vigie_shared::id::SchoolId;

/// What may happen to one of a few incidents, or to the tickets.
#[derive(Debug, Clone)]
enum Step {
    Fails(usize),
    Heals(usize),
    Touch,
    Close,
    Planned(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4usize).prop_map(Step::Fails),
        4 => (0..4usize).prop_map(Step::Heals),
        1 => Just(Step::Touch),
        1 => Just(Step::Close),
        1 => (0..4000i64).prop_map(Step::Planned),
    ]
}

fn keys(view: &View, machines: &[MachineId; 2]) -> [IncidentKey; 4] {
    [
        IncidentKey::new(Scope::School(view.school), INTERNET, ""),
        IncidentKey::new(Scope::Machine(machines[0]), VOLUME_SPACE, "/"),
        IncidentKey::new(Scope::Machine(machines[0]), VOLUME_SPACE, "/data"),
        IncidentKey::new(Scope::Machine(machines[1]), VOLUME_SPACE, "/"),
    ]
}

proptest! {
    #[test]
    fn a_group_never_has_two_tickets_and_all_is_closed_in_the_end(
        steps in prop::collection::vec((1..3000i64, step()), 1..60),
    ) {
        let mut rows = Rows::new();
        let machines = [MachineId::new(), MachineId::new()];
        let keys = keys(&rows.view, &machines);
        let mut open: BTreeSet<String> = BTreeSet::new();
        let mut second = 0;
        let heal_all: Vec<_> = (0..4).map(|n| (1, Step::Heals(n))).collect();
        let end = [(100_000, Step::Heals(0)), (100_000, Step::Heals(0))];
        let mut wake: Option<i64> = None;
        for (seconds, step) in steps.into_iter().chain(heal_all).chain(end) {
            // Time passes as for a collector: it looks whenever it wanted to.
            while let Some(at) = wake.filter(|at| *at <= second + seconds) {
                prop_assert!(at > second, "woken at {second} for {at}: a loop");
                second = at;
                wake = turn(&mut rows, second, &mut open);
            }
            second += seconds;
            match step {
                Step::Fails(n) if rows.view.incidents.get(&keys[n]).is_none_or(|i| i.ended.is_some()) => {
                    rows.fails(&keys[n], second);
                }
                Step::Heals(n) if rows.view.incidents.get(&keys[n]).is_some_and(|i| i.ended.is_none()) => {
                    rows.heals(&keys[n], second);
                }
                Step::Touch => rows.view.tickets.values_mut().for_each(|ticket| ticket.touched_by_human = true),
                Step::Close => {
                    for (group, ticket) in std::mem::take(&mut rows.view.tickets) {
                        open.remove(&group);
                        let ticket = TicketRow { touched_by_human: true, ..ticket };
                        rows.view.ended_tickets.insert(group, EndedTicket { ticket, resolved: at(second) });
                    }
                }
                Step::Planned(length) if length > 0 => {
                    rows.planned(MaintenanceScope::Fleet, second, second + length);
                }
                _ => {}
            }
            wake = turn(&mut rows, second, &mut open);
        }
        prop_assert_eq!(wake, None);
        for (group, ticket) in &rows.view.tickets {
            prop_assert!(ticket.touched_by_human && ticket.restored.is_some(), "{} is open: {:?}", group, ticket);
        }
    }

    #[test]
    fn whatever_the_order_the_same_facts_end_in_the_same_open_tickets(
        facts in prop::collection::vec((0..4usize, 0..5000i64, prop::option::of(0..3000i64)), 0..4),
        order in Just(()).prop_perturb(|(), mut rng| [rng.random::<u32>(), rng.random(), rng.random(), rng.random()]),
        end in 5000..20_000i64,
    ) {
        let machines = [MachineId::new(), MachineId::new()];
        let school = SchoolId::new();
        let tell = |order: &[usize], each: bool| {
            let mut rows = Rows { view: View::new(school), pending: vec![] };
            let keys = keys(&rows.view, &machines);
            let mut told = BTreeSet::new();
            for place in order {
                let (n, began, lasted) = facts[*place];
                // One incident a key: the same key again would be another fact.
                if told.insert(n) {
                    rows.fails(&keys[n], began);
                    if let Some(lasted) = lasted {
                        rows.heals(&keys[n], began + lasted);
                    }
                }
                if each {
                    rows.settle(end);
                }
            }
            rows.settle(end);
            rows.view.tickets.keys().cloned().collect::<Vec<_>>()
        };
        let mut seen = BTreeSet::new();
        let straight: Vec<usize> = (0..facts.len()).filter(|place| seen.insert(facts[*place].0)).collect();
        let mut mixed = straight.clone();
        mixed.sort_by_key(|place| order[place % 4]);
        prop_assert_eq!(tell(&straight, false), tell(&mixed, false));
        prop_assert_eq!(tell(&straight, false), tell(&mixed, true));
    }
}

/// One look: follows what the store would hold.
fn turn(rows: &mut Rows, second: i64, open: &mut BTreeSet<String>) -> Option<i64> {
    let before = rows.pending.len();
    let mut effects = std::mem::take(&mut rows.pending);
    let wake = settle(&mut rows.view, at(second), &due, &mut effects);
    for effect in &effects[before..] {
        match effect {
            Effect::Ticket { ticket, .. } => drop(open.insert(ticket.group_key.clone())),
            Effect::ReopenTicket { group_key, due, at, .. } => {
                assert!(open.insert(group_key.clone()), "{group_key} is open");
                let row = &rows.view.tickets[group_key];
                let (last, before) = row.pauses.split_last().unwrap();
                let was_late = super::tests::due(row.opened, row.allowed_minutes, before) < last.from;
                assert!(due >= at || was_late, "late the moment trouble comes back");
            }
            Effect::ResolveTicket { group_key, .. } => assert!(open.remove(group_key), "{group_key} is not open"),
            Effect::RestoreTicket { group_key, .. } | Effect::UnrestoreTicket { group_key, .. } => {
                assert!(open.contains(group_key));
            }
            _ => {}
        }
    }
    assert_eq!(open.iter().collect::<Vec<_>>(), rows.view.tickets.keys().collect::<Vec<_>>());
    let mut again = vec![];
    let same = settle(&mut rows.view, at(second), &due, &mut again);
    assert_eq!((again, same), (vec![], wake));
    wake.map(|wake| wake.as_second() - at(0).as_second())
}
