//! `backup FILE`: a whole copy of the store in one file, taken while the collector serves or not, verified before it gets
//! its name.

use super::place::{Place, Teller, size};
use super::{Data, clock};
use crate::store::sql::copy::{self, Sums};
use crate::store::sql::engine::Sql;
use crate::store::sqlite::file::{self, Label};
use anyhow::{Context, anyhow, bail};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// The file to write. It appears whole and verified, or not at all.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put it in the place of an earlier backup of that name.
    #[arg(long)]
    replace: bool,
}

/// Backs up.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let place = Place::of(&options.data)?;
    refuse_target(&options.file, options.replace, &place)?;
    let from = place.to_read()?;
    let draft = draft_of(&options.file);
    refuse_draft(&draft)?;

    let written = write(&from, &place, &draft).and_then(|sums| {
        name(&draft, &options.file, options.replace)?;
        Ok(sums)
    });
    let sums = match written {
        Ok(sums) => sums,
        Err(error) => {
            // What is not there need not be removed.
            drop(fs::remove_file(&draft));
            return Err(error.context("there is no new backup"));
        }
    };
    say(&options, &sums, began)
}

fn say(options: &Options, sums: &Sums, began: Instant) -> anyhow::Result<ExitCode> {
    let bytes = fs::metadata(&options.file)?.len();
    eprintln!(
        "{}: {} rows ({} schools, {} machines, {} events, {} tickets), {}, written and verified in {:.1} s",
        options.file.display(),
        copy::all_rows(sums),
        copy::rows(sums, "school"),
        copy::rows(sums, "machine"),
        copy::rows(sums, "event"),
        copy::rows(sums, "ticket"),
        size(bytes),
        began.elapsed().as_secs_f64(),
    );
    let key = options.data.data.join("keys").join("authority.key");
    let lost = "without it a restored collector cannot sign, and every machine must enrol again";
    if copy::rows(sums, "authority") == 0 {
        eprintln!("there is no authority yet: no key to save beside it");
    } else if key.exists() {
        eprintln!("save {} too, apart from this file: {lost}", key.display());
    } else {
        eprintln!("{} is not here: save that file from where the collector serves: {lost}", key.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over what must not be lost.
fn refuse_target(file: &Path, replace: bool, place: &Place) -> anyhow::Result<()> {
    let Ok(found) = fs::metadata(file) else { return Ok(()) };
    if found.is_dir() {
        bail!("{} is a folder: name the file to write in it", file.display());
    }
    let same =
        |store: &Path| fs::canonicalize(store).ok().is_some_and(|store| fs::canonicalize(file).ok() == Some(store));
    if place.file().is_some_and(same) {
        bail!("{} is the store itself: name another file", file.display());
    }
    if !replace {
        bail!("{} exists: nothing is replaced without --replace; name another file", file.display());
    }
    let earlier = file::read_only(file).and_then(|sql| file::label(&sql));
    if !matches!(earlier, Ok(Some(_))) {
        bail!("{} is not a sound backup of Vigie: it is not replaced; remove it yourself if it may go", file.display());
    }
    Ok(())
}

fn draft_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".draft");
    PathBuf::from(name)
}

/// A draft that nobody writes any more (its backup was killed) is taken away.
fn refuse_draft(draft: &Path) -> anyhow::Result<()> {
    if draft.exists() && file::draft_in_use(draft) {
        bail!("another backup is writing {}: let it end", draft.display());
    }
    match fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be taken away", draft.display()))
        }
        _ => Ok(()),
    }
}

/// Copies one snapshot into the draft, and reads the draft again.
fn write(from: &Sql, place: &Place, draft: &Path) -> anyhow::Result<Sums> {
    let mut teller = Teller::new("backup");
    let to = file::draft(draft)?;
    // Before the snapshot: what is signed between the two is in it, or is adopted after a restore.
    let label = Label { taken: clock().now(), version: env!("CARGO_PKG_VERSION").to_owned(), store: place.name() };
    let sums = copy::draw(from, &to, &mut |table, rows| teller.tell(table, rows), &mut |to, sums| {
        file::seal(to, &label, sums)
    })?;
    drop(to);
    file::settle(draft).with_context(|| format!("{} cannot be written to the disk", draft.display()))?;
    let mut teller = Teller::new("verifying");
    verify(draft, &mut |table, rows| teller.tell(table, rows))?;
    Ok(sums)
}

/// Opens a backup, reads all of it and compares it with what is written on it. Answers its label.
pub fn verify(path: &Path, progress: &mut copy::Progress<'_>) -> anyhow::Result<(Sql, Label)> {
    let sql = file::read_only(path)?;
    let (label, written) = file::label(&sql)?.ok_or_else(|| {
        anyhow!(
            "{} is a store of Vigie but not a backup: « vigie-collector migrate-store » copies a store",
            path.display()
        )
    })?;
    let problems = file::structure(&sql)?;
    if let Some(first) = problems.first() {
        bail!("{} is damaged ({} problems; the first: {first}): take another backup", path.display(), problems.len());
    }
    let found = copy::sums(&sql, progress).with_context(|| format!("{} is damaged", path.display()))?;
    let differ = copy::differences(&written, &found);
    if !differ.is_empty() {
        bail!(
            "{} is damaged: it does not hold what was written ({}): take another backup",
            path.display(),
            differ.join("; ")
        );
    }
    Ok((sql, label))
}

/// Gives the draft its name; nothing that came there meanwhile is replaced.
fn name(draft: &Path, file: &Path, replace: bool) -> anyhow::Result<()> {
    let named = if replace {
        fs::rename(draft, file)
    } else {
        match fs::hard_link(draft, file) {
            Ok(()) => fs::remove_file(draft),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // A file system without links.
            Err(_) if !file.exists() => fs::rename(draft, file),
            Err(error) => Err(error),
        }
    };
    named.with_context(|| format!("the backup cannot be given its name {}", file.display()))?;
    file::settle(file).with_context(|| format!("{} cannot be written to the disk", file.display()))
}
