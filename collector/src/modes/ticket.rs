//! `ticket open`: somebody called about a school.

use super::{Data, block_on, clock, decider, print};
use crate::store::NewCall;
use anyhow::bail;
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
    /// Open a ticket for a call, or join the call to the open ticket about the same.
    Open {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Uai,
        /// What it is about: a check that the ticket policy names, such as internet, or other.
        #[arg(long)]
        subject: String,
        /// What was said.
        #[arg(long)]
        text: String,
        /// Who took the call.
        #[arg(long, value_name = "LOGIN")]
        by: String,
    },
}

/// Takes the call.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Verb::Open { data, school, subject, text, by } = options.verb;
    let called = block_on(async {
        let store = data.open()?;
        if store.user(&by).await?.is_none() {
            bail!("« {by} » is no user: vigie-collector user add makes one");
        }
        let call = NewCall { school, subject, text, by };
        Ok(store.call(call, clock().now(), decider()?).await?)
    })?;
    if let Some((reason, to)) = &called.maintenance {
        eprintln!("planned maintenance until {to}: {reason}");
    }
    let what = if called.joined { "was open already: the call joined it" } else { "is open" };
    print(format!("ticket {} {what}", called.number))?;
    Ok(ExitCode::SUCCESS)
}
