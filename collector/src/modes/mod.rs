//! One file per verb of the command line. Verbs of administration open the same database beside a collector that serves.

pub mod approve;
pub mod backup;
pub mod calendar;
pub mod check_store;
pub mod import_references;
pub mod line;
pub mod machines;
pub mod maintenance;
pub mod migrate_store;
pub mod network;
mod place;
pub mod place_machine;
pub mod policy;
pub mod refused;
pub mod restore;
pub mod revoke;
pub mod schools;
pub mod serve;
pub mod software_policy;
pub mod ticket;
pub mod ticket_policy;
pub mod token;
pub mod user;

use crate::authority::private_folder;
use crate::calendar::Region;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Decide, Engine};
use crate::store::Store;
use crate::store::{postgres, sqlite};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::sync::Arc;

/// Name of the database in the data folder.
const DATABASE: &str = "vigie.sqlite";

/// The variable that names the store where `--store` does not.
const STORE_VARIABLE: &str = "VIGIE_STORE";

/// The data folder, and where the store is.
#[derive(clap::Args)]
pub struct Data {
    /// Folder of the collector: keys, lock, and the database unless --store names another.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/vigie-collector")]
    pub data: PathBuf,
    /// Database of PostgreSQL, which several collectors may share: postgres://USER@HOST:PORT/DATABASE, with
    /// ?sslmode=disable, prefer, require or verify-full behind it. The variable VIGIE_STORE says the same.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// File whose first line is the password for --store.
    #[arg(long, value_name = "FILE")]
    pub store_password_file: Option<PathBuf>,
    /// Certificates (PEM) that the server of --store must show one of, or one signed by one of.
    #[arg(long, value_name = "FILE")]
    pub store_ca: Option<PathBuf>,
}

impl Data {
    /// Makes the folder, for this user alone, if it is not there, and opens the store.
    pub fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        private_folder(&self.data).with_context(|| format!("the folder {} cannot be made", self.data.display()))?;
        if let Some(settings) = self.shared_store()? {
            return Ok(Arc::new(postgres::open(&settings)?));
        }
        let path = self.data.join(DATABASE);
        let store = sqlite::open(&path).with_context(|| format!("the database {} cannot be opened", path.display()))?;
        Ok(Arc::new(store))
    }

    /// The same for a collector that serves: a damaged file is refused.
    pub fn open_checked(&self) -> anyhow::Result<Arc<dyn Store>> {
        if self.shared_store()?.is_none() {
            sqlite::check(&self.data.join(DATABASE))?;
        }
        self.open()
    }

    /// How the database of PostgreSQL is reached; `None` where the store is a file in the folder.
    pub fn shared_store(&self) -> anyhow::Result<Option<postgres::Settings>> {
        let variable = std::env::var(STORE_VARIABLE).ok().filter(|url| !url.is_empty());
        let Some(url) = self.store.as_ref().or(variable.as_ref()) else {
            if self.store_password_file.is_some() || self.store_ca.is_some() {
                bail!("--store-password-file and --store-ca belong to --store: name the database, or leave them out");
            }
            return Ok(None);
        };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            // It may hold a password: it is not repeated.
            bail!(
                "--store (or {STORE_VARIABLE}) is no store that is known: postgres://USER@HOST:PORT/DATABASE is wanted, or \
                 nothing for the file {DATABASE} in --data"
            );
        }
        let settings = postgres::Settings::new(url, self.store_password_file.as_deref(), self.store_ca.as_deref())?;
        Ok(Some(settings))
    }
}

/// The engine that decides, with due times in the usual business hours.
pub fn decider() -> anyhow::Result<Arc<dyn Decide>> {
    Ok(Arc::new(Engine::with_office_hours(Region::France)?))
}

/// The clock of the system.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// Who did what is done from the command line, in histories.
pub const BY: &str = "command line";

/// Runs a verb that waits for the store.
pub fn block_on<T>(verb: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(verb)
}

/// Prints a line to the standard output. Nobody reading it any more (`| head`) is no error.
pub fn print(line: impl std::fmt::Display) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
