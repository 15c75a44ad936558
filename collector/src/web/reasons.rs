//! Words of checks, reasons, causes and evidence. What a newer agent says and we do not know is shown as it came.

use super::lang::Lang;
use super::words;
use crate::engine::{Cause, Confidence};
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

/// One line of evidence: its name and value in words, by the unit that ends its name.
pub fn evidence(lang: Lang, name: &str, value: &str) -> (String, String) {
    let label = word(lang, "evidence", name);
    let unit = name.rsplit('_').next().unwrap_or_default();
    let shown = match (unit, value.parse::<u64>()) {
        ("bytes", Ok(bytes)) => words::size(lang, bytes),
        ("ms", Ok(_)) => format!("{value} ms"),
        ("percent", _) if value.parse::<f64>().is_ok() => {
            format!("{} %", value.replace('.', lang.say("decimal-mark").as_str()))
        }
        ("s", Ok(seconds)) => words::duration(lang, i64::try_from(seconds).unwrap_or(i64::MAX)),
        _ => word(lang, "value", value),
    };
    (label, shown)
}
