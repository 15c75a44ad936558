//! `network add`: an address range of a school. Machines that enrol from it are expected there.

use super::{Data, block_on};
use crate::store::NewNetwork;
use ipnet::IpNet;
use std::process::ExitCode;
use vigie_shared::uai::Uai;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Add an address range to a school.
    Add {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Uai,
        /// Which of its networks.
        #[arg(long, value_parser = ["pedagogical", "administrative"])]
        kind: String,
        /// The range, as the collector sees addresses of that network.
        #[arg(long, value_name = "CIDR")]
        cidr: IpNet,
    },
}

/// Adds.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Verb::Add { data, school, kind, cidr } = options.verb;
    let cidr = cidr.trunc();
    block_on(async {
        let store = data.open()?;
        Ok(store.add_network(NewNetwork { school, kind: kind.clone(), cidr }).await?)
    })?;
    eprintln!("{cidr} is now the {kind} network of {school}: machines that enrol from there need no approval");
    Ok(ExitCode::SUCCESS)
}
