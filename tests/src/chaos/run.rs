//! All of it: the faults one after the other and side by side, the recoveries, the drain, the proof.

use super::ground::{Ground, Standing};
use super::inflict::{self, Mortal, inflict};
use super::judge::{Verdict, judge};
use super::outages::{Outages, Tally};
use super::plan::{Fault, Kind, Target, plan};
use super::scene::{Party, Scene, now_ms};
use crate::process::tail;
use crate::wait::{interrupted, stays_true, wait_for};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// An agent is answered again this soon after the last fault that touched it. Its longest pause is 20 s
/// (`Policy::backoff_cap_s`), its longest patience with a connection that swallows an answer 30 s.
pub const TO_RECOVER: Duration = Duration::from_secs(60);
/// A recovery that takes longer than an agent's longest pause is worth a line.
const SLOW_MS: u64 = 20_000;
/// Faults that may wait for their place while later ones begin: an order of beginnings in which one fault that waits
/// holds up all others would leave everybody alone most of the time.
const WAITING: usize = 8;
/// A fault waits at most this long for its place: the line of a school is cut when all its agents are well, which can be
/// when no other fault is left.
const TO_BEGIN: Duration = Duration::from_secs(900);
/// A ticket is resolved this soon after its line was restored.
const TO_RESOLVED: Duration = Duration::from_secs(120);
/// Everything that waits is told this soon after the last recovery.
const TO_DRAIN: Duration = Duration::from_secs(120);

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Faults by kind.
    pub by_kind: BTreeMap<String, u32>,
    /// What the comparison found.
    pub verdict: Verdict,
    /// What came of the tickets.
    pub tally: Tally,
    /// Incidents or tickets open twice on one cause at the end.
    pub open_twice: u64,
    /// Faults from which somebody did not recover in time.
    pub unrecovered: u64,
    /// Longest time from the end of a fault until whoever it touched worked again, seconds.
    pub max_recovery_s: f64,
    /// Longest time from a cut to its ticket, seconds.
    pub max_to_ticket_s: f64,
    /// Faults on the way that found nothing to strike.
    pub never_struck: u64,
    /// Programs that ended without being killed.
    pub ended_by_themselves: u64,
    /// What the harness itself could not do.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Whether all that must hold does.
    pub fn is_good(&self) -> bool {
        let Verdict { lost, applied_twice, contradictions, .. } = self.verdict;
        let Tally { missed, twice, without_cause, .. } = self.tally;
        [lost, applied_twice, contradictions, missed, twice, without_cause, self.open_twice, self.unrecovered]
            .iter()
            .all(|count| *count == 0)
            && self.failures.is_empty()
    }
}

/// Lets time pass; ends early when somebody asks to end.
pub fn pass(time: Duration) -> Result<()> {
    stays_true("time", time, || true)
}

/// What all threads share.
struct Shared<'s> {
    scene: &'s Scene,
    ground: Ground,
    outages: Outages,
    outcome: Mutex<Outcome>,
    over: AtomicBool,
    ended: AtomicU64,
    /// Faults that wait for their place.
    waiting: AtomicUsize,
    begun: Instant,
}

impl Shared<'_> {
    fn note(&self, change: impl FnOnce(&mut Outcome)) {
        change(&mut self.outcome.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Since the beginning.
    fn seconds(&self) -> f32 {
        self.begun.elapsed().as_secs_f32()
    }

    fn note_failure<T>(&self, what: &str, result: Result<T>) {
        if let Err(error) = result {
            eprintln!("  {what}: {error:#}");
            self.note(|outcome| outcome.failures.push(format!("{what}: {error:#}")));
        }
    }
}

/// Makes all faults of a seed happen in `scene` and proves what is left.
pub fn run(scene: &Scene, seed: u64, faults: u32) -> Result<Outcome> {
    let shared = Shared {
        scene,
        ground: Ground::new(scene.cast),
        outages: Outages::default(),
        outcome: Mutex::default(),
        over: AtomicBool::new(false),
        ended: AtomicU64::new(0),
        waiting: AtomicUsize::new(0),
        begun: Instant::now(),
    };
    thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&shared));
        let mut going = Vec::new();
        for fault in plan(seed, faults, scene.cast) {
            let room = || (shared.waiting.load(Ordering::Relaxed) < WAITING).then_some(());
            if pass(fault.gap).and_then(|()| wait_for("room for a fault", TO_BEGIN, room)).is_err() {
                break;
            }
            shared.waiting.fetch_add(1, Ordering::Relaxed);
            let shared = &shared;
            going.push(scope.spawn(move || suffer(shared, &fault)));
        }
        for thread in going {
            let _ = thread.join();
        }
        let drained = drain(scene);
        shared.note_failure("the last events", drained);
        shared.over.store(true, Ordering::Relaxed);
        let _ = watching.join();
    });
    stop(scene)?;
    look_at_tickets(&shared);
    let stored = scene.books.all()?;
    let mut outcome = shared.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.ended_by_themselves = shared.ended.into_inner();
    outcome.verdict = judge(&scene.truths()?, &stored);
    outcome.tally = shared.outages.tally();
    outcome.open_twice = stored.open_twice;
    Ok(outcome)
}

/// Waits until the rules allow a fault.
fn begin(shared: &Shared<'_>, fault: &Fault) -> Result<()> {
    let what = format!("a place for fault {} ({})", fault.number, fault.kind.name());
    wait_for(&what, TO_BEGIN, || shared.ground.take(fault).then_some(()))?;
    eprintln!(
        "  {:.1} fault {} {} of {} ({:.1} s, {})",
        shared.seconds(),
        fault.number,
        fault.kind.name(),
        fault.target,
        fault.lasts.as_secs_f32(),
        fault.amount
    );
    shared.note(|outcome| *outcome.by_kind.entry(fault.kind.name()).or_default() += 1);
    Ok(())
}

/// A fault from its beginning to the recovery of all it touched.
fn suffer(shared: &Shared<'_>, fault: &Fault) {
    let what = format!("fault {} ({} of {})", fault.number, fault.kind.name(), fault.target);
    let begun = begin(shared, fault);
    shared.waiting.fetch_sub(1, Ordering::Relaxed);
    if begun.is_err() {
        return shared.note_failure(&what, begun);
    }
    let result = if fault.kind == Kind::LineCut { outage(shared, fault) } else { ordinary(shared, fault) };
    shared.ground.recovered(fault);
    shared.note_failure(&what, result);
}

fn ordinary(shared: &Shared<'_>, fault: &Fault) -> Result<()> {
    let disturbance = shared.ground.disturb(shared.ground.touched(fault.target), now_ms());
    let inflicted = inflict(shared.scene, fault);
    let ended = now_ms();
    eprintln!("  {:.1} fault {} ended", shared.seconds(), fault.number);
    shared.ground.calm(disturbance, ended);
    shared.ground.give_back(fault);
    if !inflicted? {
        shared.note(|outcome| outcome.never_struck += 1);
    }
    recover(shared, fault, ended)
}

fn outage(shared: &Shared<'_>, fault: &Fault) -> Result<()> {
    let Target::School(school) = fault.target else { return Ok(()) };
    let contact_ms = |agent: usize| shared.scene.agents[agent].contact().map_or(0, |contact| contact.up_ms);
    let cut = wait_for("a school whose agents are all well", TO_BEGIN, || {
        shared.ground.cut(school, contact_ms).then_some(())
    });
    if cut.is_err() {
        shared.ground.give_back(fault);
        return cut;
    }
    let outage = shared.outages.begin(inflict::uai(school));
    let disturbance = shared.ground.disturb(shared.ground.touched(fault.target), now_ms());
    let took = inflict::cut_line(shared.scene, fault, &shared.outages, outage);
    let ended = now_ms();
    shared.ground.mend(school);
    shared.ground.calm(disturbance, ended);
    let took = took.inspect_err(|_| shared.ground.give_back(fault))?;
    shared.note(|outcome| outcome.max_to_ticket_s = outcome.max_to_ticket_s.max(took.unwrap_or_default()));
    eprintln!("  {:.1} line of school {} restored, its ticket took {took:.1?} s", shared.seconds(), school + 1);
    let recovered = recover(shared, fault, ended);
    let resolved =
        wait_for("the ticket to be resolved", TO_RESOLVED, || shared.outages.is_resolved(outage).then_some(()));
    if took.is_some() && resolved.is_err() {
        eprintln!("  the ticket of fault {} is not resolved", fault.number);
        shared.note(|outcome| outcome.unrecovered += 1);
    }
    shared.outages.end(outage);
    shared.ground.give_back(fault);
    recovered
}

/// Waits until all whom a fault touched work again, and keeps how long it took.
fn recover(shared: &Shared<'_>, fault: &Fault, ended: u64) -> Result<()> {
    let bound = u64::try_from(TO_RECOVER.as_millis()).unwrap_or(u64::MAX);
    let mut ill = shared.ground.touched(fault.target);
    let (mut longest, mut never) = (0, Vec::new());
    // Others may hit them meanwhile: the bound counts from the last of those.
    wait_for("a recovery", TO_BEGIN, || {
        ill.retain(|place| {
            let Ok(contact) = shared.scene.agents[*place].contact() else { return true };
            match shared.ground.standing(*place, ended, contact.up_ms, now_ms()) {
                Standing::Well(took) => longest = longest.max(took),
                Standing::Waiting(waited) if waited > bound => never.push(*place),
                Standing::Waiting(_) => return true,
            }
            false
        });
        ill.is_empty().then_some(())
    })?;
    for place in &never {
        let log = tail(&shared.scene.agents[*place].party.lock().program.log(), 10);
        eprintln!("  agent {} did not recover from fault {}:\n{log}", place + 1, fault.number);
    }
    let seconds = Duration::from_millis(longest).as_secs_f64();
    if longest > SLOW_MS {
        eprintln!("  fault {}: recovery took {seconds:.1} s", fault.number);
    }
    shared.note(|outcome| {
        outcome.unrecovered += u64::from(!never.is_empty());
        outcome.max_recovery_s = outcome.max_recovery_s.max(seconds);
    });
    Ok(())
}

/// Keeps the books of tickets, and starts again what ended by itself, until it is over.
fn watch(shared: &Shared<'_>) {
    while !shared.over.load(Ordering::Relaxed) && !interrupted() {
        look_at_tickets(shared);
        for (place, agent) in shared.scene.agents.iter().enumerate() {
            supervise(shared, &agent.party, &format!("agent {}", place + 1), |machine| machine.log());
        }
        for (place, collector) in shared.scene.collectors.iter().enumerate() {
            supervise(shared, collector, &format!("collector {}", place + 1), |collector| collector.log());
        }
        let _ = pass(Duration::from_millis(200));
    }
}

/// Takes in new tickets; what cannot be read now is read later. One that nobody can explain is told with what the
/// agents of its school and the collectors knew.
fn look_at_tickets(shared: &Shared<'_>) {
    let tickets = shared.scene.books.tickets().unwrap_or_default();
    for ticket in shared.outages.look(tickets) {
        eprintln!("  ticket {} of {} about {}: nothing of ours caused it", ticket.number, ticket.uai, ticket.about);
        let school = (0..shared.scene.cast.schools).find(|school| inflict::uai(*school) == ticket.uai);
        for place in school.map(|school| shared.ground.agents_of(school)).unwrap_or_default() {
            let contact = shared.scene.agents[place].contact().unwrap_or_default();
            let silent = Duration::from_millis(now_ms().saturating_sub(contact.up_ms)).as_secs_f32();
            eprintln!("    agent {} was answered {silent:.1} s ago", place + 1);
        }
        for collector in shared.scene.collectors.iter().filter_map(Party::try_lock) {
            eprintln!("    log of a collector:\n{}", tail(&collector.program.log(), 8));
        }
    }
}

fn supervise<T: Mortal>(shared: &Shared<'_>, party: &Party<T>, name: &str, log: fn(&T) -> String) {
    let Some(mut process) = party.try_lock() else { return };
    if process.down || process.program.running().is_ok_and(|running| running.is_running()) {
        return;
    }
    let _ = process.program.kill();
    eprintln!("  {name} ended by itself:\n{}", tail(&log(&process.program), 5));
    shared.ended.fetch_add(1, Ordering::Relaxed);
    // Tried again at the next look if it fails.
    let _ = process.program.start_again();
}

/// Waits until every agent has told all it knows.
fn drain(scene: &Scene) -> Result<()> {
    for agent in &scene.agents {
        agent.hush()?;
    }
    let hushed = now_ms() + 2_000;
    for agent in &scene.agents {
        let told = || agent.contact().ok().filter(|contact| contact.up_ms > hushed && contact.waiting == 0);
        wait_for(&format!("the last events of {}", agent.id), TO_DRAIN, told)
            .with_context(|| tail(&agent.party.lock().program.log(), 10))?;
    }
    Ok(())
}

/// Stops agents, then collectors, politely.
fn stop(scene: &Scene) -> Result<()> {
    for agent in &scene.agents {
        agent.party.lock().program.stop()?;
    }
    for collector in &scene.collectors {
        collector.lock().program.stop()?;
    }
    Ok(())
}
