//! Random faults under a workload with known truth: prints what was acknowledged, what was lost and what counted twice.

use crate::chaos::plan::{Cast, StoreKind};
use crate::chaos::run::{Outcome, run as suffer};
use crate::chaos::scene::Scene;
use crate::process::output_of;
use crate::world::World;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many faults.
    pub faults: u32,
    /// Seed of the faults.
    pub seed: u64,
    /// Where the collector keeps what it knows.
    pub store: StoreKind,
}

/// Set for the process that has mounts of its own.
const OWN_MOUNTS: &str = "VIGIE_CHAOS_OWN_MOUNTS";
const SCHOOLS: usize = 3;
const AGENTS_PER_SCHOOL: usize = 3;

/// Measures and prints; an error when something that must hold does not.
pub fn run(options: Options) -> Result<()> {
    own_mounts()?;
    let begun = Instant::now();
    let cast = Cast { store: options.store, schools: SCHOOLS, agents_per_school: AGENTS_PER_SCHOOL };
    let Options { faults, seed, store } = options;
    eprintln!("chaos: {faults} faults, seed {seed}, {}, {} agents", store.name(), cast.agents());
    let scene = Scene::set_up(World::new()?, cast)?;
    eprintln!("  all well after {:.1} s", begun.elapsed().as_secs_f32());
    let outcome = suffer(&scene, seed, faults)?;
    drop(scene);
    for word in &outcome.verdict.words {
        eprintln!("  {word}");
    }
    println!("{}", figures(options, &outcome, begun.elapsed().as_secs()));
    if !outcome.is_good() {
        bail!("something that must hold does not: see the figures and what was said above");
    }
    Ok(())
}

/// Small volumes are mounted for this: in mounts of our own, so that nothing is left behind whatever kills us. The
/// process starts itself once more in them.
fn own_mounts() -> Result<()> {
    if std::env::var_os(OWN_MOUNTS).is_none() {
        let own = std::env::current_exe()?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]).arg(own).args(std::env::args_os().skip(1));
        return Err(command.env(OWN_MOUNTS, "yes").exec()).context("unshare");
    }
    // What libfaketime leaves of a killed program stays in here.
    output_of(Command::new("mount").args(["-t", "tmpfs", "none", "/dev/shm"])).map(drop)
}

/// The figures of an outcome.
fn figures(options: Options, outcome: &Outcome, took_s: u64) -> Value {
    let (verdict, tally) = (&outcome.verdict, &outcome.tally);
    json!({
        "faults": outcome.by_kind.values().sum::<u32>(),
        "acknowledged": verdict.acknowledged,
        "lost": verdict.lost,
        "applied_twice": verdict.applied_twice,
        "tickets_twice": tally.twice + outcome.open_twice,
        "unrecovered": outcome.unrecovered,
        "max_recovery_s": tenths(outcome.max_recovery_s),
        "seed": options.seed,
        "store": options.store.name(),
        "durable": verdict.durable,
        "refused_by_full_disks": verdict.refused,
        "stored": verdict.stored,
        "declared_lost": verdict.declared_lost,
        "contradictions": verdict.contradictions,
        "tickets": tally.tickets,
        "outages": tally.outages,
        "outages_missed": tally.missed,
        "tickets_without_outage": tally.without_cause,
        "max_to_ticket_s": tenths(outcome.max_to_ticket_s),
        "ended_by_themselves": outcome.ended_by_themselves,
        "failures": outcome.failures.len(),
        "never_struck": outcome.never_struck,
        "took_s": took_s,
        "by_kind": outcome.by_kind,
    })
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
