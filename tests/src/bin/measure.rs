//! `./dev measure NAME`: progress on standard error, one JSON line last on standard output.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use vigie_tests::chaos::plan::StoreKind;
use vigie_tests::load::stand::StoreChoice;
use vigie_tests::measure::{chaos, footprint, inventory_diff, load, outage, week, year};
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
    /// Our inventory beside FusionInventory's of this machine: what is missing, what differs.
    InventoryDiff {
        /// Do not install FusionInventory where it is missing (a Debian package).
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
    /// What the collector carries: a connect storm, steady heartbeats, an outage; beside the limits of this machine.
    Load(LoadArguments),
    /// Memory of the collector over a simulated week.
    Week {
        /// Simulated agents.
        #[arg(long, default_value_t = 100)]
        agents: usize,
        /// sqlite, postgres (a server of our own), or the postgres:// of an empty database.
        #[arg(long, default_value = "sqlite")]
        store: StoreChoice,
        /// Real minutes that the week takes.
        #[arg(long, default_value_t = 5)]
        minutes: u32,
        /// Seed of what is random; another one each time unless given.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// A generated school year with its truth, in a simulated world: false tickets, missed faults, wrong causes.
    Year(YearArguments),
}

#[derive(clap::Args)]
struct YearArguments {
    /// Seed of the year.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Schools.
    #[arg(long, default_value_t = 9)]
    schools: usize,
    /// Machines of all schools.
    #[arg(long, default_value_t = 150)]
    machines: usize,
    /// First day, in the school year 2026-2027.
    #[arg(long, default_value = "2026-09-01")]
    from: jiff::civil::Date,
    /// How many days; to the end of the school year unless given.
    #[arg(long)]
    days: Option<u32>,
    /// Nothing breaks: every ticket is false.
    #[arg(long)]
    faults_off: bool,
    /// Print what happened in the school with this UAI.
    #[arg(long)]
    trace: Option<String>,
}

#[derive(clap::Args)]
struct LoadArguments {
    /// Simulated agents.
    #[arg(long, default_value_t = 2000)]
    agents: usize,
    /// sqlite, postgres (a server of our own), or the postgres:// of an empty database.
    #[arg(long, default_value = "sqlite")]
    store: StoreChoice,
    /// Collectors on that database; more than one needs PostgreSQL.
    #[arg(long, default_value_t = 1)]
    replicas: usize,
    /// Seconds of each round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds of each kind; their medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Longest wait of an agent before another try, milliseconds; Retry-After is cut to it.
    #[arg(long, default_value_t = 2000)]
    retry_cap: u64,
    /// Seed of what is random; another one each time unless given.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The load stays on the loopback, the year in memory.
    if !matches!(arguments.what, What::Load(_) | What::Week { .. } | What::Year(_)) && world::skipped() {
        return ExitCode::FAILURE;
    }
    if let Err(error) = vigie_tests::wait::end_waits_on_signals() {
        eprintln!("measure: {error:#}");
    }
    let seed_or_new = |seed: Option<u64>| seed.unwrap_or_else(|| u64::from(std::process::id()));
    let result = match arguments.what {
        What::Chaos { faults, seed, store } => chaos::run(chaos::Options { faults, seed: seed_or_new(seed), store }),
        What::Footprint { no_install } => footprint::run(!no_install),
        What::InventoryDiff { no_install } => inventory_diff::run(!no_install),
        What::Outage { heartbeat, machines, seed } => {
            outage::run(outage::Options { heartbeat_s: heartbeat, machines, seed: seed_or_new(seed) })
        }
        What::Load(LoadArguments { agents, store, replicas, seconds, rounds, retry_cap, seed }) => {
            load::run(&load::Options {
                agents,
                store,
                replicas,
                seconds,
                rounds,
                outage: true,
                retry_cap_ms: retry_cap,
                seed: seed_or_new(seed),
            })
        }
        What::Week { agents, store, minutes, seed } => {
            week::run(&week::Options { agents, store, minutes, seed: seed_or_new(seed) })
        }
        What::Year(YearArguments { seed, schools, machines, from, days, faults_off, trace }) => {
            let rest = (vigie_tests::year::days::LAST - from).get_days() + 1;
            let days = days.unwrap_or(u32::try_from(rest).unwrap_or(1));
            let options = vigie_tests::year::Options { seed, schools, machines, from, days, faults: !faults_off };
            year::run(&options, trace.as_deref())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}
