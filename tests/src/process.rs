//! Real processes under test: start, log, kill -9, stop; nothing is left behind when a test panics.

use crate::wait::wait_for;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// One running program whose output goes to a file.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`; standard output and standard error are appended to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let out = append(log)?;
        let err = out.try_clone()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C on the terminal is for us: we end our children in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} could not be started: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Process number. Launchers used here replace themselves, so this is the program itself.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far.
    pub fn log(&self) -> String {
        read_log(&self.log)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL: no chance to save anything.
    pub fn kill_9(mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("{} could not be killed", self.name))?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, then waits for its end at most `bound`.
    pub fn stop(mut self, bound: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_end(bound)
    }

    /// Waits until it ends by itself.
    pub fn wait_end(&mut self, bound: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let ended = wait_for(&format!("the end of {}", self.name), bound, || child.try_wait().ok().flatten());
        ended.with_context(|| format!("its log:\n{}", read_log(&self.log)))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("no such process number")?;
        kill_process(pid, signal).with_context(|| format!("{} does not take signals", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- end of the log of {} ---\n{}", self.name, tail(&self.log(), 40));
        }
    }
}

/// Runs a command to its end; its standard output, or an error with what it said.
pub fn output_of(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?} could not be started"))?;
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        bail!("{command:?} ended with {}: {}{}", done.status, out, String::from_utf8_lossy(&done.stderr));
    }
    Ok(out)
}

/// The program `name` built beside the running one (`target/debug` or `target/release`), or what the variable
/// `VIGIE_AGENT` / `VIGIE_COLLECTOR` points to. Beside `target/release` the agent's own profile is preferred: that is
/// what ships.
pub fn program(name: &str) -> Result<PathBuf> {
    let variable = name.to_uppercase().replace('-', "_");
    if let Some(path) = std::env::var_os(&variable) {
        return Ok(path.into());
    }
    let own = std::env::current_exe().context("where am I?")?;
    let shipped =
        own.parent().filter(|folder| folder.ends_with("release")).map(|folder| folder.with_file_name("agent"));
    let beside = own.ancestors().skip(1).take(2).map(Path::to_owned);
    let found = shipped.into_iter().chain(beside).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| {
        format!("{name} is not built beside {}: build the workspace first, or set {variable}", own.display())
    })
}

/// The last `lines` lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("log {}", path.display()))
}

fn read_log(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
