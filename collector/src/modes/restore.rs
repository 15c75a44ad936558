//! `restore FILE`: brings a backup into an empty store that nobody serves. What the agents have that the backup has not
//! comes back by itself; the last words say what does not.

use super::Data;
use super::backup;
use super::place::{Place, Teller};
use crate::authority::{Authority, AuthorityError, FileKey};
use crate::store::StoreError;
use crate::store::sql::copy::{self, Sums};
use crate::store::sql::engine::Sql;
use crate::store::sql::restored;
use crate::store::sqlite::file::Label;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    data: Data,
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Restores.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut teller = Teller::new("checking the backup");
    let (from, label) = backup::verify(&options.file, &mut |table, rows| teller.tell(table, rows))?;
    let place = Place::of(&options.data)?;
    let _alone = place.alone().context("a store is restored while nobody serves it")?;
    let to = place.to_write()?;
    let sums = bring(&from, &to, &label, &place)?;
    let key = key(&from, &options.data.data)?;
    say(&options.file, &place, &label, &sums, began);
    Ok(say_key(key))
}

fn bring(from: &Sql, to: &Sql, label: &Label, place: &Place) -> anyhow::Result<Sums> {
    let mut teller = Teller::new("restore");
    let mut finish = |to: &Sql, _: &Sums| restored::mark(to, label.taken);
    let done = copy::transfer(from, to, &mut |table, rows| teller.tell(table, rows), &mut finish);
    done.map(|done| done.read).map_err(|error| match error {
        StoreError::Conflict(why) => {
            let empty = match place.file() {
                Some(file) => format!(
                    "stop the collector, move {} away (do not delete it before the restored collector works)",
                    file.display()
                ),
                None => "make an empty database and name it with --store".to_owned(),
            };
            anyhow::anyhow!("{why}. A backup is restored into an empty store only: {empty}, and run this again")
        }
        other => anyhow::Error::new(other).context(format!("{} is left as it was", place.name())),
    })
}

/// What is said of the key.
enum Key {
    /// The backup has no authority.
    None,
    /// It opens the authority.
    Good(PathBuf),
    /// It does not; why, and what to do.
    Bad(AuthorityError),
}

fn key(from: &Sql, data: &Path) -> anyhow::Result<Key> {
    let Some(row) = restored::authority(from)? else { return Ok(Key::None) };
    let key = FileKey::load(data).map_err(AuthorityError::from);
    Ok(match key.and_then(|key| Authority::open(&row, &key).map(|_| key.path().to_owned())) {
        Ok(path) => Key::Good(path),
        Err(error) => Key::Bad(error),
    })
}

fn say(file: &Path, place: &Place, label: &Label, sums: &Sums, began: Instant) {
    eprintln!(
        "{} holds the backup {} of {} (taken {} by version {}): {} schools, {} machines, {} events, {} tickets, \
         in {:.1} s",
        place.name(),
        file.display(),
        label.store,
        label.taken,
        label.version,
        copy::rows(sums, "school"),
        copy::rows(sums, "machine"),
        copy::rows(sums, "event"),
        copy::rows(sums, "ticket"),
        began.elapsed().as_secs_f64(),
    );
    eprintln!(
        "When it serves again, agents go on by themselves: they send what they still hold, what was acknowledged since the \
         backup is noted as a gap, and inventories are asked for again. A certificate renewed since is adopted, and noted."
    );
    eprintln!(
        "What does not come back: machines that enrolled since the backup are unknown (refused with machine_unknown): give \
         them a new token. Schools, users, passwords, policies, approvals and revocations changed since must be changed \
         again; above all, revoke again what was revoked. Everybody signs in anew."
    );
}

fn say_key(key: Key) -> ExitCode {
    match key {
        Key::None => eprintln!("The backup has no authority: the collector makes one when it starts."),
        Key::Good(path) => eprintln!("{} opens the authority: the collector can sign.", path.display()),
        Key::Bad(error) => eprintln!("THE COLLECTOR CANNOT START YET: {error}"),
    }
    ExitCode::SUCCESS
}
