//! A school machine: the real agent in its own namespaces, with its own hardware, name and boot.

use crate::netns::Namespace;
use crate::process::{Running, output_of, program};
use crate::world::required;
use crate::{smbios, wait::wait_for};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use vigie_shared::id::{BootId, MachineId};

static NUMBERS: AtomicU32 = AtomicU32::new(1);

/// How the agent's state folder behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Ordinary.
    Good,
    /// Every write is refused.
    ReadOnly,
    /// A volume of this many KiB.
    Small(u32),
}

/// One machine and its agent.
pub struct Machine {
    namespace: String,
    /// Name of the machine on its network.
    pub host: String,
    folder: PathBuf,
    state: PathBuf,
    /// Whether it shows the true hardware of the host (for measurements) instead of its own.
    pub true_hardware: bool,
    /// How its disk behaves at the next start.
    pub disk: Disk,
    environment: Vec<(String, String)>,
    running: Option<Running>,
}

impl Machine {
    /// A machine called `host` in `namespace`; its files live in a new folder under `folder`.
    pub fn new(namespace: &Namespace, host: &str, folder: &Path) -> Result<Self> {
        let own = folder.join(format!("machine-{host}"));
        let state = own.join("state");
        std::fs::create_dir_all(&own)?;
        // Numbers differ between the worlds of one process too: two tests never show the same hardware.
        smbios::write(&own, std::process::id() * 1000 + NUMBERS.fetch_add(1, Ordering::Relaxed))?;
        let machine = Self {
            namespace: namespace.name().to_owned(),
            host: host.to_owned(),
            folder: own,
            state,
            true_hardware: false,
            disk: Disk::Good,
            environment: Vec::new(),
            running: None,
        };
        machine.new_boot()?;
        Ok(machine)
    }

    /// Folder of the agent's state.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Sets a variable for the next starts of the agent.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Gives the machine another boot identifier, as after a restart.
    pub fn new_boot(&self) -> Result<()> {
        let text = format!("{}\n", BootId::new().0.as_hyphenated());
        std::fs::write(self.folder.join("boot_id"), text).context("boot identifier")
    }

    /// Brings the machine into the fleet with a token.
    pub fn enrol(&self, collector: &str, token: &str) -> Result<MachineId> {
        let file = self.folder.join("token");
        std::fs::write(&file, token)?;
        let mut command = self.command(&program("vigie-agent")?, Disk::Good);
        command.args(["enrol", "--collector", collector, "--token-file"]).arg(&file).arg("--state").arg(&self.state);
        output_of(&mut command)?;
        self.identity()
    }

    /// Who this machine is, from `vigie-agent status --json`.
    pub fn identity(&self) -> Result<MachineId> {
        let status = self.status()?;
        let text = status.pointer("/identity/machine").and_then(Value::as_str);
        text.with_context(|| format!("no machine in {status}"))?.parse().context("machine identifier")
    }

    /// What `vigie-agent status --json` says, whether it calls it good or not.
    pub fn status(&self) -> Result<Value> {
        let mut command = Command::new(program("vigie-agent")?);
        let done = command.args(["status", "--json", "--state"]).arg(&self.state).output()?;
        serde_json::from_slice(&done.stdout).with_context(|| {
            format!(
                "status is not JSON: {}{}",
                String::from_utf8_lossy(&done.stdout),
                String::from_utf8_lossy(&done.stderr)
            )
        })
    }

    /// Starts `vigie-agent run`.
    pub fn start(&mut self) -> Result<()> {
        self.start_program(&program("vigie-agent")?, &["run", "--state"])
    }

    /// Starts another program in the agent's place; its last argument is the state folder.
    pub fn start_program(&mut self, program: &Path, arguments: &[&str]) -> Result<()> {
        if self.running.is_some() {
            bail!("the agent of {} already runs", self.host);
        }
        let mut command = self.command(program, self.disk);
        command.args(arguments).arg(&self.state);
        // Set by the last launcher, for the agent alone.
        let pairs: Vec<String> = self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        command.env("AGENT_ENVIRONMENT", pairs.join("\n"));
        self.running = Some(Running::start(&format!("agent of {}", self.host), command, &self.folder.join("log"))?);
        Ok(())
    }

    /// The running agent.
    pub fn agent(&mut self) -> Result<&mut Running> {
        self.running.as_mut().with_context(|| format!("the agent of {} is not started", self.host))
    }

    /// SIGKILL.
    pub fn kill_9(&mut self) -> Result<()> {
        self.running.take().context("no agent to kill")?.kill_9()
    }

    /// SIGTERM; the agent says goodbye if it can.
    pub fn stop(&mut self) -> Result<()> {
        self.running.take().context("no agent to stop")?.stop(Duration::from_secs(15)).map(drop)
    }

    /// Removes all that the agent remembers, as a frozen PC does at each boot.
    pub fn wipe(&mut self) -> Result<()> {
        std::fs::remove_dir_all(&self.state).context("state folder")
    }

    /// What the agent has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Waits until the agent's log says `words`.
    pub fn wait_for_log(&self, words: &str, bound: Duration) -> Result<()> {
        let look = || self.log().contains(words).then_some(());
        wait_for(&format!("« {words} » in the log of {}", self.host), bound, look)
    }

    /// Runs a shell line in the mounts of the running agent, where [`Disk`] is as the agent sees it.
    pub fn shell(&mut self, line: &str) -> Result<String> {
        let pid = self.agent()?.pid().to_string();
        output_of(Command::new("nsenter").args(["--mount", "--target", &pid, "sh", "-c", line]))
    }

    /// A command in this machine: its network, resolver, name, hardware and boot. Each launcher replaces itself, so
    /// that the process started is the program.
    fn command(&self, program: &Path, disk: Disk) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, "unshare", "--uts", "sh", "-eu", "-c", SETUP, "sh"]);
        command.arg(program);
        command.env("HOST", &self.host).env("FOLDER", &self.folder).env("STATE", &self.state);
        command.env("OWN_HARDWARE", if self.true_hardware { "no" } else { "yes" });
        let disk = match disk {
            Disk::Good => String::new(),
            Disk::ReadOnly => "read-only".to_owned(),
            Disk::Small(size) => format!("{size}k"),
        };
        command.env("DISK", disk);
        command
    }
}

/// `ip netns exec` has made the mounts private: nothing here is seen by the host.
const SETUP: &str = r#"
hostname "$HOST"
mount --bind "$FOLDER/boot_id" /proc/sys/kernel/random/boot_id
if [ "$OWN_HARDWARE" = yes ]; then
  mount -t tmpfs -o size=64k,mode=755 none /sys/firmware
  mkdir -p /sys/firmware/dmi/tables
  cp "$FOLDER/DMI" "$FOLDER/smbios_entry_point" /sys/firmware/dmi/tables/
  mount -t tmpfs -o size=4k,mode=755 none /sys/block
fi
case "$DISK" in
  "") ;;
  read-only) mount --bind "$STATE" "$STATE"; mount -o remount,bind,ro "$STATE" ;;
  *)
    mkdir -p "$FOLDER/saved"; cp -a "$STATE/." "$FOLDER/saved/"
    mount -t tmpfs -o "size=$DISK,mode=700" none "$STATE"; cp -a "$FOLDER/saved/." "$STATE/" ;;
esac
IFS='
'
exec env ${AGENT_ENVIRONMENT:-} "$@"
"#;

/// The library of the Debian package `libfaketime`, where it is installed. A failure where all is [`required`].
pub fn faketime() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let library = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.is_file());
    assert!(library.is_some() || !required(), "the Debian package libfaketime is required and not installed");
    Some(library?.to_string_lossy().into_owned())
}
