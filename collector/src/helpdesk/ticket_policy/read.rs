//! A ticket policy from its JSON form, and what is wrong with one. Each problem names the field by its path.

use super::{
    ALLOWED_MAX_MINUTES, Flapping, JSON_MAX, OTHER, QUIET_MAX_S, REOPEN_MAX_S, RULES_MAX, Rule, TicketPolicy,
    WAIT_MAX_S, WORD_LEN_MAX, WORDS_MAX,
};
use crate::engine::Cause;
use crate::ingest::json_path;
use serde_json::Value;
use vigie_shared::check::Reason;

/// Kinds of machines.
const KINDS: &[&str] = &["workstation", "laptop", "server", "nomade"];
/// Kinds of scopes.
const SCOPES: &[&str] = &["machine", "device", "room", "network", "line", "school", "basin", "operator", "collector"];

/// Whether a word is one of those that a list may hold.
type Known = fn(&str) -> bool;

/// One field that is out of its bounds, unknown or of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("ticket policy field « {field} »: {problem}")]
pub struct PolicyProblem {
    /// Path of the field, such as `rules[1].then.ticket.wait_s`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub problem: String,
}

fn problem(field: impl Into<String>, problem: impl Into<String>) -> PolicyProblem {
    PolicyProblem { field: field.into(), problem: problem.into() }
}

impl TicketPolicy {
    /// Reads a policy as a person wrote it. A field that is not known is refused: misspelt, it would silently do nothing.
    /// The version is the store's to give: what the text says is dropped.
    pub fn read(text: &str) -> Result<Self, Vec<PolicyProblem>> {
        if text.len() > JSON_MAX {
            return Err(vec![problem("", format!("{} bytes, at most {JSON_MAX}", text.len()))]);
        }
        let fails = |error: serde_json::Error| {
            let path = json_path::at(text.as_bytes(), error.line(), error.column());
            // What serde quotes may be anything that was typed.
            let words: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
            vec![problem(path, words)]
        };
        let given: Value = serde_json::from_str(text).map_err(fails)?;
        let policy: Self = serde_json::from_str(text).map_err(fails)?;
        let known = serde_json::to_value(&policy).map_err(fails)?;
        let mut problems = Vec::new();
        unknown(&given, &known, "", &mut problems);
        problems.extend(policy.problems());
        if problems.is_empty() { Ok(Self { version: 0, ..policy }) } else { Err(problems) }
    }

    /// All fields that are out of bounds; empty when the policy is good.
    pub fn problems(&self) -> Vec<PolicyProblem> {
        let mut found = Vec::new();
        if self.rules.len() > RULES_MAX {
            found.push(problem("rules", format!("{} rules, at most {RULES_MAX}", self.rules.len())));
        }
        for (n, rule) in self.rules.iter().enumerate() {
            let path = format!("rules[{n}]");
            rule.problems(&path, &mut found);
            if let Some(before) = self.rules.iter().take(n).position(|before| before.name == rule.name) {
                found.push(problem(format!("{path}.name"), format!("rule {before} has that name")));
            }
        }
        if self.flapping.len() > RULES_MAX {
            found.push(problem("flapping", format!("{} checks, at most {RULES_MAX}", self.flapping.len())));
        }
        for (check, flapping) in &self.flapping {
            let short: String = check.chars().filter(|c| !c.is_control()).take(WORD_LEN_MAX).collect();
            flapping.problems(&format!("flapping.{short}"), &mut found);
            if !is_word(check) {
                found.push(problem(format!("flapping.{short}"), format!("the name of a check is {WORD}")));
            }
        }
        found
    }
}

impl Flapping {
    fn problems(&self, path: &str, found: &mut Vec<PolicyProblem>) {
        for (field, value, low, high) in [
            ("same_within_s", self.same_within_s, 0, Self::TIME_MAX_S),
            ("returns", self.returns, 1, Self::RETURNS_MAX),
            ("window_s", self.window_s, 0, Self::TIME_MAX_S),
            ("calm_s", self.calm_s, 0, Self::TIME_MAX_S),
        ] {
            if !(low..=high).contains(&value) {
                found.push(problem(format!("{path}.{field}"), outside(value, low, high)));
            }
        }
    }
}

fn outside(value: u32, low: u32, high: u32) -> String {
    format!("{value} is outside {low} to {high}")
}

/// What names are.
const WORD: &str = "a word of 1 to 40 small letters, digits, hyphens and underscores";

impl Rule {
    fn problems(&self, path: &str, found: &mut Vec<PolicyProblem>) {
        let mut say = |field: &str, words: String| found.push(problem(format!("{path}.{field}"), words));
        for (field, word) in [("name", &self.name), ("check", &self.check)] {
            if !is_word(word) {
                say(field, WORD.to_owned());
            }
        }
        if self.check == OTHER {
            say("check", format!("« {OTHER} » is the subject of calls about nothing that is measured"));
        }
        let lists: [(&str, &[String], Known); 4] = [
            ("causes", &self.causes, |word| Cause::parse(word).is_some()),
            ("reasons", &self.reasons, |word| !matches!(Reason::from(word), Reason::Other(_))),
            ("kinds", &self.kinds, |word| KINDS.contains(&word)),
            ("scopes", &self.scopes, |word| SCOPES.contains(&word)),
        ];
        for (field, list, known) in lists {
            if list.len() > WORDS_MAX {
                say(field, format!("{} words, at most {WORDS_MAX}", list.len()));
            }
            for (n, word) in list.iter().enumerate().filter(|(_, word)| !known(word)) {
                let shown: String = word.chars().filter(|c| !c.is_control()).take(WORD_LEN_MAX).collect();
                say(&format!("{field}[{n}]"), format!("« {shown} » is none of the {field} that are known"));
            }
        }
        let Some(terms) = self.terms() else { return };
        if !is_word(&terms.category) {
            say("then.ticket.category", WORD.to_owned());
        }
        let mut between = |field: &str, value: u32, low: u32, high: u32| {
            if !(low..=high).contains(&value) {
                say(&format!("then.ticket.{field}"), outside(value, low, high));
            }
        };
        between("allowed_minutes", terms.allowed_minutes, 1, ALLOWED_MAX_MINUTES);
        between("wait_s", terms.wait_s, 0, WAIT_MAX_S);
        between("quiet_s", terms.quiet_s, 0, QUIET_MAX_S);
        between("reopen_within_s", terms.reopen_within_s, 0, REOPEN_MAX_S);
    }
}

fn is_word(text: &str) -> bool {
    (1..=WORD_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// Fields left out when they are empty, hence absent from what a policy is written as.
const LEFT_OUT_WHEN_EMPTY: [&str; 4] = ["causes", "reasons", "kinds", "scopes"];

/// The fields of `given` that `known` does not have. Both are the same policy, before and after it was read.
fn unknown(given: &Value, known: &Value, path: &str, found: &mut Vec<PolicyProblem>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (name, value) in given {
                // Long ones are cut: they are repeated in a message.
                let short: String = name.chars().filter(|c| !c.is_control()).take(WORD_LEN_MAX).collect();
                let path = if path.is_empty() { short } else { format!("{path}.{short}") };
                match known.get(name) {
                    Some(known) => unknown(value, known, &path, found),
                    None if LEFT_OUT_WHEN_EMPTY.contains(&name.as_str()) => {}
                    None => found.push(problem(path, "is not known")),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (n, (given, known)) in given.iter().zip(known).enumerate() {
                unknown(given, known, &format!("{path}[{n}]"), found);
            }
        }
        _ => {}
    }
}
