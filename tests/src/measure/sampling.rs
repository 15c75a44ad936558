//! Processor time and memory of programs, from the kernel.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Proportional set size of a process, KiB (`/proc/PID/smaps_rollup`).
pub fn pss_kib(pid: u32) -> Result<u64> {
    field_kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// The part of [`pss_kib`] that is the process' own memory, not pages of files, KiB.
pub fn pss_anonymous_kib(pid: u32) -> Result<u64> {
    field_kib(&format!("/proc/{pid}/smaps_rollup"), "Pss_Anon:")
}

/// Largest resident set a process ever had, KiB (`VmHWM` of `/proc/PID/status`).
pub fn peak_kib(pid: u32) -> Result<u64> {
    field_kib(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Resident set of a process, KiB (`VmRSS` of `/proc/PID/status`).
pub fn rss_kib(pid: u32) -> Result<u64> {
    field_kib(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// User and system time that a process has taken so far, seconds (`/proc/PID/stat`, proc_pid_stat(5)).
pub fn cpu_s_of(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name in brackets may hold anything; after it comes field 3.
    let fields: Vec<&str> = text.rsplit_once(')').map_or(vec![], |(_, rest)| rest.split_whitespace().collect());
    let ticks = |field: usize| fields.get(field - 3).and_then(|word| word.parse::<u64>().ok());
    let (user, system) = ticks(14).zip(ticks(15)).with_context(|| format!("{path}: {text}"))?;
    Ok((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// User and system time of one run of a command, children included, milliseconds: the shell's own `times`.
pub fn cpu_ms(command: &[&str]) -> Result<f64> {
    // stderr of the command is thrown away inside so that only the figures of `time` remain.
    let script = r#"TIMEFORMAT='%3U %3S'; time "$@" >/dev/null 2>/dev/null"#;
    let done = Command::new("bash").args(["-c", script, "bash"]).args(command).stdin(Stdio::null()).output()?;
    let figures = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.status.success() {
        bail!("{command:?} ended with {}", done.status);
    }
    let seconds: Result<Vec<f64>, _> = figures.split_whitespace().map(str::parse).collect();
    let seconds = seconds.with_context(|| format!("figures of the shell: {figures}"))?;
    Ok(seconds.iter().sum::<f64>() * 1000.0)
}

/// Median of several runs of [`cpu_ms`].
pub fn median_cpu_ms(command: &[&str], runs: usize) -> Result<f64> {
    let mut all = (0..runs).map(|_| cpu_ms(command)).collect::<Result<Vec<f64>>>()?;
    all.sort_by(f64::total_cmp);
    let (low, high) = (all.get((runs - 1) / 2).context("no run")?, all.get(runs / 2).context("no run")?);
    Ok((low + high) / 2.0)
}

/// Largest resident set of one run of a command, KiB: its high-water mark is read again and again while it runs, so
/// only what it takes in its last two milliseconds can be missed.
pub fn run_peak_kib(command: &[&str], bound: Duration) -> Result<u64> {
    let (first, rest) = command.split_first().context("an empty command")?;
    let mut child =
        Command::new(first).args(rest).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let (begun, mut peak) = (Instant::now(), 0);
    loop {
        if let Ok(seen) = peak_kib(child.id()) {
            peak = peak.max(seen);
        }
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("{command:?} ended with {status}");
            }
            return Ok(peak);
        }
        if begun.elapsed() > bound {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{command:?} did not end within {} s", bound.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Size of a file, bytes.
pub fn size(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).with_context(|| path.display().to_string())?.len())
}

/// Process numbers of the children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn field_kib(path: &str, field: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("{path}: no {field}"))?;
    line.split_whitespace().next().and_then(|word| word.parse().ok()).with_context(|| format!("{path}: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_readable_and_the_peak_is_not_below_it() {
        let pid = std::process::id();
        let (pss, peak) = (pss_kib(pid).unwrap(), peak_kib(pid).unwrap());
        assert!(pss > 500 && peak > 500, "{pss} {peak}");
    }

    #[test]
    fn own_resident_set_and_processor_time_are_readable() {
        let pid = std::process::id();
        assert!(rss_kib(pid).unwrap() > 500);
        let before = cpu_s_of(pid).unwrap();
        let worked = crate::wait::wait_for("a tick of the processor", Duration::from_secs(10), || {
            let sum: u64 = (0..20_000_000u64).fold(0, |sum, n| sum ^ n.wrapping_mul(sum | 3));
            (cpu_s_of(pid).unwrap() > before || sum == 1).then_some(())
        });
        worked.unwrap();
    }

    #[test]
    fn work_takes_processor_time_and_failure_is_said() {
        let busy = cpu_ms(&["bash", "-c", "for ((i = 0; i < 20000; i++)); do :; done"]).unwrap();
        assert!(busy > 1.0, "{busy}");
        assert!(cpu_ms(&["false"]).is_err());
    }
}
