//! (being written) `user add`.

use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {}

/// Runs the verb.
pub fn run(_options: Options) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
