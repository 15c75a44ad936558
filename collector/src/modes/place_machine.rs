//! `place MACHINE --room ROOM --network KIND`: where a machine stands. A part of the school that falls silent is recognised
//! by its rooms, and a network that fails by its machines.

use super::{Data, block_on, clock};
use crate::engine::NetworkKind;
use std::process::ExitCode;
use vigie_shared::id::MachineId;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// The machine, as `machines` lists it.
    machine: MachineId,
    /// Its room, such as « Salle 12 »; left out: not known.
    #[arg(long, default_value = "")]
    room: String,
    /// Its network, `pedagogical` or `administrative`; left out: as its address tells.
    #[arg(long, value_parser = network)]
    network: Option<NetworkKind>,
}

fn network(word: &str) -> Result<NetworkKind, String> {
    NetworkKind::parse(word).ok_or_else(|| "pedagogical or administrative is wanted".to_owned())
}

/// Keeps it.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Options { data, machine, room, network } = options;
    block_on(async { Ok(data.open()?.place(machine, &room, network, clock().now()).await?) })?;
    Ok(ExitCode::SUCCESS)
}
