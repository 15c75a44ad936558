//! The collectors under load: one on SQLite, or several on one PostgreSQL, as shipped, in folders of their own.

use crate::collector::ticket_policy;
use crate::measure::sampling;
use crate::process::{Running, output_of, program};
use crate::wait::wait_for;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use vigie_shared::policy::Policy;

const START: Duration = Duration::from_secs(60);
/// Sealing key of the authority, below the folder of a collector; the same in each.
const KEY: &str = "keys/authority.key";

/// The embedded database, below the folder of a collector.
const DATABASE: &str = "vigie.sqlite";

/// One process of the collector.
struct Replica {
    data: PathBuf,
    listen: String,
    plain: String,
    running: Option<Running>,
}

/// All of them, on one store.
pub struct Collectors {
    replicas: Vec<Replica>,
    store: Option<String>,
    environment: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Ready {
    listen: SocketAddr,
    plain: SocketAddr,
}

impl Collectors {
    /// Folders for so many collectors below `folder`; nothing is started. Without `store` it is SQLite in the first.
    pub fn new(folder: &Path, replicas: usize, store: Option<String>) -> Result<Self> {
        if store.is_none() && replicas != 1 {
            bail!("one SQLite file takes one collector: --replicas {replicas} needs --store postgres");
        }
        let replica = |number: usize| {
            let data = folder.join(format!("collector-{}", number + 1));
            Replica { data, listen: "127.0.0.1:0".to_owned(), plain: "127.0.0.1:0".to_owned(), running: None }
        };
        Ok(Self { replicas: (0..replicas).map(replica).collect(), store, environment: Vec::new() })
    }

    /// Variables for the next starts and verbs.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Starts all of them; from the second time on they get the ports of the first.
    pub fn start(&mut self) -> Result<()> {
        for number in 0..self.replicas.len() {
            if number > 0 {
                self.share_key(number)?;
            }
            self.start_one(number)?;
        }
        Ok(())
    }

    fn start_one(&mut self, number: usize) -> Result<()> {
        let mut command = self.command()?;
        let replica = &mut self.replicas[number];
        let ready = replica.data.with_extension("ready.json");
        let _ = std::fs::remove_file(&ready);
        command.arg("serve").arg("--data").arg(&replica.data).args(["--listen", &replica.listen]);
        command.args(["--plain-listen", &replica.plain, "--name", "127.0.0.1"]).arg("--ready-file").arg(&ready);
        let log = replica.data.with_extension("log");
        let mut running = Running::start("collector", command, &log)?;
        let bound: Ready = wait_for("a collector to be ready", START, || {
            if !running.is_running() {
                return Some(Err(anyhow::anyhow!("a collector ended at once:\n{}", running.log())));
            }
            serde_json::from_slice(&std::fs::read(&ready).ok()?).ok().map(Ok)
        })??;
        if self.store.is_some() && replica.data.join(DATABASE).exists() {
            bail!("a collector that was told to use PostgreSQL made a database of its own");
        }
        replica.listen = bound.listen.to_string();
        replica.plain = bound.plain.to_string();
        replica.running = Some(running);
        Ok(())
    }

    /// SIGTERM to all, and their ends.
    pub fn stop(&mut self) -> Result<()> {
        for replica in &mut self.replicas {
            if let Some(running) = replica.running.take() {
                running.stop(Duration::from_secs(30))?;
            }
        }
        Ok(())
    }

    /// The agents' doors.
    pub fn doors(&self) -> Result<Vec<SocketAddr>> {
        self.replicas.iter().map(|replica| Ok(replica.listen.parse()?)).collect()
    }

    /// Runs a verb of administration; what it prints.
    pub fn admin(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command()?;
        command.args(arguments);
        let first = self.replicas.first().context("no collector")?;
        command.arg("--data").arg(&first.data);
        Ok(output_of(&mut command)?.trim().to_owned())
    }

    /// Puts a policy in force, and a ticket policy that suits its heartbeat.
    pub fn set_policy(&self, policy: &Policy) -> Result<()> {
        let file = self.replicas.first().context("no collector")?.data.with_extension("policy.json");
        std::fs::write(&file, serde_json::to_vec_pretty(policy)?)?;
        self.admin(&["policy", "set", &file.to_string_lossy()])?;
        let tickets = ticket_policy(&self.admin(&["ticket-policy", "show"])?, policy.heartbeat_s)?;
        std::fs::write(&file, tickets)?;
        self.admin(&["ticket-policy", "set", &file.to_string_lossy()]).map(drop)
    }

    /// Processor time that all have taken since they started, seconds.
    pub fn cpu_s(&self) -> Result<f64> {
        self.pids().into_iter().map(sampling::cpu_s_of).sum()
    }

    /// Resident memory of all together, bytes.
    pub fn rss(&self) -> Result<u64> {
        self.pids().into_iter().map(|pid| Ok(sampling::rss_kib(pid)? * 1024)).sum()
    }

    /// The embedded database, where it is SQLite.
    pub fn sqlite(&self) -> Option<PathBuf> {
        self.replicas.first().filter(|_| self.store.is_none()).map(|first| first.data.join(DATABASE))
    }

    /// The last words of each.
    pub fn logs(&self) -> String {
        let last = |replica: &Replica| replica.running.as_ref().map(|r| crate::process::tail(&r.log(), 15));
        self.replicas.iter().filter_map(last).collect::<Vec<_>>().join("\n--\n")
    }

    /// Their processes.
    pub fn pids(&self) -> Vec<u32> {
        self.replicas.iter().filter_map(|replica| replica.running.as_ref().map(Running::pid)).collect()
    }

    /// Every collector opens what the first one's key sealed.
    fn share_key(&self, number: usize) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let (first, other) = (&self.replicas[0].data.join(KEY), &self.replicas[number].data.join(KEY));
        for folder in [self.replicas[number].data.as_path(), other.parent().context("no folder")?] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // The mode goes along.
        std::fs::copy(first, other).with_context(|| format!("{} cannot be copied", first.display())).map(drop)
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(program("vigie-collector")?);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(url) = &self.store {
            // In the environment, not on the command line: others read that.
            command.env("VIGIE_STORE", url);
        }
        Ok(command)
    }
}
