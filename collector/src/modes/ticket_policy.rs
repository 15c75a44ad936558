//! `ticket-policy show` and `ticket-policy set FILE.json`: which incidents become tickets.

use super::{BY, Data, block_on, clock, print};
use crate::helpdesk::ticket_policy::TicketPolicy;
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
    /// Print the ticket policy in force, as JSON that `ticket-policy set` takes.
    Show {
        #[command(flatten)]
        data: Data,
    },
    /// Put a ticket policy in force. Tickets that are open keep the terms on which they were opened.
    Set {
        #[command(flatten)]
        data: Data,
        /// The policy.
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
    },
}

/// Shows or sets.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.verb {
        Verb::Show { data } => {
            let policy = block_on(async { Ok(data.open()?.ticket_policy().await?) })?;
            print(serde_json::to_string_pretty(policy.as_ref())?)?;
        }
        Verb::Set { data, file } => {
            let name = file.display();
            let text = std::fs::read_to_string(&file).with_context(|| format!("{name} cannot be read"))?;
            let policy = read(&text).with_context(|| format!("{name}: the ticket policy stays as it was"))?;
            let set = async { Ok(data.open()?.set_ticket_policy(policy, BY, clock().now()).await?) };
            eprintln!("ticket policy {} is in force for tickets that open from now on", block_on(set)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(text: &str) -> anyhow::Result<TicketPolicy> {
    match TicketPolicy::read(text) {
        Ok(policy) => Ok(policy),
        Err(problems) => bail!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}
