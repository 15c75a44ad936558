//! `serve`: the collector itself, until SIGTERM or Ctrl-C.

use super::{Data, clock, decider};
use crate::authority::Authority;
use crate::clock::Clock;
use crate::ingest::api::Api;
use crate::ingest::balancer::Balancers;
use crate::ingest::life::Life;
use crate::ingest::listener::{Bounds, Gate, Serves};
use crate::ingest::queue::{Queue, QueueBounds};
use crate::ingest::reconciler::{self, InDoubt};
use crate::ingest::ticker;
use crate::ingest::tls::{Tls, WebCertificate};
use crate::ingest::watermark::Watermark;
use crate::notify;
use crate::probe;
use crate::store::ReplicaState;
use crate::web;
use anyhow::{Context, bail};
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use serde::Serialize;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long calls in flight are waited for at the end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two renewals of the doors' certificates.
const RENEW_EVERY: Duration = Duration::from_secs(86_400);

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// Address for all three doors: machines, enrolment, web. Port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", required_unless_present_any = ["agent_listen", "web_listen"])]
    listen: Option<SocketAddr>,
    /// Another address for machines and enrolment only.
    #[arg(long, value_name = "IP:PORT")]
    agent_listen: Option<SocketAddr>,
    /// Another address for the web only.
    #[arg(long, value_name = "IP:PORT")]
    web_listen: Option<SocketAddr>,
    /// Address for the web without TLS: of the loopback only.
    #[arg(long, value_name = "IP:PORT")]
    plain_listen: Option<SocketAddr>,
    /// Name or address by which agents and browsers call this collector; may be given several times.
    #[arg(long = "name", value_name = "HOST", required = true)]
    names: Vec<String>,
    /// Certificate chain (PEM) for the web; without it the collector's own authority signs one.
    #[arg(long, value_name = "FILE", requires = "web_key")]
    web_cert: Option<PathBuf>,
    /// Key (PEM) of that certificate.
    #[arg(long, value_name = "FILE", requires = "web_cert")]
    web_key: Option<PathBuf>,
    /// Balancer (address or network) that says by the PROXY protocol, version 2, for whom it opens a connection; may be
    /// given several times. Others are not believed.
    #[arg(long = "balancer", value_name = "IP[/LEN]", value_parser = network)]
    balancers: Vec<IpNet>,
    /// File written with the addresses taken, as JSON, once everything listens.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// What the ready file says; absent what is not listened on.
#[derive(Debug, Default, Serialize)]
struct Ready {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<SocketAddr>,
}

/// Serves.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    if let Some(plain) = options.plain_listen
        && !plain.ip().to_canonical().is_loopback()
    {
        bail!("--plain-listen {plain}: without TLS only an address of the loopback is served, such as 127.0.0.1:8080");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(options: Options) -> anyhow::Result<()> {
    let names = options.names.iter().map(|name| server_name(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let store = options.data.open_checked()?;
    let _lock = lock(&options.data.data)?;
    let (clock, decider) = (clock(), decider()?);
    let authority = Arc::new(Authority::open_or_create(store.as_ref(), &options.data.data, clock.now()).await?);
    let web_certificate = match (&options.web_cert, &options.web_key) {
        (Some(chain), Some(key)) => WebCertificate::Files { chain: chain.clone(), key: key.clone() },
        _ => WebCertificate::Own,
    };
    let tls = Arc::new(Tls::new(&authority, names, web_certificate, clock.now())?);

    // Sockets first: what cannot listen must not say that it is back.
    let (sockets, ready) = listen(&options).await?;
    let watermark = Watermark::new(clock.clone());
    let name = name_of(&options.data.data);
    let life = Arc::new(Life::new(store.clone(), clock.clone(), watermark.clone(), name));
    life.say(ReplicaState::Starting).await?;

    let (stop, stopping) = watch::channel(false);
    let (queue, emptying) = Queue::start(store.clone(), decider.clone(), QueueBounds::default());
    let api = Api::new(store.clone(), clock.clone(), authority.clone(), queue.clone(), watermark.clone());
    let in_doubt = InDoubt::default();
    let context = |secure_cookies| web::Context {
        store: store.clone(),
        clock: clock.clone(),
        decider: decider.clone(),
        in_doubt: in_doubt.clone(),
        secure_cookies,
    };
    let (web, plain) = (web::router(context(true)), web::router(context(false)));
    let bounds = Bounds::of_this_process();
    let gate = Gate::new(tls.clone(), api, web, plain, bounds, Balancers(options.balancers.clone()), stopping.clone());
    let mut tasks: Vec<_> =
        sockets.into_iter().map(|(socket, serves)| tokio::spawn(gate.clone().accept(socket, serves))).collect();
    let (replica, upto) = (life.replica(), life.upto());
    let prober = probe::run(store.clone(), queue.clone(), clock.clone(), replica, stopping.clone());
    tasks.push(tokio::spawn(prober));
    tasks.push(tokio::spawn(ticker::tick(store.clone(), queue, clock.clone(), replica, upto, stopping.clone())));
    let reconciling =
        reconciler::run(store.clone(), clock.clone(), decider.clone(), life.upto(), in_doubt.clone(), stopping.clone());
    tasks.push(tokio::spawn(reconciling));
    tasks.push(tokio::spawn(ticker::upkeep(store.clone(), clock.clone(), stopping.clone())));
    let channels = notify::channels();
    tasks.push(tokio::spawn(notify::run(store.clone(), clock.clone(), replica, channels, stopping)));
    let living = tokio::spawn({
        let life = life.clone();
        async move { life.keep().await }
    });
    let renewing = tokio::spawn(renew(tls, authority, clock.clone()));
    if let Some(file) = &options.ready_file {
        write_whole(file, &serde_json::to_vec(&ready)?)
            .with_context(|| format!("the ready file {} cannot be written", file.display()))?;
    }
    tracing::info!(ready = %serde_json::to_string(&ready)?, agents_at_most = bounds.agents, "the collector listens");

    let signal = signalled().await?;
    tracing::info!(signal, "stopping: calls in flight are answered first");
    let _ = stop.send(true);
    renewing.abort();
    for task in tasks {
        let _ = task.await;
    }
    gate.finish(PATIENCE).await;
    drop(gate);
    if tokio::time::timeout(PATIENCE, emptying).await.is_err() {
        tracing::warn!("some calls were still being written at the end; agents send them again");
    }
    // Until here others waited for what we had still to apply.
    living.abort();
    let _ = living.await;
    if let Err(error) = life.say(ReplicaState::Leaving).await {
        tracing::warn!(%error, "the end could not be written: other collectors notice it in 15 seconds");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Takes all sockets.
async fn listen(options: &Options) -> anyhow::Result<(Vec<(TcpListener, Serves)>, Ready)> {
    let mut sockets = Vec::new();
    let mut ready = Ready::default();
    for (address, serves) in [
        (options.listen, Serves::All),
        (options.agent_listen, Serves::Machines),
        (options.web_listen, Serves::Web),
        (options.plain_listen, Serves::PlainWeb),
    ] {
        let Some(address) = address else { continue };
        let socket = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))?;
        let taken = Some(socket.local_addr()?);
        match serves {
            Serves::All => ready.listen = taken,
            Serves::Machines => ready.agent = taken,
            Serves::Web => ready.web = taken,
            Serves::PlainWeb => ready.plain = taken,
        }
        sockets.push((socket, serves));
    }
    Ok((sockets, ready))
}

/// Host and data folder: what tells collectors apart, and a restart from another collector.
fn name_of(data: &Path) -> String {
    let host =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|file| std::fs::read_to_string(file).ok());
    let host = host.or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_default();
    let folder = std::fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    format!("{}:{}", host.trim(), folder.display())
}

/// An address or a network.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "an address or a network is wanted, such as 192.0.2.10 or 192.0.2.0/28".to_owned())
}

fn server_name(name: &str) -> anyhow::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| anyhow::anyhow!("--name {name}: neither a host name nor an address; give it without port"))
}

/// Only one collector may serve a data folder: two would tick the same schools.
pub(super) fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("serve.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("the lock {} cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another collector already serves {}: stop it first, or give --data another folder", data.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("the lock {} cannot be taken", path.display()))
        }
    }
}

/// Fresh certificates for the doors every day; a failure keeps the old ones.
async fn renew(tls: Arc<Tls>, authority: Arc<Authority>, clock: Arc<dyn Clock>) {
    let mut daily = tokio::time::interval(RENEW_EVERY);
    daily.tick().await;
    loop {
        daily.tick().await;
        match tls.renew(&authority, clock.now()) {
            Ok(()) => tracing::info!("the doors show new certificates"),
            Err(error) => tracing::error!(%error, "a door keeps its old certificate; trying again tomorrow"),
        }
    }
}

/// The file appears whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    File::create(&draft)?.write_all(bytes)?;
    std::fs::rename(&draft, path)
}

#[cfg(unix)]
async fn signalled() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

#[cfg(not(unix))]
async fn signalled() -> std::io::Result<&'static str> {
    tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
}
