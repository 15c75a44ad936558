//! `vigie-agent status`: how this agent fares, read from its files.

use crate::identity::Identity;
use crate::settings::{STATE_FOLDER, StateFolder, read_json};
use crate::sync::status::Status;
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use vigie_shared::id::MachineId;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the agent's state.
    #[arg(long, value_name = "DIR", default_value = STATE_FOLDER)]
    state: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Report {
    state: String,
    identity: Option<Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_problem: Option<String>,
    running: bool,
    status: Option<Status>,
}

/// The identity without its key.
#[derive(Debug, Serialize)]
struct Who {
    machine: MachineId,
    school: String,
    collector: String,
    certificate_end_ms: i64,
}

/// Runs the verb. The exit code is 0 when the agent runs and its last call was good, 1 otherwise.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let report = look(&StateFolder::new(&options.state));
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", describe(&report));
    }
    let good =
        report.running && report.status.as_ref().is_some_and(|s| s.trouble.is_none() && s.last_contact_ms.is_some());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(state: &StateFolder) -> Report {
    let (identity, identity_problem) = match Identity::load(state) {
        Ok(identity) => (Some(identity), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let identity = identity.map(|i| Who {
        machine: i.machine,
        school: i.school.to_string(),
        collector: i.collector.to_string(),
        certificate_end_ms: i.not_after_ms,
    });
    let status = read_json::<Status>(&state.status()).ok();
    let running = status.as_ref().is_some_and(|s| runs(s.pid));
    Report { state: state.path().display().to_string(), identity, identity_problem, running, status }
}

/// Whether this process is an agent.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "vigie-agent")
}

fn describe(report: &Report) -> String {
    let mut lines = vec![];
    match (&report.identity, &report.identity_problem) {
        (Some(who), _) => {
            lines.push(format!("machine       {} of school {}", who.machine, who.school));
            lines.push(format!("collector     {}", who.collector));
            lines.push(format!("certificate   until {}", date(who.certificate_end_ms)));
        }
        (None, problem) => lines.push(format!("machine       {}", problem.as_deref().unwrap_or("not enrolled"))),
    }
    let Some(status) = &report.status else {
        lines.push("agent         has not run with this state folder, or could not write there".to_owned());
        return lines.join("\n") + "\n";
    };
    let running = if report.running { "runs" } else { "does not run; start it (vigie-agent run, or its service)" };
    lines.push(format!("agent         {} {running}", status.version));
    lines.push(format!(
        "last contact  {}",
        status.last_contact_ms.map_or_else(|| "never since its start".to_owned(), date)
    ));
    if status.quarantined {
        lines.push("approval      awaited: a person must approve this machine on the collector's pages".to_owned());
    }
    let fill = status.spool;
    lines.push(format!("spool         {} events wait, {} of {} bytes", fill.events, fill.bytes, fill.limit_bytes));
    if let Some(problem) = &status.spool_problem {
        lines.push(format!("              {problem}"));
    }
    if let Some(trouble) = &status.trouble {
        lines.push(format!(
            "trouble       {} ({}, {} failures in a row)",
            trouble.message,
            date(trouble.wall_ms),
            status.failures
        ));
    }
    lines.push(format!("as of         {}", date(status.written_wall_ms)));
    lines.join("\n") + "\n"
}

/// `2026-11-28 10:02:00 UTC`: RFC 3339 with a blank. A formatter for it would weigh 10 KB.
fn date(ms: i64) -> String {
    Timestamp::from_second(ms.div_euclid(1000))
        .map_or_else(|_| format!("{ms} ms"), |at| at.to_string().replace('T', " ").replace('Z', " UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::status::Trouble;

    #[test]
    fn an_empty_folder_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let text = describe(&look(&StateFolder::new(folder.path())));
        assert!(text.contains("vigie-agent enrol") && text.contains("has not run"), "{text}");
    }

    #[test]
    fn a_trouble_and_a_full_disk_are_shown() {
        let status = Status {
            version: "0.1.0".into(),
            pid: 0,
            machine: MachineId::new(),
            written_wall_ms: 1_795_446_879_000,
            last_contact_ms: Some(1_795_446_800_000),
            policy: 1,
            quarantined: true,
            failures: 3,
            connections: 1,
            trouble: Some(Trouble { message: "the collector did not answer".into(), wall_ms: 1_795_446_870_000 }),
            spool: Default::default(),
            spool_problem: Some("events are only in memory".into()),
        };
        let report =
            Report { state: "/s".into(), identity: None, identity_problem: None, running: false, status: Some(status) };
        let text = describe(&report);
        for part in ["2026-11-23", "3 failures", "only in memory", "approve", "does not run"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
