//! Network namespaces: made with unique names, entered by threads and processes, removed whatever happens.
//!
//! A name is `vigie-<pid>-<world>-<part>`: a run that was killed leaves namespaces whose process no longer exists, and
//! the next run removes them ([`sweep`]). Nothing is ever made in the namespace of the host.

use crate::process::output_of;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PREFIX: &str = "vigie-";

/// One network namespace, removed with all that runs in it when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose loopback is up and whose resolver is `resolver`.
    pub fn new(name: String, resolver: Option<&str>) -> Result<Self> {
        output_of(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        if let Some(resolver) = resolver {
            let folder = etc(&namespace.name);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(
                folder.join("resolv.conf"),
                format!("nameserver {resolver}\noptions timeout:1 attempts:1\n"),
            )?;
        }
        Ok(namespace)
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` inside.
    pub fn ip(&self, arguments: &[&str]) -> Result<String> {
        output_of(Command::new("ip").args(["-n", &self.name]).args(arguments))
    }

    /// Loads nftables rules inside.
    pub fn nft(&self, rules: &str) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(rules.as_bytes())?;
        output_of(self.command("nft").arg("-f").arg(file.path())).map(drop).with_context(|| rules.to_owned())
    }

    /// A command that will run inside, with the resolver of this namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `work` on a thread of its own that has entered this namespace: sockets it makes belong to it.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<std::thread::JoinHandle<T>> {
        let path = Path::new("/run/netns").join(&self.name);
        let file = File::open(&path).with_context(|| format!("namespace {}", path.display()))?;
        let (entered, answer) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name(self.name.clone()).spawn(move || {
            let result = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
            let good = result.is_ok();
            let _ = entered.send(result);
            good.then(work)
        })?;
        answer.recv()?.with_context(|| format!("namespace {} could not be entered", self.name))?;
        // The thread has entered, so it gives a value; the wrapper only unpacks it.
        Ok(std::thread::spawn(move || thread.join().ok().flatten().expect("the work in the namespace panicked")))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Whether this process may make namespaces; the reason when it may not. Tried once: the tests of a file run side by
/// side in one process and would take the trial's name from each other.
pub fn possible() -> Result<()> {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    let tried = TRIED.get_or_init(|| trial().map_err(|why| format!("{why:#}")));
    tried.clone().map_err(anyhow::Error::msg)
}

fn trial() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        anyhow::bail!("not root");
    }
    for tool in ["ip", "nft"] {
        output_of(Command::new(tool).arg(if tool == "ip" { "-V" } else { "-v" }))?;
    }
    let name = format!("{PREFIX}{}-try", std::process::id());
    let tried = output_of(Command::new("ip").args(["netns", "add", &name]));
    let filtered = tried
        .as_ref()
        .ok()
        .map(|_| output_of(Command::new("ip").args(["netns", "exec", &name, "nft", "list", "tables"])));
    remove(&name);
    tried?;
    filtered.transpose()?;
    Ok(())
}

/// A name for one part of one world of this process.
pub fn unique(world: usize, part: &str) -> String {
    format!("{PREFIX}{}-{world}-{part}", std::process::id())
}

/// Removes the namespaces of processes that no longer exist.
pub fn sweep() {
    let mut names: Vec<String> = Vec::new();
    for folder in ["/run/netns", "/etc/netns"] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        names.extend(entries.filter_map(|entry| entry.file_name().into_string().ok()));
    }
    for name in names {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            eprintln!("removing what a killed run left: {name}");
            remove(&name);
        }
    }
}

fn remove(name: &str) {
    // Only what runs inside a namespace of ours is ended, and by its number.
    if let Ok(pids) = output_of(Command::new("ip").args(["netns", "pids", name])) {
        let own = std::process::id().to_string();
        for pid in pids.split_whitespace().filter(|pid| *pid != own) {
            if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
    if Path::new("/run/netns").join(name).exists() {
        let _ = output_of(Command::new("ip").args(["netns", "del", name]));
    }
    let _ = std::fs::remove_dir_all(etc(name));
}

fn etc(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}
