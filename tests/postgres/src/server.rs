//! One server: its folder, its process, its address.

use crate::guard::Guard;
use crate::install::Install;
use crate::template::{self, SUPERUSER, random, random_word, run};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// For starting, recovery after a hard stop included.
const START: Duration = Duration::from_secs(60);
/// For an orderly end.
const STOP: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(5);
/// Ports tried before giving up.
const TRIES: usize = 20;
/// Below the ports that Linux gives to outgoing connections (32,768 and up), so that a port is still free when a server
/// that was stopped comes back to it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// What a commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It survives the end of the server, hard or not, but not a power cut of this machine: nothing waits for the disk.
    #[default]
    Fast,
    /// As PostgreSQL is delivered: it survives a power cut too. For chaos and measurements.
    Real,
}

/// What a server shows over TLS, PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Its certificate.
    pub certificate: String,
    /// The key of that certificate, PKCS #8.
    pub key: String,
}

/// How a server differs from the plain one of [`Postgres::start`].
#[derive(Debug, Clone)]
pub struct Options {
    /// What a commit is worth.
    pub durability: Durability,
    /// The one address it listens on.
    pub listen: IpAddr,
    /// The network namespace it listens in, such as `/run/netns/NAME`; otherwise that of this process.
    pub network: Option<PathBuf>,
    /// With these it also speaks TLS.
    pub tls: Option<Tls>,
    /// More settings of postgresql.conf.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Fast,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            network: None,
            tls: None,
            settings: Vec::new(),
        }
    }
}

/// A server of one's own. Ended and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    install: Install,
    options: Options,
    folder: PathBuf,
    password: String,
    port: u16,
    server: Option<Child>,
    guard: Guard,
}

impl Postgres {
    /// Starts a server on 127.0.0.1 whose commits wait for no disk.
    pub fn start() -> Result<Self> {
        Self::start_with(Options::default())
    }

    /// Starts a server that is different.
    pub fn start_with(options: Options) -> Result<Self> {
        let install = Install::find()?;
        let word = random_word()?;
        let folder = template::parent_folder().join(format!("vigie-pg-{}", word.get(..12).unwrap_or(&word)));
        let guard = Guard::over(&folder, &folder.join("data"))?;
        make_folder(&install, &folder)?;
        let password = template::copy(&install, &folder.join("data"))?;
        if let Some(tls) = &options.tls {
            keep(&install, &folder.join("data/server.crt"), &tls.certificate)?;
            keep(&install, &folder.join("data/server.key"), &tls.key)?;
        }
        let mut made = Self { install, options, folder, password, port: 0, server: None, guard };
        for _ in 0..TRIES {
            made.port = free_port(made.options.listen, made.options.network.is_none())?;
            if made.launch()? {
                return Ok(made);
            }
        }
        bail!("{TRIES} ports of {} were all taken", made.options.listen)
    }

    /// `postgres://…` of the first database, as superuser.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// `postgres://…` of one of its databases, as superuser.
    pub fn url_of(&self, database: &str) -> String {
        let address = self.address();
        format!("postgres://{SUPERUSER}:{}@{address}/{database}", self.password)
    }

    /// `postgres://…` of one of its databases through its Unix socket: leads there from every network namespace.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{SUPERUSER}:{}@{folder}:{}/{database}", self.password, self.port)
    }

    /// Where it listens. The same for its whole life.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.options.listen, self.port)
    }

    /// Password of the superuser `vigie`.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Makes an empty database; its URL.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.psql(&format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")))?;
        Ok(self.url_of(name))
    }

    /// Runs SQL in the first database; the rows as `psql -At` prints them, columns parted by `|`.
    pub fn psql(&self, sql: &str) -> Result<String> {
        self.psql_in("postgres", sql)
    }

    /// Runs SQL in one of its databases.
    pub fn psql_in(&self, database: &str, sql: &str) -> Result<String> {
        let mut command = Command::new(self.install.program("psql"));
        command.env_clear().env("PGPASSWORD", &self.password).env("PGCONNECT_TIMEOUT", "10").env("LC_ALL", "C.UTF-8");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", database, "-c", sql]);
        command.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
        Ok(run(&mut command)?.trim_end_matches('\n').to_owned())
    }

    /// Ends it in an order: sessions are cut, everything is written. It can be started again.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::INT)
    }

    /// Ends it at once, as a crash: sessions are cut in mid-sentence, the next start recovers from the log.
    pub fn stop_hard(&mut self) -> Result<()> {
        self.end(Signal::QUIT)
    }

    /// Starts it again on the same folder and port after a stop.
    pub fn start_again(&mut self) -> Result<()> {
        if self.is_running() {
            bail!("the server already runs");
        }
        let begun = Instant::now();
        while !self.launch()? {
            if begun.elapsed() >= START {
                bail!("somebody else took {} while the server was away", self.address());
            }
        }
        Ok(())
    }

    /// Number of its first process; `None` when it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| matches!(server.try_wait(), Ok(None)))
    }

    /// Its folder, which goes with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Starts the process and waits until it answers; false when the port is taken.
    fn launch(&mut self) -> Result<bool> {
        let already = self.log().len();
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let data = self.folder.join("data");
        let mut command = self.command();
        command.current_dir(&data).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let mut server = command.spawn().context("the server could not be started")?;
        let begun = Instant::now();
        loop {
            if is_ready(&data, server.id()) {
                self.server = Some(server);
                return Ok(true);
            }
            if let Some(status) = server.try_wait()? {
                let log = self.log();
                let said = log.get(already..).unwrap_or_default();
                if said.contains("Address already in use") {
                    return Ok(false);
                }
                bail!("the server ended with {status} while starting: {said}");
            }
            if begun.elapsed() >= START {
                self.server = Some(server);
                bail!("the server was not ready after {} s: {}", START.as_secs(), self.log());
            }
            std::thread::sleep(STEP);
        }
    }

    fn command(&self) -> Command {
        let server = self.install.command("postgres");
        let mut command = match &self.options.network {
            None => server,
            Some(namespace) => {
                let mut command = Command::new("nsenter");
                let mut chosen = std::ffi::OsString::from("--net=");
                chosen.push(namespace);
                command.arg(chosen).arg("--").arg(server.get_program()).args(server.get_args());
                command
            }
        };
        command.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        command.args(["-p", &self.port.to_string(), "-h", &self.options.listen.to_string()]);
        for (name, value) in SETTINGS.iter().chain(of(self.options.durability)) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        if self.options.tls.is_some() {
            command.args(["-c", "ssl=on"]);
        }
        for (name, value) in &self.options.settings {
            command.args(["-c", &format!("{name}={value}")]);
        }
        command
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let mut server = self.server.take().context("the server is stopped already")?;
        let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw).context("no such process number")?;
        // An error here is a server that has ended by itself.
        let _ = kill_process(pid, signal);
        let begun = Instant::now();
        while server.try_wait()?.is_none() {
            if begun.elapsed() >= STOP {
                self.server = Some(server);
                bail!("the server did not end within {} s: {}", STOP.as_secs(), self.log());
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- end of the log of PostgreSQL ---");
            lines.iter().skip(lines.len().saturating_sub(20)).for_each(|line| eprintln!("{line}"));
        }
        self.guard.end();
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

/// Everything stays in the folder (no shared memory with a name), and little of everything is enough.
const SETTINGS: [(&str, &str); 6] = [
    ("cluster_name", "vigie-test"),
    ("dynamic_shared_memory_type", "mmap"),
    ("max_connections", "100"),
    ("log_line_prefix", "%m %d %p "),
    ("log_timezone", "UTC"),
    ("timezone", "UTC"),
];

/// `synchronous_commit` stays on in both: without it a hard stop would forget commits that were answered.
fn of(durability: Durability) -> &'static [(&'static str, &'static str)] {
    match durability {
        Durability::Fast => &[("fsync", "off"), ("full_page_writes", "off"), ("shared_buffers", "16MB")],
        Durability::Real => &[("fsync", "on"), ("full_page_writes", "on"), ("shared_buffers", "128MB")],
    }
}

fn make_folder(install: &Install, folder: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(folder).with_context(|| folder.display().to_string())?;
    install.give(folder)
}

/// A file of the server that nobody else may read.
fn keep(install: &Install, path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    install.give(path)
}

/// What `pg_ctl` looks at too: line 1 of `postmaster.pid` is the process, line 8 its state.
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

/// A port that is free now. Somebody may take it before the server does, which then says so.
fn free_port(address: IpAddr, look: bool) -> Result<u16> {
    for _ in 0..1000 {
        let mut bytes = [0; 2];
        random(&mut bytes)?;
        let port = PORTS.start + u16::from_ne_bytes(bytes) % (PORTS.end - PORTS.start);
        if !look || TcpListener::bind((address, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on {address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_from_other_failures() {
        if crate::skipped() {
            return;
        }
        let first = Postgres::start().unwrap();
        let mut second = Postgres::start().unwrap();
        second.stop().unwrap();

        second.port = first.port;
        assert!(!second.launch().unwrap());

        second.options.settings.push(("shared_buffers".into(), "a lot".into()));
        let refused = format!("{:#}", second.launch().unwrap_err());
        assert!(refused.contains("shared_buffers"), "{refused}");
    }
}
