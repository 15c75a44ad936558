//! When products go out of support: tables of endoflife.date, brought in as files, for a collector without the internet.
//!
//! Two forms are read: a list of cycles (`/api/PRODUCT.json`: `cycle`, `eol`, `latest`) and a product
//! (`/api/v1/products/PRODUCT/`: `result.releases[]` with `name`, `isEol`, `eolFrom`, `latest.name`).

use super::catalogue::Catalogue;
use super::rules::{Found, SoftwarePolicy, is_named};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Largest file, bytes.
pub const FILE_MAX: usize = 1 << 20;
/// Most cycles of a product.
pub const CYCLES_MAX: usize = 500;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its name there, such as `firefox` or `debian`.
    pub name: String,
    /// Its cycles.
    pub cycles: Vec<Cycle>,
}

/// A cycle of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Beginning of its versions, such as `12` or `3.11`.
    pub cycle: String,
    /// Whether support is over, where no day is told.
    pub over: bool,
    /// Last day of support.
    pub until: Option<Date>,
    /// Its latest version when the table was made.
    pub latest: Option<String>,
}

impl Cycle {
    fn is_over(&self, today: Date) -> bool {
        self.until.map_or(self.over, |until| until < today)
    }

    /// Whether a version is of this cycle: the same, or going on after it with something that is no digit.
    fn holds(&self, version: &str) -> bool {
        let rest = version.strip_prefix(self.cycle.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// Why a file is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Not JSON.
    #[error("this is not JSON: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error("no cycles were found: a file of endoflife.date is wanted (api/PRODUCT.json)")]
    NoCycles,
    /// Too large.
    #[error("more than {FILE_MAX} bytes or {CYCLES_MAX} cycles: this is not the table of one product")]
    TooLarge,
    /// A name is needed.
    #[error("the product has no name of letters, digits, dots and hyphens: say it")]
    NoName,
}

/// Reads a table. `name` counts unless the file tells its own.
pub fn read(text: &str, name: &str) -> Result<Product, TableError> {
    if text.len() > FILE_MAX {
        return Err(TableError::TooLarge);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| TableError::NotJson(error.to_string()))?;
    let result = value.get("result").unwrap_or(&Value::Null);
    let name = result.get("name").and_then(Value::as_str).unwrap_or(name).to_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
    if name.is_empty() || name.len() > 80 || !name.chars().all(plain) {
        return Err(TableError::NoName);
    }
    let list = value.as_array().or_else(|| result.get("releases").and_then(Value::as_array));
    let list = list.ok_or(TableError::NoCycles)?;
    if list.len() > CYCLES_MAX {
        return Err(TableError::TooLarge);
    }
    let cycles: Vec<Cycle> = list.iter().filter_map(cycle).collect();
    if cycles.is_empty() { Err(TableError::NoCycles) } else { Ok(Product { name, cycles }) }
}

fn cycle(value: &Value) -> Option<Cycle> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.chars().take(60).collect::<String>()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let cycle = value.get("cycle").or_else(|| value.get("name")).and_then(text).filter(|cycle| !cycle.is_empty())?;
    let told = value.get("eolFrom").or_else(|| value.get("eol"));
    let over = value.get("isEol").or_else(|| value.get("eol")).and_then(Value::as_bool).unwrap_or_default();
    let latest = value.get("latest").and_then(|latest| text(latest).or_else(|| latest.get("name").and_then(text)));
    Some(Cycle { cycle, over, until: told.and_then(Value::as_str).and_then(|day| day.parse().ok()), latest })
}

/// A version without what packagers put before it.
fn upstream(version: &str) -> &str {
    match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => version,
    }
}

/// Programs of the fleet whose cycle is out of support.
pub fn look(catalogue: &Catalogue, policy: &SoftwarePolicy, products: &[Product], today: Date) -> Vec<Found> {
    let mut found = Vec::new();
    for product in products {
        let names = policy.names_of(&product.name);
        for (key, program) in &catalogue.programs {
            if !names.iter().any(|name| is_named(name, &key.name)) {
                continue;
            }
            for (machine, version) in program.newest_of_each(&key.source) {
                let cycles = product.cycles.iter().filter(|cycle| cycle.holds(upstream(version)));
                let Some(cycle) = cycles.max_by_key(|cycle| cycle.cycle.len()) else { continue };
                if cycle.is_over(today) {
                    found.push(Found {
                        code: "end_of_life",
                        program: program.name.clone(),
                        version: version.to_owned(),
                        wanted: cycle.until.map(|day| day.to_string()).unwrap_or_default(),
                        by: format!("{} {}", product.name, cycle.cycle),
                        machine,
                    });
                }
            }
        }
    }
    found.sort();
    found.truncate(super::rules::FOUND_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::{holder, package};
    use super::*;

    const LIST: &str = r#"[{"cycle": "13", "eol": "2028-08-09", "latest": "13.1"}, {"cycle": "12", "eol": false},
        {"cycle": "1", "eol": true}, {"cycle": 11, "eol": "2024-08-14"}, {"eol": true}]"#;

    #[test]
    fn both_forms_are_read() {
        let list = read(LIST, "Debian").unwrap();
        assert_eq!((list.name.as_str(), list.cycles.len()), ("debian", 4));
        let product = r#"{"schema_version": "1.2.0", "result": {"name": "debian", "releases": [
            {"name": "11", "isEol": true, "eolFrom": "2024-08-14", "latest": {"name": "11.11"}}]}}"#;
        let expected = Cycle {
            cycle: "11".into(),
            over: true,
            until: Some("2024-08-14".parse().unwrap()),
            latest: Some("11.11".into()),
        };
        assert_eq!(read(product, "").unwrap().cycles, [expected]);
        assert_eq!(read("[]", "x"), Err(TableError::NoCycles));
        assert_eq!(read("{}", "x"), Err(TableError::NoCycles));
        assert_eq!(read(LIST, "a b"), Err(TableError::NoName));
        assert!(matches!(read("<html>", "x"), Err(TableError::NotJson(_))));
        let long = format!("[{}]", vec![r#"{"cycle":"1"}"#; 501].join(","));
        assert_eq!(read(&long, "x"), Err(TableError::TooLarge));
    }

    #[test]
    fn what_is_out_of_support_is_found_by_the_longest_cycle() {
        let mut fleet = Catalogue::default();
        let versions = ["11.9", "12", "1:11.0-2", "110", "1.4", "13.0"];
        for version in versions {
            fleet.add(holder(version, "server", "Nord"), &[package("debian", version)]);
        }
        let today = "2026-11-28".parse().unwrap();
        let policy = SoftwarePolicy::default();
        let found = look(&fleet, &policy, &[read(LIST, "debian").unwrap()], today);
        let told: Vec<_> = found.iter().map(|f| (f.version.as_str(), f.by.as_str(), f.wanted.as_str())).collect();
        let expected =
            [("1.4", "debian 1", ""), ("11.9", "debian 11", "2024-08-14"), ("1:11.0-2", "debian 11", "2024-08-14")];
        assert_eq!(told, expected);
        let elsewhere = SoftwarePolicy::read(r#"{"products": {"debian": ["other*"]}}"#).unwrap();
        assert_eq!(look(&fleet, &elsewhere, &[read(LIST, "debian").unwrap()], today), []);
    }
}
