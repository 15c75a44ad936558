//! Plays a scenario: the world runs from before its start to its end; the store is read whenever a want looks.

use super::check::{self, Difference};
use super::{Scenario, Unreadable, parse};
use crate::sim::Ms;
use crate::sim::drive::{Drive, Options};
use crate::sim::found::Found;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What came of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// What is not as wanted; empty when all is.
    pub differences: Vec<Difference>,
    /// What was found at the end.
    pub found: Found,
    /// Simulated milliseconds.
    pub simulated: Ms,
    /// Wants looked at.
    pub wants: usize,
}

/// Why a file has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It is no scenario.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// It could not be read or played.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// Reads and plays a file.
pub fn file(path: &Path, options: Options) -> Result<Outcome, Failure> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let scenario = parse(&path.display().to_string(), &text)?;
    Ok(play(&scenario, options)?)
}

/// Plays a scenario.
pub fn play(scenario: &Scenario, options: Options) -> Result<Outcome> {
    let mut drive = Drive::new(scenario.world.clone(), scenario.begins, options)?;
    for (at, action) in &scenario.happens {
        drive.plan(*at, action.clone());
    }
    let mut looks: Vec<Ms> = scenario.wants.iter().filter_map(|wanted| wanted.at).collect();
    looks.sort_unstable();
    looks.dedup();
    let mut seen: BTreeMap<Ms, Found> = BTreeMap::new();
    for at in looks.into_iter().filter(|at| *at <= scenario.until) {
        drive.run_to(at)?;
        seen.insert(at, drive.found()?);
    }
    drive.run_to(scenario.until)?;
    let found = drive.found()?;
    let mut differences = check::unsupported(scenario, &drive.unsupported);
    differences.extend(check::in_doubt(scenario, &drive.doubts()?));
    differences.extend(check::compare(scenario, &seen, &found));
    let (simulated, wants) = (scenario.until - scenario.begins, scenario.wants.len());
    Ok(Outcome { differences, found, simulated, wants })
}

/// The scenario files that are meant: files as they are, folders with all files in them that end in `.scn`, without what
/// lies deeper.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let mut inside: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(path).with_context(|| format!("{}", path.display()))? {
            let entry = entry?.path();
            if entry.extension().is_some_and(|ending| ending == "scn") {
                inside.push(entry);
            }
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}
