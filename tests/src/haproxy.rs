//! A real balancer in front of several collectors: Debian's HAProxy in TCP mode, so that agents' TLS ends in a collector.
//!
//! What an administrator would write is written here: every collector is asked `GET /healthz` on its web door; the
//! connections to one that does not answer well are closed, so that agents come back through the balancer; a connection
//! may be idle for as long as the collectors allow, three times the largest heartbeat; it says for whom it opens a connection.

use crate::netns::Namespace;
use crate::process::Running;
use crate::wait::wait_for;
use crate::world::required;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use vigie_shared::policy::HEARTBEAT_MAX_S;

const PROGRAM: &str = "/usr/sbin/haproxy";
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks at a collector; two in a row decide.
const CHECK_EVERY_MS: u32 = 500;

/// A running balancer.
pub struct Balancer {
    address: SocketAddr,
    running: Option<Running>,
    folder: TempDir,
}

/// What the balancer thinks of one collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether connections are sent there.
    pub up: bool,
    /// Connections open now.
    pub connections: u64,
    /// Connections since the start.
    pub total: u64,
}

/// Whether there is no HAProxy here; told on standard error. A failure where nothing may be skipped.
pub fn skipped() -> bool {
    if Path::new(PROGRAM).is_file() {
        return false;
    }
    assert!(!required(), "the Debian package haproxy is required and not installed");
    eprintln!("skipped: needs the Debian package haproxy");
    true
}

impl Balancer {
    /// Starts a balancer on `address` in `namespace`, otherwise on this host, in front of named collectors. The port is
    /// free now; where somebody takes it in the meantime, another is tried.
    pub fn start(namespace: Option<&Namespace>, address: IpAddr, collectors: &[(&str, SocketAddr)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("vigie-haproxy-").tempdir()?;
        let file = folder.path().join("haproxy.cfg");
        for _ in 0..10 {
            let port = free_port(namespace, address)?;
            let address = SocketAddr::new(address, port);
            std::fs::write(&file, configuration(address, folder.path(), collectors))?;
            let mut command = namespace.map_or_else(|| Command::new(PROGRAM), |namespace| namespace.command(PROGRAM));
            command.args(["-db", "-f"]).arg(&file);
            let mut running = Running::start("balancer", command, &folder.path().join("log"))?;
            let socket = folder.path().join("admin");
            let answers = wait_for("the balancer", PATIENCE, || {
                if !running.is_running() {
                    return Some(false);
                }
                ask(&socket, "show info").is_ok().then_some(true)
            })?;
            if answers {
                return Ok(Self { address, running: Some(running), folder });
            }
            if !running.log().contains("cannot bind") {
                bail!("the balancer ended at once:\n{}", running.log());
            }
        }
        bail!("no free port for the balancer on {address}")
    }

    /// Where agents and browsers call it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://…`, as agents are told.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    /// What it thinks of a collector.
    pub fn health(&self, name: &str) -> Result<Health> {
        let text = ask(&self.socket(), "show stat")?;
        parse_health(&text, name).with_context(|| format!("no collector {name} in:\n{text}"))
    }

    /// Waits until it sends connections to a collector, or no longer does.
    pub fn wait_up(&self, name: &str, up: bool) -> Result<()> {
        let what = format!("the balancer to find {name} {}", if up { "well" } else { "unwell" });
        wait_for(&what, PATIENCE, || (self.health(name).ok()?.up == up).then_some(()))
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin")
    }
}

fn configuration(address: SocketAddr, folder: &Path, collectors: &[(&str, SocketAddr)]) -> String {
    let idle_s = 3 * HEARTBEAT_MAX_S;
    let mut text = format!(
        "global
    stats socket {socket} mode 600 level admin
    log stderr format raw daemon info
defaults
    mode tcp
    log global
    timeout connect 3s
    timeout check 2s
    timeout client {idle_s}s
    timeout server {idle_s}s
    # A collector that refuses a connection is not asked again for this one.
    retries 2
    option redispatch 1
listen vigie
    bind {address}
    balance leastconn
    option httpchk GET /healthz
    http-check expect status 200
    default-server check check-ssl verify none check-alpn http/1.1 inter {CHECK_EVERY_MS}ms fall 2 rise 2
    default-server on-marked-down shutdown-sessions
",
        socket = folder.join("admin").display(),
    );
    for (name, collector) in collectors {
        text.push_str(&format!("    server {name} {collector} send-proxy-v2\n"));
    }
    text
}

/// One question on the administration socket.
fn ask(socket: &Path, question: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// One server in the CSV of « show stat », whose first line names the columns.
fn parse_health(text: &str, name: &str) -> Option<Health> {
    let mut lines = text.trim_start_matches("# ").lines();
    let columns: Vec<&str> = lines.next()?.split(',').collect();
    let cells: Vec<&str> =
        lines.map(|line| line.split(',').collect::<Vec<_>>()).find(|cells| cells.get(1) == Some(&name))?;
    let cell = |column: &str| cells.get(columns.iter().position(|known| *known == column)?).copied();
    Some(Health {
        up: cell("status")?.starts_with("UP"),
        connections: cell("scur")?.parse().ok()?,
        total: cell("stot")?.parse().ok()?,
    })
}

/// A port that nobody listens on now, looked for where the balancer will be.
fn free_port(namespace: Option<&Namespace>, address: IpAddr) -> Result<u16> {
    let look = move || TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr());
    let found = match namespace {
        None => look(),
        Some(namespace) => {
            namespace.thread(look)?.join().map_err(|_| anyhow::anyhow!("the look for a port panicked"))?
        }
    };
    Ok(found.with_context(|| format!("a free port of {address}"))?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_health_of_one_collector_is_read_by_the_names_of_the_columns() {
        let text = "# pxname,svname,qcur,scur,stot,status,\n\
                    vigie,FRONTEND,,3,9,OPEN,\nvigie,replica-1,0,2,7,UP,\nvigie,replica-2,0,0,2,DOWN,\n";

        assert_eq!(parse_health(text, "replica-1"), Some(Health { up: true, connections: 2, total: 7 }));
        assert_eq!(parse_health(text, "replica-2").map(|health| health.up), Some(false));
        assert_eq!(parse_health(text, "replica-3"), None);
    }
}
