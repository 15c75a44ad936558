//! `vigie-agent parse KIND FILE`: what the agent understands of one captured file. Another kind is one more arm of
//! [`understood`].

mod reg;

use super::inventory::print;
use crate::inventory::{edid, registry, smart, smbios};
use anyhow::{Context, anyhow};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// Largest file read, bytes.
const FILE_MAX: u64 = 16 << 20;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// What the file is: edid (a block of /sys/class/drm), smbios (/sys/firmware/dmi/tables/DMI or `dmidecode
    /// --dump-bin`), smartctl (an answer of `smartctl --json`), reg (an export of the Windows registry).
    kind: String,
    /// The file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut bytes = Vec::new();
    let read = File::open(&options.file).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("{} cannot be read", options.file.display()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_MAX) {
        return Err(anyhow!("{} is larger than is read of a capture ({FILE_MAX} bytes)", options.file.display()));
    }
    let understood = understood(&options.kind, &bytes).map_err(|why| anyhow!("{}: {why}", options.file.display()))?;
    let mut text = String::new();
    if options.json {
        text = serde_json::to_string_pretty(&understood)? + "\n";
    } else {
        lines("", &understood, &mut text);
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What a file of a kind says. By way of the writing in which sections travel: another would need code of its own.
fn understood(kind: &str, bytes: &[u8]) -> Result<Value, String> {
    match kind {
        "edid" => {
            let monitor = edid::parse(bytes)?;
            let mut fields = fields(&monitor);
            // As other inventories write the same.
            if let Some(date) = edid::date(&monitor) {
                fields.insert("description".into(), Value::String(date));
            }
            if let Some(serial) = monitor.alternative_serial {
                fields.insert("altserial".into(), Value::String(serial));
            }
            Ok(Value::Object(fields))
        }
        "smbios" => Ok(Value::Object(fields(&smbios::parse_dump(bytes)?))),
        "smartctl" => Ok(Value::Object(fields(&smart::parse(bytes)?))),
        "reg" => Ok(Value::Object(fields(&reg::understood(&registry::parse(bytes))))),
        _ => Err(format!("there is no kind « {kind} »; there are edid, smbios, smartctl and reg")),
    }
}

fn fields(facts: &impl Serialize) -> Map<String, Value> {
    // Our own facts always encode.
    serde_json::to_string(facts).and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
}

/// One fact a line, under its place in the whole: `memory.modules.0.size_bytes  8589934592`.
fn lines(place: &str, value: &Value, text: &mut String) {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(key, value)| lines(&below(key), value, text)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| lines(&below(&at.to_string()), value, text));
        }
        Value::String(value) => text.push_str(&format!("{place:32} {value}\n")),
        value => text.push_str(&format!("{place:32} {value}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::fixture::{Table, entry_point, mutations};

    #[test]
    fn a_dump_of_dmidecode_and_a_bare_table_say_the_same() {
        let table = Table::desktop().end();
        let bare = understood("smbios", &table).unwrap();
        assert_eq!(bare["system"]["serial"], "CZC-00042");
        assert_eq!(bare["free_slots"][0], "DIMM 2");
        let mut dump = entry_point(3, 2);
        dump.resize(32, 0);
        // Where the table begins, within the file.
        dump[16] = 32;
        dump[5] = dump[5].wrapping_sub(32);
        dump.extend(&table);
        assert_eq!(understood("smbios", &dump).unwrap(), bare);
    }

    #[test]
    fn what_cannot_be_understood_says_why() {
        assert!(understood("edid", b"x").unwrap_err().contains("1 bytes"));
        assert!(understood("smartctl", b"x").is_err());
        assert!(understood("edit", b"").unwrap_err().contains("« edit »"));
    }

    #[test]
    fn facts_are_lines() {
        let mut text = String::new();
        lines("", &serde_json::json!({"a": {"b": [1, true]}, "c": "d", "e": null}), &mut text);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [["a.b.0", "1"], ["a.b.1", "true"], ["c", "d"]]);
    }

    #[test]
    fn damaged_tables_neither_panic_nor_hang() {
        mutations(1, &Table::desktop().end(), 5_000, |bytes| drop(smbios::parse_dump(bytes)));
    }
}
