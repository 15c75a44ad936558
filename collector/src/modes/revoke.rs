//! `revoke MACHINE`: its certificates are refused from now on.

use super::{BY, Data, block_on, clock, decider};
use std::process::ExitCode;
use vigie_shared::id::MachineId;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// The machine, as `machines` lists it.
    #[arg(value_name = "MACHINE")]
    machine: MachineId,
}

/// Revokes.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    block_on(async {
        let store = options.data.open()?;
        Ok(store.revoke(options.machine, BY, clock().now(), decider()?).await?)
    })?;
    eprintln!(
        "{} is revoked: its certificates are refused from now on; to come back it must enrol again",
        options.machine
    );
    Ok(ExitCode::SUCCESS)
}
