//! A generated school year, lived through in a minute: what the engine found beside what was injected.

use crate::sim::Ms;
use crate::sim::time::shown;
use crate::year::judge::{Verdict, judge};
use crate::year::{Lived, Options, Year, generate, live};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Measures and prints; `trace` names a school whose days are printed.
pub fn run(options: &Options, trace: Option<&str>) -> Result<()> {
    let year = generate(options)?;
    eprintln!(
        "year: seed {}, {} schools, {} machines, {} days from {}, {} faults, {} actions",
        options.seed,
        year.places.len(),
        year.pcs.len(),
        options.days,
        options.from,
        year.faults.len(),
        year.plan.len()
    );
    one_core()?;
    let lived = live(&year)?;
    let verdict = judge(&year, &lived);
    for detail in &verdict.details {
        eprintln!("{detail}");
    }
    if let Some(school) = trace {
        print_trace(&year, &lived, school);
    }
    table(&verdict);
    let mut missing: Vec<&String> = lived.unsupported.iter().map(|(_, what)| what).collect();
    missing.sort();
    missing.dedup();
    for what in missing {
        eprintln!("not supported: {what}");
    }
    for doubt in &lived.doubts {
        eprintln!("IN DOUBT {doubt}");
    }
    let (decisions, deciding) = lived.decisions;
    eprintln!("  {:?}, {decisions} decisions in {:.1} s", lived.figures, deciding.as_secs_f64());
    println!("{}", line(options, &year, &lived, &verdict));
    Ok(())
}

/// From here on all threads share one core, the one that runs now: the store's thread and the world's take turns anyway.
fn one_core() -> Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &cores).context("keeping to one core")
}

/// The figures as one object.
pub fn line(options: &Options, year: &Year, lived: &Lived, verdict: &Verdict) -> Value {
    let sum = |of: fn(&crate::year::judge::Kind) -> usize| verdict.kinds.values().map(of).sum::<usize>();
    json!({
        "machines": year.pcs.len(),
        "days": options.days,
        "injected": sum(|kind| kind.injected),
        "detected": sum(|kind| kind.detected),
        "right_cause": sum(|kind| kind.causes[0]),
        "wrong_cause": sum(|kind| kind.causes[1]),
        "undetermined": sum(|kind| kind.causes[2]),
        "false_tickets": verdict.false_tickets,
        "duplicate_tickets": verdict.duplicate_tickets,
        "missed_resolutions": verdict.missed_resolutions,
        "p50_delay_s": share(&verdict.delays, 50),
        "p95_delay_s": share(&verdict.delays, 95),
        "wall_s": (lived.wall.as_secs_f64() * 10.0).round() / 10.0,
        "outages_injected": verdict.outages.0,
        "outages_detected": verdict.outages.1,
        "outage_p95_delay_s": share(&verdict.outage_delays, 95),
        "early_resolutions": verdict.early_resolutions,
        "false_incidents": verdict.false_incidents,
        "unseen_or_too_short": sum(|kind| kind.drawn - kind.injected),
        "in_doubt": lived.doubts.len(),
        "tickets": lived.found.tickets.len(),
        "seed": options.seed,
        "schools": year.places.len(),
    })
}

/// A percentile, in seconds.
fn share(sorted: &[Ms], percent: usize) -> Option<f64> {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).map(|ms| (*ms as f64 / 100.0).round() / 10.0)
}

fn table(verdict: &Verdict) {
    eprintln!("  {:<24} drawn must found extra | right wrong undetermined", "fault");
    for (word, kind) in &verdict.kinds {
        let [right, wrong, unknown] = kind.causes;
        eprintln!(
            "  {word:<24} {:>5} {:>4} {:>5} {:>5} | {right:>5} {wrong:>5} {unknown:>12}",
            kind.drawn, kind.injected, kind.detected, kind.extra
        );
    }
}

fn print_trace(year: &Year, lived: &Lived, school: &str) {
    let mut lines: Vec<(Ms, String)> = vec![];
    for (at, action) in year.plan.iter().filter(|(_, action)| action.school().is_none_or(|of| of == school)) {
        lines.push((*at, serde_json::to_string(action).unwrap_or_default()));
    }
    for incident in lived.found.incidents.iter().filter(|incident| incident.school == school) {
        lines.extend(incident.history.iter().map(|e| (e.at, format!("  incident {} {}", e.code, e.figures))));
        lines.push((incident.detected, format!("  {}", incident.shown())));
    }
    for ticket in lived.found.tickets.iter().filter(|ticket| ticket.school == school) {
        lines.push((ticket.opened, format!("  {}", ticket.shown())));
    }
    lines.sort();
    for (at, text) in lines {
        eprintln!("{} {text}", shown(at));
    }
}
