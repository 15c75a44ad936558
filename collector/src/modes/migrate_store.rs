//! `migrate-store FROM TO`: copies a store into an empty one, of the same engine or the other.

use super::place::{Place, Teller};
use super::print;
use crate::store::StoreError;
use crate::store::sql::copy::{self, Transferred};
use anyhow::{Context, anyhow, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    /// The store to copy, which nobody serves: `sqlite:PATH` or `postgres://user@host/database`.
    #[arg(value_name = "FROM")]
    from: String,
    /// The empty store to copy it into.
    #[arg(value_name = "TO")]
    to: String,
    /// File whose first line is the password for the database of PostgreSQL.
    #[arg(long, value_name = "FILE")]
    store_password_file: Option<PathBuf>,
    /// Certificates (PEM) that its server must show one of, or one signed by one of.
    #[arg(long, value_name = "FILE")]
    store_ca: Option<PathBuf>,
}

/// Migrates.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let place = |text| Place::parse(text, options.store_password_file.as_deref(), options.store_ca.as_deref());
    let (from, to) = (place(&options.from)?, place(&options.to)?);
    if from.name() == to.name() {
        bail!("FROM and TO are the same store");
    }
    let reads = from.to_read()?;
    let _alone = from.alone().context("FROM must not change meanwhile")?;
    let _alone_too = to.alone().context("TO must not be served")?;
    let writes = to.to_write()?;
    let mut teller = Teller::new("migrate-store");
    let mut progress = |table, rows| teller.tell(table, rows);
    match copy::transfer(&reads, &writes, &mut progress, &mut |_, _| Ok(())) {
        Ok(done) => say(&from, &to, &done, began),
        Err(StoreError::Conflict(why)) => Err(anyhow!("{}: {why}; give an empty store as TO", to.name())),
        Err(error) => {
            let left = format!("nothing was migrated: {} is left empty, {} is as it was", to.name(), from.name());
            Err(anyhow::Error::new(error).context(left))
        }
    }
}

fn say(from: &Place, to: &Place, done: &Transferred, began: Instant) -> anyhow::Result<ExitCode> {
    print(format!(
        "{:<17} {:>12} {:>12}  {:<16}  {:<16}",
        "TABLE", "ROWS FROM", "ROWS TO", "DIGEST FROM", "DIGEST TO"
    ))?;
    for ((name, read), (_, written)) in done.read.iter().zip(&done.written) {
        print(format!("{name:<17} {:>12} {:>12}  {read}  {written}", read.rows, written.rows))?;
    }
    eprintln!(
        "{} holds all of {}: {} rows, read again and compared, in {:.1} s. Start the collector on it with the same --data \
         folder: keys/authority.key stays there. Everybody signs in anew.",
        to.name(),
        from.name(),
        copy::all_rows(&done.read),
        began.elapsed().as_secs_f64(),
    );
    Ok(ExitCode::SUCCESS)
}
