//! `line`: the internet accesses of schools, and whether the collector pings their routers.

use super::{Data, block_on, clock, print};
use crate::engine::NetworkKind;
use crate::store::{LineSummary, NewLine, Probe};
use std::net::IpAddr;
use std::process::ExitCode;
use vigie_shared::id::LineId;
use vigie_shared::uai::Uai;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Add an internet access to a school; the same address again changes what is known of it.
    Add {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Uai,
        /// Whose line it is.
        #[arg(long, value_name = "NAME")]
        operator: String,
        /// What the operator calls it: said on the phone.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reference: String,
        /// Its public address, from which the calls of its machines come.
        #[arg(long, value_name = "IP")]
        address: IpAddr,
        /// The networks that leave by it: pedagogical, administrative, or both with a comma between.
        #[arg(long, value_name = "NETWORKS", value_delimiter = ',', value_parser = kind,
              default_value = "pedagogical,administrative")]
        carries: Vec<NetworkKind>,
        /// It is a back-up: used when another line is down.
        #[arg(long)]
        backup: bool,
        /// Ping the router at that address from here, or do not. Ask whose it is first.
        #[arg(long, value_name = "ping|none", value_parser = probe, default_value = "none")]
        probe: Probe,
    },
    /// List the lines of one school, or of all.
    List {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Option<Uai>,
    },
    /// Remove a line.
    Remove {
        #[command(flatten)]
        data: Data,
        /// Which: the identifier that the list shows.
        line: LineId,
    },
}

/// Adds, lists or removes.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.verb {
        Verb::Add { data, school, operator, reference, address, carries, backup, probe } => {
            let carries = carries.into_iter().collect();
            let line = NewLine { school, operator, reference, address, carries, backup, probe };
            let id = block_on(async { Ok(data.open()?.add_line(line, clock().now()).await?) })?;
            let how = match probe {
                Probe::Ping => "its router is pinged every minute while a collector serves",
                Probe::None => "its router is not pinged",
            };
            eprintln!("{address} is a line of {school}; {how}");
            print(id)?;
        }
        Verb::List { data, school } => {
            let lines = block_on(async { Ok(data.open()?.lines(school).await?) })?;
            print(format_args!(
                "{:32}  {:8}  {:20}  {:15}  {:26}  {:6}  {:5}  STATE",
                "LINE", "SCHOOL", "OPERATOR", "ADDRESS", "CARRIES", "BACKUP", "PROBE"
            ))?;
            lines.iter().try_for_each(|line| print(told(line)))?;
        }
        Verb::Remove { data, line } => {
            block_on(async { Ok(data.open()?.remove_line(line, clock().now()).await?) })?;
            eprintln!("line {line} is removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn kind(word: &str) -> Result<NetworkKind, String> {
    NetworkKind::parse(word).ok_or_else(|| "pedagogical or administrative is wanted".to_owned())
}

fn probe(word: &str) -> Result<Probe, String> {
    Probe::parse(word).ok_or_else(|| "ping or none is wanted".to_owned())
}

fn told(line: &LineSummary) -> String {
    let carries: Vec<_> = line.carries.iter().map(|kind| kind.as_str()).collect();
    let state = match line.state {
        None => String::new(),
        Some(state) if state.answers => format!("answers since {:.0}", state.since),
        Some(state) if !state.ever_answered => "never answered".to_owned(),
        Some(state) if state.ours => format!("silent since {:.0}, perhaps our own line", state.since),
        Some(state) => format!("silent since {:.0}", state.since),
    };
    // Words were typed by somebody: nothing in them may move the cursor of a terminal.
    let operator: String = line.operator.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let backup = if line.backup { "yes" } else { "no" };
    let row = format!(
        "{}  {}  {operator:20}  {:15}  {:26}  {backup:6}  {:5}  {state}",
        line.id,
        line.school,
        line.address.to_string(),
        carries.join(","),
        line.probe.as_str()
    );
    row.trim_end().to_owned()
}
