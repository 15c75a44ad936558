//! `policy show` and `policy set FILE.json`: what agents are asked to do.

use super::{Data, block_on, clock, print};
use anyhow::{Context, bail};
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;
use vigie_shared::policy::Policy;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the policy in force, as JSON that `policy set` takes.
    Show {
        #[command(flatten)]
        data: Data,
    },
    /// Put a policy in force. What the file leaves out takes its default.
    Set {
        #[command(flatten)]
        data: Data,
        /// The policy.
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
    },
}

/// Shows or sets.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.verb {
        Verb::Show { data } => {
            let policy = block_on(async { Ok(data.open()?.policy().await?) })?;
            print(serde_json::to_string_pretty(&policy)?)?;
        }
        Verb::Set { data, file } => {
            let name = file.display();
            let text = std::fs::read_to_string(&file).with_context(|| format!("{name} cannot be read"))?;
            let policy = read(&text).with_context(|| format!("{name}: the policy stays as it was"))?;
            let version = block_on(async { Ok(data.open()?.set_policy(policy, clock().now()).await?) })?;
            eprintln!("policy {version} is in force; each agent takes it at its next call");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a policy. A field that is not known is refused: misspelt, it would silently do nothing.
fn read(text: &str) -> anyhow::Result<Policy> {
    let given: Value = serde_json::from_str(text).context("this is not JSON")?;
    let mut policy: Policy = serde_json::from_str(text).context("a field has the wrong type")?;
    let known = serde_json::to_value(&policy)?;
    if let Some(field) = unknown(&given, &known, "") {
        bail!("field « {field} » is not known; « policy show » prints all fields of a policy");
    }
    let problems = policy.problems();
    if !problems.is_empty() {
        bail!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    policy.version = 0;
    Ok(policy)
}

/// Fields left out when they are empty, hence absent from what a policy is written as.
const LEFT_OUT_WHEN_EMPTY: [&str; 2] = ["within", "contains"];

/// The first field of `given` that `known` does not have. Both are the same policy, before and after it was read.
fn unknown(given: &Value, known: &Value, path: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match known.get(name) {
                Some(known) => unknown(value, known, &path),
                None if LEFT_OUT_WHEN_EMPTY.contains(&name.as_str()) => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(known)) => given
            .iter()
            .zip(known)
            .enumerate()
            .find_map(|(n, (given, known))| unknown(given, known, &format!("{path}[{n}]"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn refusal(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn what_show_prints_can_be_set_again() {
        let text = r#"{"internet":{"dns":[{"name":"a.example"},{"name":"b.example","within":["192.0.2.0/24"]}],
            "http":[{"url":"http://a.example/","status":204,"contains":""}]}}"#;
        let policy = read(text).unwrap();
        let shown = serde_json::to_string_pretty(&policy).unwrap();
        assert_eq!(read(&shown).unwrap(), policy);
    }

    #[test]
    fn a_misspelt_field_is_named_however_deep_it_lies() {
        assert!(refusal(r#"{"heartbeat":5}"#).contains("« heartbeat »"));
        assert!(refusal(r#"{"internet":{"every":5}}"#).contains("« internet.every »"));
        let deep = r#"{"internet":{"dns":[{"name":"a.example"},{"name":"b.example","in":[]}]}}"#;
        assert!(refusal(deep).contains("« internet.dns[1].in »"));
    }

    #[test]
    fn bad_values_and_types_are_named() {
        let all = refusal(r#"{"heartbeat_s":1,"internet":{"tcp":["nowhere"]}}"#);
        assert!(all.contains("« heartbeat_s »") && all.contains("« internet.tcp[0] »"), "{all}");
        assert!(refusal(r#"{"heartbeat_s":"soon"}"#).contains("line 1 column"));
        assert!(refusal("heartbeat_s: 5").contains("not JSON"));
    }
}
