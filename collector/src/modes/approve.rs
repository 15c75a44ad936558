//! `approve (MACHINE | --all)`: machines that wait in quarantine are let in.

use super::{BY, Data, block_on, clock, decider, print};
use crate::store::Which;
use std::process::ExitCode;
use vigie_shared::id::MachineId;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    which: Wanted,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Wanted {
    /// The machine, as `machines` lists it.
    #[arg(value_name = "MACHINE")]
    machine: Option<MachineId>,
    /// All that wait.
    #[arg(long)]
    all: bool,
}

/// Prints the machines that were approved, one a line.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let which = options.which.machine.map_or(Which::All, Which::One);
    let approved = block_on(async {
        let store = options.data.open()?;
        Ok(store.approve(which, BY, clock().now(), decider()?).await?)
    })?;
    for machine in &approved {
        print(machine)?;
    }
    eprintln!("{} approved", count(approved.len()));
    Ok(ExitCode::SUCCESS)
}

fn count(machines: usize) -> String {
    if machines == 1 { "1 machine".to_owned() } else { format!("{machines} machines") }
}
