//! `machines`: a list of the fleet for the terminal.

use super::{Data, block_on, clock, print};
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
}

/// Prints one machine a line: id, name, school, status, last seen.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let fleet = block_on(async { Ok(options.data.open()?.fleet(clock().now()).await?) })?;
    print(format_args!("{:32}  {:24}  {:8}  {:11}  LAST SEEN", "MACHINE", "NAME", "SCHOOL", "STATUS"))?;
    for school in &fleet.schools {
        for machine in &school.machines {
            let seen = machine.last_seen.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
            // Names come from machines: nothing in them may move the cursor of a terminal.
            let name: String = machine.host_name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            print(format_args!("{}  {name:24}  {}  {:11}  {seen}", machine.id, school.uai, machine.status))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
