//! `vigie-agent enrol`: bring this machine into the fleet with a token.

use crate::clock::SystemClock;
use crate::identity::Identity;
use crate::identity::enrolment::{Candidate, EnrolmentError, enrol};
use crate::settings::{STATE_FOLDER, StateFolder};
use crate::source::{Live, Source};
use crate::sync::address::CollectorAddress;
use crate::sync::link::CallError;
use crate::sync::tls::ClockWindow;
use anyhow::Context;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use vigie_shared::token::EnrolmentToken;

/// Most bytes read from a token file.
const TOKEN_FILE_MAX: u64 = 4096;

/// Arguments.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("credential").required(true).args(["token", "token_file"])))]
pub struct Options {
    /// Address of the collector: https://host or https://host:port.
    #[arg(long, value_name = "URL")]
    collector: CollectorAddress,
    /// The token. Other users of this machine may see a command line: prefer --token-file.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// File that holds the token, readable by its owner alone; « - » reads the standard input.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Enrol even though this machine has an identity; the old one is replaced once the new one is there.
    #[arg(long)]
    again: bool,
    /// Folder of the agent's state.
    #[arg(long, value_name = "DIR", default_value = STATE_FOLDER)]
    state: PathBuf,
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let state = StateFolder::new(&options.state);
    if state.identity().exists() && !options.again {
        let who = Identity::load(&state)
            .map_or_else(|e| e.to_string(), |i| format!("machine {} of school {}", i.machine, i.school));
        anyhow::bail!("this machine has an identity already ({who}); nothing was done. To replace it, add --again");
    }
    let token: EnrolmentToken = read_token(&options)?.parse()?;
    let source = Live;
    let candidate = Candidate {
        collector: options.collector.clone(),
        token,
        host_name: source.text("/proc/sys/kernel/hostname").map(|n| n.trim().to_owned()).unwrap_or_default(),
        machine_kind: crate::inventory::machine_kind(&source).map(ToOwned::to_owned),
        hardware: crate::inventory::hardware_evidence(&source),
    };
    let window = Arc::new(ClockWindow::new(Arc::new(SystemClock), state.load_time()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(enrol(candidate, &state, &window)) {
        Ok(identity) => {
            report(&identity);
            Ok(ExitCode::SUCCESS)
        }
        Err(EnrolmentError::Call { error: error @ CallError::Broken(_) }) => Err(error)
            .context("the answer got lost. Run the same command again: the key is kept, so this machine counts once"),
        Err(error) => Err(error).context(format!("not enrolled at {}", options.collector)),
    }
}

fn report(identity: &Identity) {
    println!("enrolled: machine {} of school {} at {}", identity.machine, identity.school, identity.collector);
    if identity.quarantined {
        println!(
            "awaiting approval: a person must approve this machine on the collector's pages; it reports meanwhile"
        );
    }
    println!("next: start the agent (« vigie-agent run », or its service)");
}

fn read_token(options: &Options) -> anyhow::Result<String> {
    let Some(path) = &options.token_file else { return Ok(options.token.clone().unwrap_or_default()) };
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(TOKEN_FILE_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(TOKEN_FILE_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("the token file {} cannot be read", path.display()))?;
    Ok(text)
}
