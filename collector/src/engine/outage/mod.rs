//! Stage: is this school, or one of its networks, cut from the internet? Judged by many eyes (invariant 13), dated by
//! evidence.
//!
//! Four signs open the incident: *reports* (machines that still reach us say that the outside does not answer), *silence*
//! (all that could be heard fell silent at one time, without goodbye), *absence* (nobody came who always comes), and the
//! *probe* (the school's router no longer answers us). What machines saw meanwhile comes with their buffered events and
//! refines cause, start and end, also after the fact; it never opens a second ticket.

mod absence;
mod end;
mod own;
mod probe;
mod reports;
mod sights;
mod silence;

use super::incident::{self, Found};
use super::{Effect, IncidentKey, Input, MachineRow, NetworkKind, Scope, View, quality};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use vigie_shared::check::{CheckState, INTERNET};
use vigie_shared::id::MachineId;

pub use sights::refine;
pub use silence::{Cluster, cluster_at};

/// Witnesses that a verdict on a school needs.
const QUORUM: usize = 2;
/// A verdict on one network waits this long after its first sign: the machines of the other network look once a minute,
/// and need two looks to be sure.
const NETWORK_HOLD: SignedDuration = SignedDuration::from_secs(150);

/// Whose way to the internet is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    /// The key of its incident.
    pub key: IncidentKey,
    /// Its machines, when they are those of one network.
    pub network: Option<NetworkKind>,
    /// Its machines, when they are certain ones.
    group: Option<BTreeSet<MachineId>>,
}

impl Arena {
    /// The whole school.
    pub fn school(view: &View) -> Self {
        Self { key: IncidentKey::new(Scope::School(view.school), INTERNET, ""), network: None, group: None }
    }

    /// Certain machines.
    pub fn group(key: IncidentKey, machines: BTreeSet<MachineId>) -> Self {
        Self { key, network: None, group: Some(machines) }
    }

    fn of(view: &View, network: NetworkKind) -> Self {
        let key = IncidentKey::new(Scope::Network(view.school, network), INTERNET, "");
        Self { key, network: Some(network), group: None }
    }

    /// Its machines that may bear witness.
    fn eyes<'v>(&self, view: &'v View) -> impl Iterator<Item = (MachineId, &'v MachineRow)> + use<'_, 'v> {
        let here = move |id: &MachineId, row: &MachineRow| {
            row.is_eye()
                && self.network.is_none_or(|network| row.net() == network)
                && self.group.as_ref().is_none_or(|group| group.contains(id))
        };
        view.machines.iter().filter(move |(id, row)| here(id, row)).map(|(id, row)| (*id, row))
    }

    fn is_open(&self, view: &View) -> bool {
        incident::find_open(view, &self.key).is_some()
    }
}

/// The networks of a school that has machines on both, else nothing: then the school is one network.
fn networks(view: &View) -> Vec<Arena> {
    let used: BTreeSet<_> = view.machines.values().filter(|row| row.is_eye()).map(MachineRow::net).collect();
    if used.len() < 2 { vec![] } else { used.into_iter().map(|network| Arena::of(view, network)).collect() }
}

/// What one machine says of its way to the internet, if that is a complaint.
fn complaint(view: &View, machine: MachineId) -> Option<&super::CheckRow> {
    let row = view.checks.get(&(machine, INTERNET.to_owned(), String::new()))?;
    (row.state == CheckState::Critical && !sights::is_about_us(&row.reason)).then_some(row)
}

/// Opens, refines and resolves internet incidents after `inputs` were applied to the view.
pub fn judge(view: &mut View, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let school = Arena::school(view);
    let networks = networks(view);
    if !school.is_open(view) {
        let ticked = inputs.iter().any(|input| matches!(input, Input::Tick { .. }));
        match of_school(view, &school, &networks, ticked, now) {
            Some(found) => open_school(view, &school, &networks, found, now, effects),
            None => {
                for arena in &networks {
                    if !arena.is_open(view)
                        && let Some(found) = of_network(view, arena, ticked, now)
                    {
                        incident::open(view, &arena.key, found, now, effects);
                    }
                }
            }
        }
    }
    for arena in std::iter::once(&school).chain(&networks) {
        sights::refine(view, arena, inputs, now, effects);
        if arena.is_open(view) {
            end::judge(view, arena, inputs, now, effects);
        }
    }
    own::judge(view, inputs, now, effects);
}

fn of_school(view: &View, school: &Arena, networks: &[Arena], ticked: bool, now: Timestamp) -> Option<Found> {
    let reported = if networks.is_empty() {
        reports::found(view, school, QUORUM, now)
    } else {
        reports::of_all(view, school, networks, now)
    };
    reported
        .filter(|found| !quality::explains(view, found.cause))
        .or_else(|| if ticked { silence::found(view, school) } else { None })
        .or_else(|| probe::found(view, school, now))
        .or_else(|| if ticked { absence::found(view, school, now) } else { None })
}

fn of_network(view: &View, arena: &Arena, ticked: bool, now: Timestamp) -> Option<Found> {
    let reported = reports::of_one(view, arena, now).filter(|found| !quality::explains(view, found.cause));
    reported.or_else(|| if ticked { silence::of_network(view, arena) } else { None })
}

/// The school's incident; one of its networks that opened a moment ago was the first to feel it and is widened.
fn open_school(
    view: &mut View,
    school: &Arena,
    networks: &[Arena],
    found: Found,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    let first = networks.iter().find(|arena| {
        incident::find_open(view, &arena.key).is_some_and(|row| row.started.by + NETWORK_HOLD * 2 >= found.started.by)
    });
    match first {
        Some(arena) => incident::widen(view, &arena.key, &school.key, found, now, effects),
        None => incident::open(view, &school.key, found, now, effects),
    }
}

/// When this stage must look again: a verdict on a network that was held back, and those who always come.
pub fn next_wake(view: &View, now: Timestamp) -> Option<Timestamp> {
    let waiting = networks(view).into_iter().filter(|arena| !arena.is_open(view));
    let held = waiting.filter_map(|arena| reports::first(view, &arena)).map(|by| by + NETWORK_HOLD);
    let anew = reports::looks_anew(view);
    held.chain(anew).filter(|at| *at > now).chain(absence::next_wake(view, now)).min()
}
