//! `vigie-agent show-payload`: prints exactly what leaves the machine (invariant 11).
//!
//! The bodies come from the same function as those that are sent, byte for byte, on the standard output as one JSON
//! object; what they are and what travels beside them is told on the standard error.

use super::inventory::{print, source};
use crate::inventory;
use crate::source::Source;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use vigie_shared::evidence::HardwareEvidence;

const ABOUT: &str = "\
Below is what the first call of this agent sends to its collector, byte for byte: the sections of the
inventory, and the hardware evidence that also goes with the enrolment and with each start of the agent.
Beside them a call carries only: the version of the protocol and of the policy, the boot id, the time since
boot and the clock, the numbers of events and digests; and as events: start and end of the agent, sleep,
states of the checks (`vigie-agent check --json` shows them), free space of the volumes listed here,
temperatures, state of the disks and batteries.
The enrolment adds the host name and the request for a certificate. Nothing else leaves this machine: no
users, no processes, no files, no history.
";

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// Show the payload of a captured machine: a folder that holds its files under their own paths.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// What leaves.
#[derive(Serialize)]
struct Payload {
    hardware: HardwareEvidence,
    sections: BTreeMap<String, Box<RawValue>>,
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let source = source(options.root.as_deref())?;
    eprint!("{ABOUT}");
    print(&payload(source.as_ref())?)?;
    Ok(ExitCode::SUCCESS)
}

fn payload(source: &dyn Source) -> anyhow::Result<String> {
    let payload = Payload { hardware: inventory::hardware_evidence(source), sections: inventory::collect(source) };
    Ok(serde_json::to_string(&payload)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Captured;

    #[test]
    fn the_bodies_are_the_bytes_that_are_sent() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc")).unwrap();
        std::fs::write(dir.path().join("proc/meminfo"), "MemTotal: 8000000 kB\n").unwrap();
        let source = Captured::new(dir.path());
        let shown = payload(&source).unwrap();
        let sent = inventory::collect(&source);
        assert!(sent.len() >= 9);
        for (name, body) in sent {
            assert!(shown.contains(&format!("\"{name}\":{}", body.get())), "{name}");
        }
    }
}
