//! `./dev measure NAME`: progress on standard error, one JSON line last on standard output.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use vigie_tests::chaos::plan::StoreKind;
use vigie_tests::measure::{chaos, footprint, outage};
use vigie_tests::world;

/// Measures the programs built beside this one (`target/release`), on real networks made of namespaces. Needs root.
#[derive(Parser)]
#[command(name = "measure")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Random faults under a workload with known truth: nothing acknowledged is lost, nothing counts twice.
    Chaos {
        /// How many faults.
        #[arg(long, default_value_t = 300)]
        faults: u32,
        /// Seed of the faults; another one each time unless given.
        #[arg(long)]
        seed: Option<u64>,
        /// Where the collector keeps what it knows.
        #[arg(long, value_enum, default_value_t)]
        store: StoreKind,
    },
    /// Memory, processor time, size and bytes on the line of the agent, beside its neighbours.
    Footprint {
        /// Do not install missing neighbours (Debian packages); those are then null with a reason.
        #[arg(long)]
        no_install: bool,
    },
    /// A school line is cut and restored: times until the ticket and until it is resolved.
    Outage {
        /// Heartbeat, seconds.
        #[arg(long, default_value_t = 60)]
        heartbeat: u32,
        /// Machines of the school.
        #[arg(long, default_value_t = 5)]
        machines: usize,
        /// Seed of the phases and of the kind of cut; another one each time unless given.
        #[arg(long)]
        seed: Option<u64>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if world::skipped() {
        return ExitCode::FAILURE;
    }
    if let Err(error) = vigie_tests::wait::end_waits_on_signals() {
        eprintln!("measure: {error:#}");
    }
    let result = match arguments.what {
        What::Chaos { faults, seed, store } => {
            chaos::run(chaos::Options { faults, seed: seed.unwrap_or_else(|| u64::from(std::process::id())), store })
        }
        What::Footprint { no_install } => footprint::run(!no_install),
        What::Outage { heartbeat, machines, seed } => outage::run(outage::Options {
            heartbeat_s: heartbeat,
            machines,
            seed: seed.unwrap_or_else(|| u64::from(std::process::id())),
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}
