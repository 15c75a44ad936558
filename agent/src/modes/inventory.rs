//! `vigie-agent inventory`: reads the inventory of this machine, or of a captured one, and prints it.

use crate::inventory::{self, SECTIONS, Section};
use crate::source::{Captured, Live, Source};
use anyhow::{Context, bail};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vigie_shared::section::{OperatingSystem, name};

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// Read a captured machine: a folder that holds its files under their own paths.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print one JSON object, section by section, exactly as it would be sent.
    #[arg(long)]
    json: bool,
    /// Print it in another program's format.
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["json", "section"])]
    format: Option<Format>,
    /// Only this section.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
}

/// Formats of other programs.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// GLPI's native inventory.
    Glpi,
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let source = source(options.root.as_deref())?;
    let sections = chosen(options.section.as_deref())?;
    let whole = options.section.is_some();
    let text = if let Some(Format::Glpi) = options.format {
        glpi(&inventory::collect(source.as_ref())) + "\n"
    } else if options.json {
        let read: BTreeMap<String, Box<RawValue>> =
            crate::sort::map(sections.iter().map(|s| (s.name.to_owned(), s.collect(source.as_ref()))));
        serde_json::to_string(&read)? + "\n"
    } else {
        readable(sections, source.as_ref(), whole)
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The inventory in GLPI's format. The name of the machine stands for the agent: this verb needs no enrolment.
fn glpi(sections: &BTreeMap<String, Box<RawValue>>) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        data: Option<OperatingSystem>,
    }
    let system = sections.get(name::OPERATING_SYSTEM).and_then(|raw| serde_json::from_str::<Body>(raw.get()).ok());
    let host = system.and_then(|body| body.data?.host_name).unwrap_or_else(|| "vigie".into());
    vigie_shared::glpi::inventory(&host, sections).to_string()
}

/// The machine to read: this one, or the one captured in a folder.
pub(super) fn source(root: Option<&Path>) -> anyhow::Result<Box<dyn Source>> {
    let Some(root) = root else { return Ok(Box::new(Live)) };
    let metadata = std::fs::metadata(root).with_context(|| format!("the captured machine {}", root.display()))?;
    if !metadata.is_dir() {
        bail!("the captured machine {} is not a folder", root.display());
    }
    Ok(Box::new(Captured::new(root)))
}

/// Prints; a reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("writing to the standard output"),
    }
}

fn chosen(name: Option<&str>) -> anyhow::Result<&'static [Section]> {
    let Some(name) = name else { return Ok(SECTIONS) };
    let found = SECTIONS.iter().position(|section| section.name == name).and_then(|at| SECTIONS.get(at..=at));
    found.with_context(|| {
        let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        format!("there is no section « {name} »; there are {}", names.join(", "))
    })
}

/// One paragraph a section: its name and what came of it, the facts, and what could not be read and why (`!`).
fn readable(sections: &[Section], source: &dyn Source, whole: bool) -> String {
    #[derive(serde::Deserialize)]
    struct Word {
        outcome: String,
    }
    let mut text = String::new();
    for section in sections {
        let read = section.collect(source);
        let word = serde_json::from_str::<Word>(read.get()).map_or_else(|_| "unavailable".to_owned(), |w| w.outcome);
        text.push_str(&format!("{} ({word})\n{}\n", section.name, section.show(&read, whole)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_section_names_the_known_ones() {
        let error = chosen(Some("memry")).err().unwrap().to_string();
        assert!(error.contains("« memry »") && error.contains("memory"), "{error}");
        assert_eq!(chosen(Some("memory")).unwrap().len(), 1);
    }

    #[test]
    fn a_root_that_is_no_folder_is_an_error_that_names_it() {
        assert!(source(Some(Path::new("/nowhere/at/all"))).err().unwrap().to_string().contains("/nowhere/at/all"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(source(Some(file.path())).err().unwrap().to_string().contains("is not a folder"));
    }

    #[test]
    fn every_section_has_its_paragraph_even_of_an_empty_machine() {
        let dir = tempfile::tempdir().unwrap();
        let text = readable(SECTIONS, &Captured::new(dir.path()), false);
        for section in SECTIONS {
            assert!(text.contains(&format!("{} (", section.name)), "{text}");
        }
        assert!(text.contains("system (unavailable)\n  ! this machine has no SMBIOS tables"), "{text}");
    }
}
