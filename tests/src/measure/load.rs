//! What the collector carries: a connect storm, steady heartbeats beside an empty handler and bare rows of the same
//! run, and an outage of a fifth of the schools; then whether anything acknowledged is missing.

use crate::load::figures::{Dice, Spread, median, round};
use crate::load::orders::{Order, Plan, Tally, Target};
use crate::load::side::{Crowds, Echo};
use crate::load::stand::{self, Setup, Stand, StoreChoice};
use crate::load::truth::Tickets;
use crate::wait::wait_for;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use vigie_shared::policy::Policy;

/// Heartbeats of 10,000 that carry an event.
const EVENTS_OF_10000: u64 = 100;
/// Heartbeat during the outage, seconds: the shortest that a policy may ask for.
const SHORT_HEARTBEAT_S: u32 = 5;
/// Heartbeat otherwise, seconds.
const HEARTBEAT_S: u32 = 60;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Simulated agents.
    pub agents: usize,
    /// On which store.
    pub store: StoreChoice,
    /// Collectors on that store.
    pub replicas: usize,
    /// Seconds of each round.
    pub seconds: u64,
    /// Rounds of each kind; their medians count.
    pub rounds: usize,
    /// Whether schools fall silent at the end.
    pub outage: bool,
    /// Longest wait of an agent before another try, milliseconds.
    pub retry_cap_ms: u64,
    /// Seed of what is random.
    pub seed: u64,
}

/// Measures and prints; an error when something that must hold does not.
pub fn run(options: &Options) -> Result<()> {
    let found = measure(options)?;
    println!("{found}");
    let wrong = broken(&found);
    ensure!(wrong.is_empty(), "what must hold does not: {}", wrong.join(", "));
    Ok(())
}

/// What must hold, whatever the machine, and does not: nothing is lost, nobody is called absent who is not, every ticket
/// comes and goes, and whoever is turned away is told when to come again. How fast is for the reader to judge.
fn broken(found: &Value) -> Vec<String> {
    let count = |name: &str| found[name].as_u64();
    let none = ["lost", "events_unknown", "absent_wrong", "tickets_wrong", "refused_503_without_retry_after"];
    let some = none.into_iter().filter(|name| count(name) != Some(0)).map(|name| format!("{name} is {}", found[name]));
    let all = ["tickets_found", "tickets_resolved"].into_iter().filter(|name| count(name) != count("tickets_expected"));
    some.chain(all.map(|name| format!("{name} is {} of {}", found[name], found["tickets_expected"]))).collect()
}

/// What the rounds of one target came to.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    latencies: Spread,
    /// Processor time of the servers and of the crowd, seconds.
    server_cpu_s: f64,
    crowd_cpu_s: f64,
    done: u64,
    tally: Tally,
}

impl Rounds {
    /// One round; `cpu_s` tells the processor time of the servers.
    fn add(
        &mut self,
        crowds: &mut Crowds,
        target: Target,
        seconds: u64,
        cpu_s: impl Fn() -> Result<f64>,
    ) -> Result<f64> {
        let before = (cpu_s()?, crowds.cpu_s()?);
        let tally = crowds.order(&Order::Beat { target, for_ms: seconds * 1000 })?;
        self.server_cpu_s += cpu_s()? - before.0;
        self.crowd_cpu_s += crowds.cpu_s()? - before.1;
        let rate = tally.done as f64 / seconds as f64;
        self.rates.push(rate);
        self.done += tally.done;
        self.latencies.merge(&tally.latencies);
        complain("rounds", &tally);
        self.tally.merge(tally);
        Ok(rate)
    }

    fn rate(&self) -> f64 {
        median(&self.rates)
    }

    fn micros(&self, cpu_s: f64) -> f64 {
        cpu_s * 1e6 / self.done.max(1) as f64
    }

    /// Processor time of both ends for one call, microseconds.
    fn both_ends_us(&self) -> f64 {
        self.micros(self.server_cpu_s + self.crowd_cpu_s)
    }
}

/// What the steady rounds came to.
#[derive(Default)]
struct Steady {
    collector: Rounds,
    echo: Rounds,
    rows: Vec<f64>,
    store_cpu_s: f64,
}

impl Steady {
    /// Processor time of an empty call beside that of a heartbeat, both ends and a PostgreSQL server of our own.
    fn share_by_cpu(&self) -> f64 {
        let Self { collector, echo, .. } = self;
        echo.both_ends_us() / (collector.both_ends_us() + collector.micros(self.store_cpu_s)).max(0.01)
    }
}

/// What the outage came to.
#[derive(Default)]
struct Outage {
    fell: BTreeSet<usize>,
    opened_s: f64,
    resolved_s: f64,
    tickets: Tickets,
    absent_wrong: u64,
    tally: Tally,
}

/// The whole measurement.
pub fn measure(options: &Options) -> Result<Value> {
    let Options { agents, replicas, seconds, seed, .. } = *options;
    if agents < 2 * stand::PER_SCHOOL || seconds == 0 || options.rounds == 0 {
        bail!("at least {} agents, one second and one round", 2 * stand::PER_SCHOOL);
    }
    eprintln!("load: {agents} agents, {replicas} collector(s) on {}, seed {seed}", options.store.word());
    let plan = Plan {
        doors: vec![],
        schools: vec![],
        events_of_10000: EVENTS_OF_10000,
        retry_cap_ms: options.retry_cap_ms,
        seed,
        clock: None,
    };
    let setup = Setup { agents, store: options.store.clone(), replicas, environment: vec![] };
    let (mut stand, enrolled) = Stand::enrolled(setup, plan)?;
    let authority = enrolled.authority.context("no authority after enrolment")?;
    let echo = Echo::start(&authority)?;
    let door = echo.listening.clone();
    stand.crowds.order(&Order::Echo { address: door.address, authority: door.authority })?;
    // An idle crowd must not count as silent while others are measured.
    let heartbeat_s = HEARTBEAT_S.max(u32::try_from(seconds)? * 2);
    stand.collectors.set_policy(&Policy { heartbeat_s, ..Policy::default() })?;
    // Fresh processes: what enrolment left in their memory must not hide what connections take.
    stand.collectors.stop()?;
    stand.collectors.start()?;

    let result = phases(&mut stand, &echo, options);
    if result.is_err() {
        eprintln!("last words of the collectors:\n{}", stand.collectors.logs());
    }
    result
}

fn phases(stand: &mut Stand, echo: &Echo, options: &Options) -> Result<Value> {
    let Options { agents, replicas, seconds, seed, .. } = *options;
    let before = stand.collectors.rss()?;
    let storm = stand.crowds.order(&Order::Storm)?;
    let connect_s = storm.latencies.percentile_ms(1.0) / 1000.0;
    eprintln!("  storm: {} agents in {connect_s:.1} s, {} answers 503", storm.done, storm.refused_503);
    complain("storm", &storm);
    std::thread::sleep(Duration::from_secs(2));
    let after = stand.collectors.rss()?;
    let per_agent = after.saturating_sub(before) / agents as u64;
    eprintln!("  memory: {} KiB before, {} KiB connected: {per_agent} bytes an agent", before / 1024, after / 1024);

    let steady = steady(stand, echo, options)?;
    let outage = if options.outage { outage(stand, seed)? } else { Outage::default() };
    let drained = stand.crowds.order(&Order::Drain)?;
    complain("drain", &drained);
    let verdict = stand.verdict()?;
    let contradictions = storm.contradictions + steady.collector.tally.contradictions + outage.tally.contradictions;
    let lost = verdict.lost() + storm.failed + drained.failed + contradictions;
    eprintln!("  {} events stored; {verdict:?}", verdict.stored);

    let all = [&storm, &steady.collector.tally, &outage.tally, &drained];
    let sum = |of: fn(&Tally) -> u64| all.iter().map(|tally| of(tally)).sum::<u64>();
    let Steady { collector, echo, rows, .. } = &steady;
    Ok(json!({
        "agents": agents,
        "connect_s": round(connect_s, 2),
        "heartbeats_per_s": collector.rate().round(),
        "p50_ms": round(collector.latencies.percentile_ms(0.5), 2),
        "p99_ms": round(collector.latencies.percentile_ms(0.99), 2),
        "lost": lost,
        "collector_cpu_s": round(collector.server_cpu_s, 2),
        "rss_per_agent_bytes": per_agent,
        "raw_store_rows_per_s": median(rows).round(),
        "raw_tls_echo_per_s": echo.rate().round(),
        "share_of_echo": round(collector.rate() / echo.rate().max(1.0), 3),
        "share_of_echo_by_cpu": round(steady.share_by_cpu(), 3),
        "store": options.store.word(),
        "replicas": replicas,
        "agent_processes": stand.crowds.processes(),
        "seconds": seconds,
        "rounds": options.rounds,
        "seed": seed,
        "events_stored": verdict.stored,
        "events_unknown": verdict.unknown,
        "collector_cpu_us_per_heartbeat": round(collector.micros(collector.server_cpu_s), 2),
        "store_cpu_us_per_heartbeat": round(collector.micros(steady.store_cpu_s), 2),
        "agents_cpu_us_per_heartbeat": round(collector.micros(collector.crowd_cpu_s), 2),
        "echo_cpu_us_per_call": round(echo.micros(echo.server_cpu_s), 2),
        "agents_cpu_us_per_echo_call": round(echo.micros(echo.crowd_cpu_s), 2),
        "echo_p50_ms": round(echo.latencies.percentile_ms(0.5), 2),
        "refused_503": sum(|tally| tally.refused_503),
        "refused_503_without_retry_after": sum(|tally| tally.bare_503),
        "refused_otherwise": sum(|tally| tally.refused_other),
        "connections_broken": sum(|tally| tally.broken),
        "tickets_expected": outage.fell.len(),
        "tickets_found": outage.tickets.expected(&outage.fell),
        "tickets_resolved": outage.tickets.resolved(&outage.fell),
        "tickets_wrong": outage.tickets.wrong(&outage.fell),
        "absent_wrong": outage.absent_wrong,
        "silence_to_tickets_s": round(outage.opened_s, 1),
        "return_to_resolved_s": round(outage.resolved_s, 1),
    }))
}

/// Collector, bare rows, empty handler, and again, so that whatever else this machine does meets all of them.
fn steady(stand: &mut Stand, echo: &Echo, options: &Options) -> Result<Steady> {
    let Options { agents, seconds, rounds, .. } = *options;
    let mut found = Steady::default();
    // Connections are made and the first rows are in memory before anything counts.
    for target in [Target::Echo, Target::Collector] {
        let warm = stand.crowds.order(&Order::Beat { target, for_ms: seconds.min(2) * 1000 })?;
        complain("warming up", &warm);
        found.collector.tally.merge(Tally { latencies: Spread::default(), ..warm });
    }
    for number in 1..=rounds {
        let before = stand.store_cpu_s();
        let Stand { crowds, collectors, .. } = &mut *stand;
        let beats = found.collector.add(crowds, Target::Collector, seconds, || collectors.cpu_s())?;
        found.store_cpu_s += stand.store_cpu_s() - before;
        let rows = stand.raw(agents, Duration::from_secs(seconds.clamp(1, 3)))?;
        found.rows.push(rows);
        let empty = found.echo.add(&mut stand.crowds, Target::Echo, seconds, || echo.cpu_s())?;
        eprintln!("  round {number}: {beats:.0} heartbeats/s, {rows:.0} bare rows/s, {empty:.0} empty calls/s");
    }
    Ok(found)
}

/// A fifth of the schools falls silent together while the others load the collector as hard as they can.
fn outage(stand: &mut Stand, seed: u64) -> Result<Outage> {
    let mut dice = Dice::new(seed);
    let count = (stand.schools / 5).max(1);
    let mut fell = BTreeSet::new();
    while fell.len() < count {
        fell.insert(usize::try_from(dice.below(stand.schools as u64))?);
    }
    stand.collectors.set_policy(&Policy { heartbeat_s: SHORT_HEARTBEAT_S, ..Policy::default() })?;
    // Everybody takes the policy, and every school is looked at under it: when it is next looked at was worked out
    // under the one before.
    let mut tally = stand.crowds.order(&Order::Beat { target: Target::Collector, for_ms: 1_000 })?;
    tally.merge(stand.crowds.order(&Order::Tell)?);
    complain("before the outage", &tally);
    let truth = stand.truth()?;
    eprintln!("  outage: {count} of {} schools fall silent", stand.schools);
    stand.crowds.order(&Order::Fall { schools: fell.iter().copied().collect() })?;
    let mut absent_wrong = 0;
    let mut look = |until: &dyn Fn(&Tickets) -> bool| -> Result<(f64, Tickets)> {
        let begun = Instant::now();
        let mut last = Tickets::default();
        let waited = wait_for("the tickets of the schools", Duration::from_secs(90), || {
            last = truth.tickets().ok()?;
            absent_wrong = absent_wrong.max(last.absent_wrong(&fell));
            until(&last).then_some(())
        });
        if let Err(error) = waited {
            eprintln!("  {error:#}");
        }
        Ok((begun.elapsed().as_secs_f64(), last))
    };
    let (opened_s, _) = look(&|tickets| tickets.expected(&fell) == count)?;
    eprintln!("  tickets after {opened_s:.1} s; they come back");
    let back = stand.crowds.order(&Order::Return)?;
    let (resolved_s, _) = look(&|tickets| tickets.resolved(&fell) == count)?;
    eprintln!("  resolved after {resolved_s:.1} s");
    // Before the crowd stops: afterwards all are silent.
    let tickets = truth.tickets()?;
    stand.collectors.set_policy(&Policy { heartbeat_s: HEARTBEAT_S, ..Policy::default() })?;
    let stopped = stand.crowds.order(&Order::Stop)?;
    complain("outage", &stopped);
    tally.merge(back);
    tally.merge(stopped);
    Ok(Outage { fell, opened_s, resolved_s, tickets, absent_wrong, tally })
}

/// Says what went wrong, once a phase.
fn complain(phase: &str, tally: &Tally) {
    if tally.failed > 0 || tally.refused_other > 0 || tally.broken > 0 || tally.contradictions > 0 {
        let Tally { failed, refused_other, broken, contradictions, .. } = tally;
        let trouble = tally.trouble.as_deref().unwrap_or("");
        eprintln!(
            "  {phase}: {failed} failed, {refused_other} refused, {broken} connections broken, {contradictions} \
             contradictions ({trouble})"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_and_a_missing_ticket_are_named() {
        let good = json!({"lost": 0, "events_unknown": 0, "absent_wrong": 0, "tickets_wrong": 0,
            "refused_503_without_retry_after": 0, "tickets_expected": 3, "tickets_found": 3, "tickets_resolved": 3});
        assert_eq!(broken(&good), Vec::<String>::new());
        let mut bad = good;
        (bad["lost"], bad["tickets_resolved"]) = (json!(2), json!(1));
        assert_eq!(broken(&bad), ["lost is 2", "tickets_resolved is 1 of 3"]);
    }
}
