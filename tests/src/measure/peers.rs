//! The neighbours, measured on the same machine in the same run: what schools may already know.
//!
//! Each runs in an empty network namespace of its own (loopback only): nothing it tries can leave. What cannot be
//! measured is `null` with the reason beside it.

use super::sampling::{children, median_cpu_ms, peak_kib, pss_kib, run_peak_kib, size};
use crate::netns::{self, Namespace};
use crate::process::{Running, output_of};
use crate::wait::wait_for;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const RUN_BOUND: Duration = Duration::from_secs(60);
const RUNS: usize = 5;

/// Debian package, its program.
const PACKAGES: [(&str, &str); 4] = [
    ("fusioninventory-agent", "/usr/bin/fusioninventory-agent"),
    ("ocsinventory-agent", "/usr/bin/ocsinventory-agent"),
    ("zabbix-agent", "/usr/sbin/zabbix_agentd"),
    ("prometheus-node-exporter", "/usr/bin/prometheus-node-exporter"),
];

/// Measures all four; `install` those that are missing.
pub fn all(folder: &Path, install: bool) -> Value {
    let mut found = serde_json::Map::new();
    for (package, program) in PACKAGES {
        eprintln!("peer {package}");
        let measured = available(package, program, install).and_then(|()| {
            let folder = folder.join(package);
            std::fs::create_dir_all(&folder)?;
            let place = Namespace::new(netns::unique(90 + found.len(), "peer"), None)?;
            match package {
                "fusioninventory-agent" => fusion_inventory(&place, program, &folder),
                "ocsinventory-agent" => ocs_inventory(&place, program, &folder),
                "zabbix-agent" => zabbix_agentd(&place, program, &folder),
                _ => node_exporter(&place, program, &folder),
            }
        });
        let value = measured.unwrap_or_else(|error| json!({ "measured": null, "reason": format!("{error:#}") }));
        found.insert(package.to_owned(), value);
    }
    Value::Object(found)
}

/// Makes sure that the program is there. Services are not started: `policy-rc.d` says 101 (Debian Policy 9.3.3).
fn available(package: &str, program: &str, install: bool) -> Result<()> {
    if Path::new(program).is_file() {
        return Ok(());
    }
    if !install {
        bail!("{program} is not installed");
    }
    eprintln!("  installing the Debian package {package} (its service is not started)");
    let guard = Path::new("/usr/sbin/policy-rc.d");
    let own_guard = !guard.exists();
    if own_guard {
        std::fs::write(guard, "#!/bin/sh\nexit 101\n")?;
        output_of(Command::new("chmod").args(["755", "/usr/sbin/policy-rc.d"]))?;
    }
    let installed = output_of(
        Command::new("apt-get")
            .args(["install", "-y", "-q", "--no-install-recommends", package])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    );
    if own_guard {
        std::fs::remove_file(guard)?;
    }
    installed.with_context(|| format!("the Debian package {package} does not install here")).map(drop)
}

/// FusionInventory's other tasks talk to a network.
const NO_TASKS: &str = "--no-task=Deploy,Collect,NetInventory,NetDiscovery,WakeOnLan,ESX";

fn fusion_inventory(place: &Namespace, program: &str, folder: &Path) -> Result<Value> {
    let out = folder.to_string_lossy().into_owned();
    one_shot(place, &[program, "--local", &out, "--force", NO_TASKS], folder)
}

/// Makes sure that FusionInventory is there, and answers its program.
pub fn fusion_inventory_installed(install: bool) -> Result<&'static str> {
    let [(package, program), ..] = PACKAGES;
    available(package, program, install).map(|()| program)
}

/// FusionInventory's report of this machine, as XML.
pub fn fusion_inventory_report(program: &str, folder: &Path) -> Result<String> {
    output_of(Command::new(program).arg("--local").arg(folder).args(["--force", NO_TASKS]))?;
    let report = newest_report(folder)?;
    std::fs::read_to_string(&report).with_context(|| report.display().to_string())
}

fn ocs_inventory(place: &Namespace, program: &str, folder: &Path) -> Result<Value> {
    let (out, own) = (folder.to_string_lossy().into_owned(), folder.join("var"));
    std::fs::create_dir_all(&own)?;
    one_shot(place, &[program, "--local", &out, "--basevardir", &own.to_string_lossy()], folder)
}

/// A program that makes one inventory and ends: processor time, peak memory, and what it would send (both compress
/// their XML with zlib before they send it).
fn one_shot(place: &Namespace, arguments: &[&str], folder: &Path) -> Result<Value> {
    // `ip netns exec` replaces itself by the program, so figures are the program's own.
    let mut command = vec!["ip", "netns", "exec", place.name()];
    command.extend_from_slice(arguments);
    let cpu = median_cpu_ms(&command, RUNS)?;
    let peak = run_peak_kib(&command, RUN_BOUND)?;
    let report = newest_report(folder)?;
    let xml = std::fs::read(&report)?;
    Ok(json!({
        "inventory_cpu_ms": cpu.round(),
        "peak_inventory_kib": peak,
        "inventory_bytes": xml.len(),
        "inventory_zlib_bytes": zlib_size(&xml).ok(),
    }))
}

fn newest_report(folder: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let reports = files.filter(|path| path.extension().is_some_and(|end| end == "ocs" || end == "xml"));
    reports.max().with_context(|| format!("no report in {}", folder.display()))
}

/// Size after zlib at its ordinary level, as both agents send. Perl is there: both are written in it.
fn zlib_size(bytes: &[u8]) -> Result<u64> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    let script = "use Compress::Zlib; local $/; binmode STDIN; print length(Compress::Zlib::compress(<STDIN>))";
    let done = Command::new("perl").args(["-e", script]).stdin(file.reopen()?).output()?;
    Ok(String::from_utf8_lossy(&done.stdout).trim().parse()?)
}

fn zabbix_agentd(place: &Namespace, program: &str, folder: &Path) -> Result<Value> {
    let file = folder.join("zabbix_agentd.conf");
    let pid_file = folder.join("pid");
    let text = format!(
        "PidFile={}\nLogType=console\nServer=127.0.0.1\nServerActive=127.0.0.1\nListenIP=127.0.0.1\nAllowRoot=1\n",
        pid_file.display()
    );
    std::fs::write(&file, text)?;
    let mut command = place.command(program);
    command.arg("-f").arg("-c").arg(&file);
    let running = Running::start("zabbix_agentd", command, &folder.join("log"))?;
    at_rest(place, &running, 10050, None, program)
}

fn node_exporter(place: &Namespace, program: &str, folder: &Path) -> Result<Value> {
    let mut command = place.command(program);
    command.arg("--web.listen-address=127.0.0.1:9100");
    let running = Running::start("node_exporter", command, &folder.join("log"))?;
    at_rest(place, &running, 9100, Some("GET /metrics HTTP/1.0\r\n\r\n"), program)
}

/// A daemon: asked once where it answers, then left alone; memory of all its processes.
fn at_rest(place: &Namespace, running: &Running, port: u16, ask: Option<&str>, program: &str) -> Result<Value> {
    let pid = running.pid();
    let question = ask.map(str::to_owned);
    let answered = place.thread(move || {
        wait_for("the daemon to listen", Duration::from_secs(20), || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
            let mut answer = Vec::new();
            if let Some(question) = &question {
                stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
                stream.write_all(question.as_bytes()).ok()?;
                stream.read_to_end(&mut answer).ok()?;
            }
            Some(answer.len())
        })
    })?;
    let size_of_answer = answered.join().ok().context("the question was not put")??;
    // At rest: its memory no longer moves.
    let mut last = 0;
    let total = || -> Result<u64> { children(pid).into_iter().chain([pid]).map(pss_kib).sum() };
    let pss = wait_for("memory to settle", Duration::from_secs(30), || {
        let now = total().ok()?;
        std::thread::sleep(Duration::from_secs(2));
        let still = now == last;
        last = now;
        still.then_some(now)
    })?;
    Ok(json!({
        "pss_kib": pss,
        "peak_kib": peak_kib(pid)?,
        "binary_bytes": size(Path::new(program))?,
        "answer_bytes": if ask.is_some() { json!(size_of_answer) } else { Value::Null },
    }))
}
