//! The real engine, overheard: when it wants to look at a school again, and when it would if every machine that is there
//! went on being heard. The second tells the driver how long nothing can come of a school in which all is quiet.

use super::Ms;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use vigie_collector::engine::{Decide, Decision, Effect, Engine, Input, Presence, View};
use vigie_shared::check::INTERNET;
use vigie_shared::id::{MachineId, SchoolId};

/// As long as machines are taken to be heard on.
const AHEAD_S: i64 = 400 * 86_400;

/// What the last decision on a school left behind.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// When the engine wants to look again.
    pub wake: Option<Ms>,
    /// The same if all machines that beat are heard on.
    pub other: Option<Ms>,
}

/// See the module.
pub struct Overheard {
    engine: Engine,
    leap: bool,
    beating: Mutex<BTreeSet<MachineId>>,
    notes: Mutex<BTreeMap<SchoolId, Note>>,
    spent: Mutex<(u64, std::time::Duration)>,
    wide: AtomicBool,
}

impl Overheard {
    /// Around an engine. With `leap` each decision is made once more, to learn [`Note::other`].
    pub fn new(engine: Engine, leap: bool) -> Self {
        Self {
            engine,
            leap,
            beating: Mutex::default(),
            notes: Mutex::default(),
            spent: Mutex::default(),
            wide: AtomicBool::new(false),
        }
    }

    /// Which machines of the school that is looked at next go on being heard by themselves.
    pub fn beat(&self, machines: BTreeSet<MachineId>) {
        *self.beating.lock().unwrap_or_else(PoisonError::into_inner) = machines;
    }

    /// What was decided since the last time.
    pub fn take(&self) -> BTreeMap<SchoolId, Note> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether something was judged since the last time that the engine of several schools may look at.
    pub fn take_wide(&self) -> bool {
        self.wide.swap(false, Ordering::Relaxed)
    }

    /// How many decisions were made, and the real time they took, the second ones included.
    pub fn spent(&self) -> (u64, std::time::Duration) {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decide for Overheard {
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision {
        let began = std::time::Instant::now();
        let decision = self.engine.decide(view, inputs, now);
        // As the store has it.
        let concerns = |effect: &Effect| match effect {
            Effect::OpenIncident { key, .. }
            | Effect::ReturnIncident { key, .. }
            | Effect::AmendIncident { key, .. }
            | Effect::ResolveIncident { key, .. } => key.check == INTERNET,
            Effect::WidenIncident { to, .. } => to.check == INTERNET,
            _ => false,
        };
        if decision.effects.iter().any(concerns) {
            self.wide.store(true, Ordering::Relaxed);
        }
        // Rounded up, as the store keeps it.
        let ms = |at: Timestamp| at.as_millisecond() + Ms::from(at.subsec_nanosecond().rem_euclid(1_000_000) != 0);
        let wake = decision.next_wake.map(ms);
        let other = if self.leap { self.if_heard_on(view, now).map_or(wake, |other| other.map(ms)) } else { wake };
        let note = Note { wake, other };
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(view.school, note);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = (spent.0 + 1, spent.1 + began.elapsed());
        decision
    }
}

impl Overheard {
    /// The wake if all that beat were just heard far in the future; nothing when that would change a verdict.
    fn if_heard_on(&self, view: &View, now: Timestamp) -> Option<Option<Timestamp>> {
        let far = now + jiff::SignedDuration::from_secs(AHEAD_S);
        let mut ahead = view.clone();
        let beating = self.beating.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, row) in
            ahead.machines.iter_mut().filter(|(id, row)| row.presence == Presence::Online && beating.contains(id))
        {
            row.last_seen = Some(far);
        }
        drop(beating);
        let decision = self.engine.decide(&mut ahead, &[], now);
        decision.effects.is_empty().then(|| decision.next_wake.filter(|wake| *wake < far))
    }
}
