//! `vigie-agent run`: watch this machine and report, until stopped.

mod conduct;
mod goodbye;
mod heap;
#[cfg(test)]
mod tests;
mod watcher;

pub use conduct::{Signal, Watch, conduct};
pub use watcher::Watcher;

use crate::checks::internet::collector::LastAttempt;
use crate::clock::{Clock, SystemClock};
use crate::identity::{Identity, IdentityError};
use crate::settings::{STATE_FOLDER, StateFolder};
use crate::source::{Live, Source};
use crate::sync::address::CollectorAddress;
use crate::sync::caller::Caller;
use crate::sync::desk::Desk;
use crate::sync::inventory::Inventory;
use crate::sync::link::Link;
use crate::sync::tls::{ClockWindow, TlsError, agent_config};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use vigie_shared::event::Fact;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::BootId;

/// Exit code when only a person can help: no identity, or that of another machine (EX_CONFIG of sysexits.h).
pub const NEEDS_A_PERSON: u8 = 78;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the agent's state.
    #[arg(long, value_name = "DIR", default_value = STATE_FOLDER)]
    state: PathBuf,
    /// Report to this address instead of the one of the enrolment; its certificate must be of the same authority.
    #[arg(long, value_name = "URL")]
    collector: Option<CollectorAddress>,
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    start_log();
    heap::keep_small();
    let state = StateFolder::new(&options.state);
    let source: Arc<dyn Source> = Arc::new(Live);
    let hardware = crate::inventory::hardware_evidence(source.as_ref());
    let identity = match usable_identity(&state, &hardware) {
        Ok(identity) => identity,
        Err(error) => {
            tracing::error!("{error}");
            return Ok(ExitCode::from(NEEDS_A_PERSON));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_keep_alive(Duration::from_secs(1))
        .build()?;
    let ended = runtime.block_on(watch(options, state, source, hardware, identity));
    // A reading that hangs on a dead mount must not hold the process.
    runtime.shutdown_background();
    match ended {
        Err(error) if error.is::<TlsError>() => {
            tracing::error!("{error}");
            Ok(ExitCode::from(NEEDS_A_PERSON))
        }
        ended => ended.map(|()| ExitCode::SUCCESS),
    }
}

fn usable_identity(state: &StateFolder, hardware: &HardwareEvidence) -> Result<Identity, IdentityError> {
    let identity = Identity::load(state)?;
    identity.check_hardware(hardware, state)?;
    Ok(identity)
}

async fn watch(
    options: Options,
    state: StateFolder,
    source: Arc<dyn Source>,
    hardware: HardwareEvidence,
    identity: Identity,
) -> anyhow::Result<()> {
    let address = options.collector.unwrap_or_else(|| identity.collector.clone());
    tracing::info!(
        "vigie-agent {} watches this machine as {} of school {} and reports to {address}",
        env!("CARGO_PKG_VERSION"),
        identity.machine,
        identity.school
    );
    let Agent { desk, mut caller, mut watcher } = Agent::set_up(address, state, &source, hardware, identity)?;
    let signals = listen_to_signals()?;
    conduct(&desk, &mut caller, &mut watcher, signals, source.as_ref()).await;
    tracing::info!("stopped");
    Ok(())
}

/// What [`conduct()`] works with, set up from what this machine keeps.
pub struct Agent {
    /// Spool, policy and clocks; the start is spooled.
    pub desk: Desk,
    /// Speaks with the collector; not connected yet.
    pub caller: Caller,
    /// Makes the checks.
    pub watcher: Watcher,
}

impl Agent {
    /// Opens the spool in `state` and spools the start. Fails when the kept certificate or key cannot be used.
    pub fn set_up(
        address: CollectorAddress,
        state: StateFolder,
        source: &Arc<dyn Source>,
        hardware: HardwareEvidence,
        identity: Identity,
    ) -> Result<Self, TlsError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let window = Arc::new(ClockWindow::new(Arc::clone(&clock), state.load_time()));
        let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &window)?;
        // A folder made by hand may be open to others; one that cannot be changed is said by the spool.
        drop(state.make());
        let attempt = LastAttempt::default();
        let watched = address.host_and_port();
        let watcher = Watcher::new(Arc::clone(source), Arc::clone(&clock), watched, attempt.clone(), &state);
        let desk = Desk::new(state, clock, boot_id(source.as_ref()), identity.machine);
        if let Some(problem) = desk.spool.borrow().problem() {
            tracing::error!("{problem}");
        }
        desk.happened(Fact::Started { version: env!("CARGO_PKG_VERSION").to_owned(), hardware });
        let link = Link::new(address, config).telling(attempt);
        let inventory = Inventory::new(Arc::clone(source), crate::inventory::collect);
        Ok(Self { desk, caller: Caller::new(link, inventory, identity, window), watcher })
    }
}

/// The boot of this kernel; an invented one where the kernel does not tell.
fn boot_id(source: &dyn Source) -> BootId {
    source.text("/proc/sys/kernel/random/boot_id").ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// The signals of the system, as the agent understands them.
pub fn listen_to_signals() -> anyhow::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(8);
    let kinds = [
        (SignalKind::terminate(), Signal::Stop),
        (SignalKind::interrupt(), Signal::Stop),
        (SignalKind::user_defined1(), Signal::Suspend),
        (SignalKind::user_defined2(), Signal::Resume),
    ];
    for (kind, meaning) in kinds {
        let mut stream = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move { while stream.recv().await.is_some() && sender.send(meaning).await.is_ok() {} });
    }
    Ok(receiver)
}

/// Events of this process go to standard error; with the variable `VIGIE_DEBUG` in all detail.
pub fn start_log() {
    let level = if std::env::var_os("VIGIE_DEBUG").is_some() { tracing::Level::DEBUG } else { tracing::Level::INFO };
    // A second start in one process (tests) keeps the first log.
    drop(
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_ansi(false)
            .try_init(),
    );
}
