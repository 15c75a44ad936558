//! The agent under test of `./dev measure chaos`: see `vigie_tests::chaos::agent`.

use clap::Parser;
use std::path::PathBuf;

/// Runs the agent's spool, caller and checks beside a producer of numbered events, until SIGTERM.
#[derive(Parser)]
struct Arguments {
    /// Folder of the agent's state; its journal is written beside it.
    #[arg(long)]
    state: PathBuf,
}

fn main() -> anyhow::Result<()> {
    vigie_tests::chaos::agent::run(&Arguments::parse().state)
}
