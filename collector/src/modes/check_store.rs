//! `check-store`: looks for damage and contradictions, changes nothing. Exit code 1 when something is wrong.

use super::place::Place;
use super::{Data, print};
use crate::authority::{Authority, AuthorityError, FileKey};
use crate::store::sql::check::{self, Outcome, RESTORE};
use crate::store::sql::engine::Sql;
use crate::store::sql::restored;
use crate::store::sqlite::file;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// Checks.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = Place::of(&options.data)?;
    let mut outcomes = Vec::new();
    let mut tell = |outcome: Outcome| {
        if !options.json {
            line(&outcome)?;
        }
        outcomes.push(outcome);
        anyhow::Ok(())
    };
    look(&place, &options.data.data, &mut tell)?;
    let good = outcomes.iter().all(Outcome::good);
    if options.json {
        print(json!({ "store": place.name(), "ok": good, "checks": outcomes }))?;
    } else if good {
        eprintln!("{}: nothing is wrong", place.name());
    } else {
        eprintln!("{}: something is wrong; nothing was changed", place.name());
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(place: &Place, data: &Path, tell: &mut dyn FnMut(Outcome) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let sql = match place.to_read() {
        Ok(sql) => sql,
        Err(error) if place.file().is_some_and(Path::exists) => {
            // Not even a database: that is the finding.
            let mut outcome = structure();
            outcome.add(format!("{error:#}"));
            return tell(outcome);
        }
        Err(error) => return Err(error),
    };
    if place.file().is_some() {
        let found = file::structure(&sql);
        let mut outcome = structure();
        let result = found.map(|problems| problems.into_iter().for_each(|problem| outcome.add(problem)));
        tell(outcome.settle(result))?;
    }
    let mut printed = Ok(());
    let checked = check::run(&sql, &mut |outcome| {
        if printed.is_ok() {
            printed = tell(outcome);
        }
    });
    printed?;
    checked?;
    tell(key(&sql, data))
}

fn structure() -> Outcome {
    Outcome::new("structure", "pages, indexes, references and tables of the file are whole", RESTORE)
}

/// Whether the file key beside the store opens the authority.
fn key(sql: &Sql, data: &Path) -> Outcome {
    let what = "keys/authority.key opens the authority";
    let mut outcome = Outcome::new("key", what, "put back the file that was saved with this store");
    match restored::authority(sql) {
        Err(error) => return outcome.settle(Err(error)),
        Ok(None) => {}
        Ok(Some(row)) => {
            let opened = FileKey::load(data).map_err(AuthorityError::from).and_then(|key| Authority::open(&row, &key));
            if let Err(error) = opened {
                outcome.add(error.to_string());
            }
        }
    }
    outcome
}

fn line(outcome: &Outcome) -> anyhow::Result<()> {
    let Outcome { check, what, problems, first, advice } = outcome;
    if outcome.good() {
        return print(format!("ok     {check:<11} {what}"));
    }
    let plural = if *problems == 1 { "problem" } else { "problems" };
    print(format!("WRONG  {check:<11} {problems} {plural} (what should be: {what})"))?;
    for problem in first {
        print(format!("       {:<11} - {problem}", ""))?;
    }
    let rest = problems.saturating_sub(u64::try_from(first.len()).unwrap_or(u64::MAX));
    if rest > 0 {
        print(format!("       {:<11} - and {rest} more", ""))?;
    }
    print(format!("       {:<11} what to do: {advice}", ""))
}
