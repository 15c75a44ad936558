//! `software-policy show` and `software-policy set FILE.json`: rules for the software of the fleet.

use super::{BY, Data, block_on, clock, print};
use crate::fleet::rules::SoftwarePolicy;
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the rules in force, as JSON that `software-policy set` takes.
    Show {
        #[command(flatten)]
        data: Data,
    },
    /// Put rules in force.
    Set {
        #[command(flatten)]
        data: Data,
        /// The rules.
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
    },
}

/// Shows or sets.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.verb {
        Verb::Show { data } => {
            let policy = block_on(async { Ok(data.open()?.software_policy().await?) })?;
            print(serde_json::to_string_pretty(&policy)?)?;
        }
        Verb::Set { data, file } => {
            let name = file.display();
            let text = std::fs::read_to_string(&file).with_context(|| format!("{name} cannot be read"))?;
            let policy = read(&text).with_context(|| format!("{name}: the rules for software stay as they were"))?;
            let set = async { Ok(data.open()?.set_software_policy(policy, BY, clock().now()).await?) };
            eprintln!("software policy {} is in force", block_on(set)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(text: &str) -> anyhow::Result<SoftwarePolicy> {
    match SoftwarePolicy::read(text) {
        Ok(policy) => Ok(policy),
        Err(problems) => bail!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}
