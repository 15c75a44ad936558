//! One file per verb of the command line. Verbs of administration open the same database beside a collector that serves.

pub mod approve;
pub mod backup;
pub mod check_store;
pub mod machines;
pub mod migrate_store;
pub mod network;
mod place;
pub mod policy;
pub mod refused;
pub mod restore;
pub mod revoke;
pub mod schools;
pub mod serve;
pub mod token;
pub mod user;

use crate::authority::private_folder;
use crate::calendar::Region;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Decide, Engine};
use crate::store::Store;
use crate::store::sqlite;
use anyhow::Context;
use std::path::PathBuf;
use std::sync::Arc;

/// Name of the database in the data folder.
const DATABASE: &str = "vigie.sqlite";

/// The data folder.
#[derive(clap::Args)]
pub struct Data {
    /// Folder of the collector: database, keys, lock.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/vigie-collector")]
    pub data: PathBuf,
}

impl Data {
    /// Makes the folder, for this user alone, if it is not there, and opens the store.
    pub fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        private_folder(&self.data).with_context(|| format!("the folder {} cannot be made", self.data.display()))?;
        let path = self.data.join(DATABASE);
        let store = sqlite::open(&path).with_context(|| format!("the database {} cannot be opened", path.display()))?;
        Ok(Arc::new(store))
    }
}

/// The engine that decides, with due times in the usual business hours.
pub fn decider() -> anyhow::Result<Arc<dyn Decide>> {
    Ok(Arc::new(Engine::with_office_hours(Region::France)?))
}

/// The clock of the system.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
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
