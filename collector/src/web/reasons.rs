//! Words of checks, reasons, causes and evidence. What a newer agent says and we do not know is shown as it came.

use super::lang::Lang;
use super::words;
use crate::engine::{Cause, Confidence};
use std::collections::BTreeMap;
use vigie_shared::check::{CheckState, Reason};

/// A message for a word of the wire, or the word itself.
pub fn word(lang: Lang, prefix: &str, word: &str) -> String {
    let key = format!("{prefix}-{}", word.replace(['_', '.'], "-"));
    // Keys of messages are letters, digits and hyphens: anything else cannot be one.
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| lang.find(&key, &[])).flatten().unwrap_or_else(|| word.to_owned())
}

/// What is broken when this check fails: « Coupure internet ».
pub fn problem(lang: Lang, check: &str) -> String {
    word(lang, "problem", check)
}

/// What this check looks at: « Accès à internet ».
pub fn check(lang: Lang, check: &str) -> String {
    word(lang, "check", check)
}

/// The same with what it was made on.
pub fn check_with_instance(lang: Lang, name: &str, instance: &str) -> String {
    let name = check(lang, name);
    if instance.is_empty() { name } else { format!("{name}, {instance}") }
}

/// Why, in words.
pub fn reason(lang: Lang, reason: &Reason) -> String {
    word(lang, "reason", reason.as_str())
}

/// State in words.
pub fn state(lang: Lang, state: CheckState) -> String {
    word(lang, "state", state.as_str())
}

/// Class and glyph of a state.
pub fn state_tone(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "online",
        CheckState::Warning => "look",
        CheckState::Critical => "broken",
        CheckState::Unknown => "unknown",
    }
}

/// Cause in words.
pub fn cause(lang: Lang, cause: Cause) -> String {
    word(lang, "cause", cause.as_str())
}

/// How sure, in words.
pub fn confidence(lang: Lang, confidence: Confidence) -> String {
    word(lang, "confidence", confidence.as_str())
}

/// The way of a probe; other evidence follows by name.
const WAY: &[&str] = &[
    "problem",
    "link",
    "address",
    "route",
    "gateway",
    "dns",
    "outside_icmp",
    "outside_tcp",
    "outside_http",
    "collector",
];

/// Evidence in words, in the order of the way outside; how long an answer took stands beside the answer.
pub fn evidence(lang: Lang, evidence: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let answered = |name: &str| name.strip_suffix("_ms").is_some_and(|of| evidence.contains_key(of));
    let mut names: Vec<&String> = evidence.keys().filter(|name| !answered(name)).collect();
    names.sort_by_key(|name| (WAY.iter().position(|step| step == name).unwrap_or(WAY.len()), *name));
    let line = |name: &String| {
        let value = evidence.get(name).map(String::as_str).unwrap_or_default();
        let took = evidence.get(&format!("{name}_ms")).map(|ms| format!(", {ms}\u{a0}ms")).unwrap_or_default();
        (word(lang, "evidence", name), format!("{}{took}", figure(lang, name, value)))
    };
    names.into_iter().map(line).collect()
}

/// A value by the unit that ends its name.
fn figure(lang: Lang, name: &str, value: &str) -> String {
    let unit = name.rsplit('_').next().unwrap_or_default();
    match (unit, value.parse::<u64>()) {
        ("bytes", Ok(bytes)) => words::size(lang, bytes),
        ("ms", Ok(_)) => format!("{value}\u{a0}ms"),
        ("percent", _) if value.parse::<f64>().is_ok() => {
            format!("{}\u{a0}%", value.replace('.', lang.say("decimal-mark").as_str()))
        }
        ("s", Ok(seconds)) => words::duration(lang, i64::try_from(seconds).unwrap_or(i64::MAX)),
        _ => word(lang, "value", value),
    }
}
