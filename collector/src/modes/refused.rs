//! `refused`: the calls that the collector itself failed on, to be looked at by whoever repairs it.

use super::{Data, block_on, print};
use anyhow::bail;
use std::process::ExitCode;
use vigie_shared::id::RefusedId;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// How many to list, the latest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Print what one of them sent (JSON, cut at 256 KiB).
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    show: Option<RefusedId>,
}

/// Lists them, one a line, or prints one.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    block_on(async {
        let store = options.data.open()?;
        if let Some(id) = options.show {
            let Some((_, body)) = store.refused_item(id).await? else {
                bail!("no call is kept under {id}: « vigie-collector refused » lists those that are");
            };
            return print(body);
        }
        let items = store.refused_items(options.last).await?;
        print(format_args!("{:20}  {:32}  {:32}  WHY", "RECEIVED", "ID", "MACHINE"))?;
        for item in items {
            let machine = item.machine.map(|machine| machine.to_string()).unwrap_or_default();
            // A reason may quote what was sent: nothing in it may move the cursor of a terminal.
            let why: String = item.why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            print(format_args!("{:20}  {}  {machine:32}  {why}", format!("{:.0}", item.at), item.id))?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}
