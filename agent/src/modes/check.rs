//! `vigie-agent check`: makes the checks once, now, and prints what they saw, step by step, with what to do.
//!
//! Made by hand, so nothing is remembered of earlier looks: every probe that the policy names is expected to work
//! ([`Memory::trusting`]). Nothing is said to the collector (an enrolled machine connects, to see whose certificate it
//! shows) and nothing is written.

use crate::checks::internet::Internet;
use crate::checks::internet::collector::LastAttempt;
use crate::checks::internet::memory::Memory;
use crate::checks::internet::quality::Measured;
use crate::checks::internet::step::{Step, StepResult, Steps};
use crate::checks::{VolumeReader, unread, volume_space};
use crate::clock::SystemClock;
use crate::identity::Identity;
use crate::settings::StateFolder;
use crate::source::{Live, Source};
use crate::sync::link::Link;
use crate::sync::tls::{ClockWindow, agent_config};
use anyhow::{Context, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason, VOLUME_SPACE};
use vigie_shared::policy::Policy;

/// The checks by the name that is typed.
const NAMES: [&str; 2] = [INTERNET, VOLUME_SPACE];

/// Patience for a connection to the collector.
const REACH: Duration = Duration::from_secs(5);

/// Exit code of what is not known.
const UNKNOWN: u8 = 3;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// The check to make: internet or volume-space; all when absent.
    name: Option<String>,
    /// Print JSON: one entry a check and instance.
    #[arg(long)]
    json: bool,
    /// Policy to go by instead of the one the collector sent.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// State folder of the agent: its policy and the address of its collector.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/vigie-agent")]
    state: PathBuf,
    /// The collector to try, host:port, instead of the one this agent is enrolled with.
    #[arg(long, value_name = "HOST:PORT")]
    collector: Option<String>,
}

/// Runs the verb. Exit code after the Nagios convention: 0 ok, 1 warning, 2 critical, 3 unknown, which a check that
/// could not be made is too.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let seen = look(&options).and_then(|seen| {
        let text = if options.json {
            serde_json::to_string_pretty(&seen)? + "\n"
        } else {
            seen.iter().map(readable).collect()
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(seen)
    });
    match seen {
        Ok(seen) => Ok(ExitCode::from(exit_code(seen.iter().map(|seen| seen.result.state)))),
        Err(error) => {
            eprintln!("vigie-agent check: {error:#}");
            Ok(ExitCode::from(UNKNOWN))
        }
    }
}

/// Makes the checks that are asked for.
fn look(options: &Options) -> anyhow::Result<Vec<Seen>> {
    let names: Vec<&str> = match &options.name {
        None => NAMES.to_vec(),
        Some(name) => NAMES.into_iter().filter(|known| known == name).collect(),
    };
    if names.is_empty() {
        let name = options.name.as_deref().unwrap_or_default();
        bail!("no check is called « {name} »: there are {}", NAMES.join(" and "));
    }
    let policy = policy(options)?;
    let collector = options.collector.clone().or_else(|| enrolled_with(&options.state)).unwrap_or_default();
    let source: Arc<dyn Source> = Arc::new(Live);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let mut seen = Vec::new();
    if names.contains(&INTERNET) {
        let attempt = LastAttempt::default();
        runtime.block_on(reach(&options.state, &collector, attempt.clone()));
        let mut check = Internet::new(collector, Memory::trusting()).listening_to(attempt);
        let (steps, result) = runtime.block_on(check.check(&source, &policy.internet, 0));
        seen.push(Seen { result, steps });
    }
    if names.contains(&VOLUME_SPACE) {
        let results = match runtime.block_on(VolumeReader::default().read(&source)) {
            Ok(volumes) => volume_space::look(&volumes, &policy.volume_space, &BTreeMap::new()),
            Err(why) => unread(&BTreeMap::new(), &why),
        };
        seen.extend(results.into_iter().map(|result| Seen { result, steps: None }));
    }
    // A lookup or a volume that hangs in the kernel must not keep the prompt from coming back.
    runtime.shutdown_background();
    Ok(seen)
}

/// Connects to the collector as this machine and hangs up, so that the check knows who answers there. Nothing where this
/// machine is not enrolled, or may not be read as it.
async fn reach(state: &Path, collector: &str, attempt: LastAttempt) {
    let state = StateFolder::new(state);
    let (Ok(identity), Ok(address)) = (Identity::load(&state), format!("https://{collector}").parse()) else { return };
    let window = Arc::new(ClockWindow::new(Arc::new(SystemClock), state.load_time()));
    let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &window);
    let Ok(config) = config else { return };
    let mut link = Link::new(address, config).telling(attempt);
    // Why it failed is what the check looks for itself.
    drop(tokio::time::timeout(REACH, link.reach()).await);
}

/// One check as it was seen.
#[derive(Serialize)]
struct Seen {
    #[serde(flatten)]
    result: CheckResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Steps>,
}

/// The policy named, else the one in the state folder, else the default.
fn policy(options: &Options) -> anyhow::Result<Policy> {
    let path = options.policy.clone().unwrap_or_else(|| options.state.join("policy.json"));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if options.policy.is_none() => {
            if error.kind() != ErrorKind::NotFound {
                eprintln!(
                    "{}: {error}; the default policy is used (run as root to use the collector's)",
                    path.display()
                );
            }
            return Ok(Policy::default());
        }
        Err(error) => return Err(error).with_context(|| format!("policy {}", path.display())),
    };
    let policy: Policy = serde_json::from_str(&text).with_context(|| format!("policy {}", path.display()))?;
    match policy.problems().first() {
        None => Ok(policy),
        Some(problem) => bail!("policy {}: {problem}", path.display()),
    }
}

/// `host:port` of the collector this agent is enrolled with, if it is: written `https://host:port` there.
fn enrolled_with(state: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Identity {
        collector: String,
    }
    let text = std::fs::read_to_string(state.join("identity.json")).ok()?;
    let identity: Identity = serde_json::from_str(&text).ok()?;
    identity.collector.strip_prefix("https://").map(str::to_owned)
}

/// The worst state decides; unknown is worse than ok and better than trouble that was seen.
fn exit_code(states: impl Iterator<Item = CheckState>) -> u8 {
    let rank = |state: &CheckState| match state {
        CheckState::Ok => 0,
        CheckState::Unknown => 1,
        CheckState::Warning => 2,
        CheckState::Critical => 3,
    };
    match states.max_by_key(rank) {
        None | Some(CheckState::Unknown) => UNKNOWN,
        Some(CheckState::Ok) => 0,
        Some(CheckState::Warning) => 1,
        Some(CheckState::Critical) => 2,
    }
}

/// One check for people.
fn readable(seen: &Seen) -> String {
    let result = &seen.result;
    let mut text = result.check.clone();
    if !result.instance.is_empty() {
        let _ = write!(text, " {}", result.instance);
    }
    let _ = writeln!(text, ": {} ({})", result.state.as_str().to_uppercase(), result.reason);
    match &seen.steps {
        Some(steps) => text.push_str(&way(steps)),
        None => {
            for (key, value) in &result.evidence {
                let _ = writeln!(text, "  {key}: {value}");
            }
        }
    }
    let (meaning, to_do) = words(&result.reason);
    let _ = writeln!(text, "  {meaning}");
    if !to_do.is_empty() {
        let _ = writeln!(text, "  What to do: {to_do}");
    }
    text
}

/// The way out, one line a step.
fn way(steps: &Steps) -> String {
    let mut rows: Vec<(&str, &Step)> =
        vec![("link", &steps.link), ("address", &steps.address), ("route", &steps.route), ("gateway", &steps.gateway)];
    let groups =
        [("names", &steps.dns), ("ping outside", &steps.icmp), ("connection", &steps.tcp), ("page", &steps.http)];
    for (name, group) in groups {
        rows.extend(group.iter().map(|step| (name, step)));
    }
    rows.push(("collector", &steps.collector));
    let mut text: String = rows.into_iter().map(|(name, step)| line(name, step)).collect();
    if let Some(measured) = steps.quality.filter(|measured| measured.looks > 0) {
        text.push_str(&quality(&measured));
    }
    text
}

/// Loss and latency of one look: figures only, a verdict needs the looks of some minutes.
fn quality(measured: &Measured) -> String {
    let gateway = match measured.gateway_loss_percent {
        Some(lost) => format!("{lost} % before the gateway"),
        None => "the gateway does not answer to ping".to_owned(),
    };
    let lost = measured.loss_percent;
    format!("  – {:<13} {lost} % lost ({gateway}), {} ms behind it\n", "line quality", measured.rtt_ms)
}

fn line(name: &str, step: &Step) -> String {
    let (mark, seen) = match &step.result {
        StepResult::Ok(seen) => ("✓", seen.clone()),
        StepResult::Failed(failure) => ("✗", failure.to_string()),
        StepResult::Skipped(why) => ("–", format!("not tried: {why}")),
    };
    // What was seen often names its target already.
    let target = if seen.starts_with(&step.target) { "" } else { &step.target };
    let between = if target.is_empty() || seen.is_empty() { "" } else { ": " };
    let millis = step.millis.map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
    format!("  {mark} {name:<13} {target}{between}{seen}{millis}").trim_end().to_owned() + "\n"
}

/// What a reason means, and what to do about it.
fn words(reason: &Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Fine => ("All is well.", ""),
        Reason::LinkDown => (
            "No network interface that leads out has its carrier.",
            "check the cable at both ends, the wall socket and the light on the switch, or the wireless connection.",
        ),
        Reason::NoAddress => (
            "The link is up but this machine has no address.",
            "check the DHCP server or the fixed address of this machine, and that the socket is in the right network.",
        ),
        Reason::NoRoute => (
            "This machine has an address but no default route.",
            "check the gateway that the DHCP server hands out, or the fixed configuration of this machine.",
        ),
        Reason::GatewayUnreachable => (
            "The default gateway does not answer.",
            "check the router and the switches between it and this machine; do other machines reach it?",
        ),
        Reason::DnsUnreachable => (
            "No resolver gives an answer.",
            "check the resolvers in /etc/resolv.conf and whether the DNS server of the school runs.",
        ),
        Reason::DnsWrongAnswer => (
            "A resolver answers something else than what the policy says is true.",
            "look for a filter or a portal, or correct the networks of this name in the policy.",
        ),
        Reason::OutsideUnreachable => (
            "The local network works as far as seen; nothing outside answers.",
            "look at the operator's box and its lights, then call the operator with the reference of the line.",
        ),
        Reason::OutsideIntercepted => (
            "Something answers in the place of a page outside.",
            "open that page in a browser: a filter blocks it, or the page itself has changed.",
        ),
        Reason::CaptivePortal => (
            "A portal answers in the place of a page outside: it wants a sign-in.",
            "open that page in a browser and sign in, or have this machine excepted on the portal.",
        ),
        Reason::WebBlocked => (
            "The line carries, ping outside is answered, but no connection and no page outside works.",
            "look at the filter or proxy of the school: it may have stopped, or its rules changed.",
        ),
        Reason::OutsidePartial => (
            "Some of the outside answers, some does not.",
            "compare what fails with the firewall and the filter; a single target may be down itself.",
        ),
        Reason::CollectorUnreachable => {
            ("The collector does not answer.", "check that it runs and that the firewall lets this machine reach it.")
        }
        Reason::CollectorNameBlocked => (
            "Names outside are known, but that of the collector is not, or leads elsewhere.",
            "have its name let through by the filter or the DNS server of the school, or correct it there.",
        ),
        Reason::TlsIntercepted => (
            "Where the collector was, something shows a certificate of another authority.",
            "have the collector's address excepted from the TLS inspection of the filter.",
        ),
        Reason::LineDegraded => (
            "The line carries badly: packets are lost behind the gateway, or answers take much longer than usual.",
            "see what fills the line (updates, backups, videos); if nothing does, call the operator with the figures.",
        ),
        Reason::LocalLoss => (
            "Packets are lost between this machine and its gateway.",
            "try another cable, socket or port of the switch, or come closer to the wireless access point.",
        ),
        Reason::NotConfigured => (
            "The policy names nothing outside to try, so nothing can be said about the internet.",
            "name targets in the policy of the collector, or give a file with --policy.",
        ),
        Reason::SpaceLow | Reason::SpaceCritical => (
            "There is little free space.",
            "empty what can be emptied (old packages, logs, caches, trash), or give the volume more room.",
        ),
        Reason::MeasureFailed => ("The measure itself failed.", "see why above; running as root may help."),
        Reason::Other(_) => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::internet::step::Failure;

    #[test]
    fn exit_codes_follow_the_nagios_convention() {
        use CheckState::{Critical, Ok, Unknown, Warning};
        let code = |states: &[CheckState]| exit_code(states.iter().copied());
        assert_eq!([code(&[Ok]), code(&[Warning]), code(&[Critical]), code(&[Unknown])], [0, 1, 2, 3]);
        assert_eq!([code(&[Ok, Unknown]), code(&[Warning, Unknown]), code(&[Critical, Warning])], [3, 1, 2]);
        assert_eq!(code(&[]), 3, "nothing seen is not ok");
    }

    #[test]
    fn each_step_is_one_line_with_its_mark() {
        assert_eq!(line("link", &Step::ok("eth0", "eth0 up")), "  ✓ link          eth0 up\n");
        assert_eq!(line("address", &Step::ok("", "")), "  ✓ address\n");
        let gateway = Step::failed("192.0.2.1", Failure::Silent);
        assert_eq!(line("gateway", &gateway), "  ✗ gateway       192.0.2.1: no answer\n");
        let page = Step { millis: Some(12), ..Step::ok("http://a.example/", "200") };
        assert_eq!(line("page", &page), "  ✓ page          http://a.example/: 200 (12 ms)\n");
        let ping = Step::skipped("192.0.2.9", "needs CAP_NET_RAW");
        assert_eq!(line("ping outside", &ping), "  – ping outside  192.0.2.9: not tried: needs CAP_NET_RAW\n");
    }

    #[test]
    fn the_quality_of_the_line_is_told_in_figures() {
        let mut measured =
            Measured { looks: 1, loss_percent: 20, gateway_loss_percent: Some(0), rtt_ms: 31, ..Measured::default() };
        let told = quality(&measured);
        assert_eq!(told, "  – line quality  20 % lost (0 % before the gateway), 31 ms behind it\n");
        measured.gateway_loss_percent = None;
        assert!(quality(&measured).contains("does not answer to ping"));
    }

    #[test]
    fn every_reason_known_has_words_and_all_but_fine_say_what_to_do() {
        for word in Reason::KNOWN {
            let reason = Reason::from(*word);
            let (meaning, to_do) = words(&reason);
            assert!(!meaning.is_empty(), "{word}");
            assert_eq!(to_do.is_empty(), reason == Reason::Fine, "{word}");
        }
    }

    fn options(state: &Path) -> Options {
        Options { name: None, json: false, policy: None, state: state.to_owned(), collector: None }
    }

    #[test]
    fn the_policy_is_the_named_one_else_that_of_the_state_folder_else_the_default() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(policy(&options(folder.path())).unwrap(), Policy::default());

        std::fs::write(folder.path().join("policy.json"), r#"{"heartbeat_s":30}"#).unwrap();
        assert_eq!(policy(&options(folder.path())).unwrap().heartbeat_s, 30);

        let named = folder.path().join("other.json");
        std::fs::write(&named, r#"{"heartbeat_s":20}"#).unwrap();
        let with_file = Options { policy: Some(named.clone()), ..options(folder.path()) };
        assert_eq!(policy(&with_file).unwrap().heartbeat_s, 20);

        std::fs::write(&named, r#"{"heartbeat_s":1}"#).unwrap();
        let error = policy(&with_file).unwrap_err().to_string();
        assert!(error.contains("heartbeat_s"), "{error}");
    }

    #[test]
    fn the_collector_is_that_of_the_enrolment() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(enrolled_with(folder.path()), None);
        let identity = r#"{"collector":"https://collector.example:8443","machine":"x"}"#;
        std::fs::write(folder.path().join("identity.json"), identity).unwrap();
        assert_eq!(enrolled_with(folder.path()).as_deref(), Some("collector.example:8443"));
    }
}
