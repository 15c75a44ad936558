//! The embedded engine: SQLite with a write-ahead log, synced at every commit. The verbs of the command line open the same
//! file while the collector serves.

mod engine;
pub mod file;
mod schema;

use super::StoreError;
use super::sql::engine::Sql;
use super::sql::{READERS, SqlStore};
use engine::Engine;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a writer waits for another process.
const BUSY: Duration = Duration::from_secs(10);

/// Opens the store in this file, creating it (mode 0600) and bringing its tables up to date. A database written by a newer
/// Vigie is refused.
pub fn open(path: &Path) -> Result<SqlStore, StoreError> {
    open_unnamed(path).map_err(|error| file::named(path, error))
}

/// Refuses a damaged file, with what to do: before it is served.
pub fn check(path: &Path) -> Result<(), StoreError> {
    let began = std::time::Instant::now();
    file::check_before_serving(path)?;
    tracing::info!(milliseconds = began.elapsed().as_millis(), "the database file was checked (quick_check)");
    Ok(())
}

/// Pages that the writer keeps. What it looks at every minute of 3,000 machines is 2 MB; the rest is in the memory of the
/// operating system. Large caches only fill, for days, and look like a leak.
const WRITER_CACHE_KIB: i64 = 4_000;
/// Pages that each reader keeps.
const READER_CACHE_KIB: i64 = 1_000;

fn open_unnamed(path: &Path) -> Result<SqlStore, StoreError> {
    create(path)?;
    let writer = connect(path)?;
    schema::migrate(&writer)?;
    let mut readers = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        let reader = connect(path)?;
        reader.pragma_update(None, "query_only", true)?;
        reader.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        readers.push(Sql::new(Engine::new(reader)));
    }
    SqlStore::start(Sql::new(Engine::new(writer)), readers)
}

/// One connection to a store in this file, its tables up to date.
pub fn connection(path: &Path) -> Result<Sql, StoreError> {
    create(path)?;
    let connection = connect(path)?;
    schema::migrate(&connection)?;
    Ok(Sql::new(Engine::new(connection)))
}

/// Makes the file readable by its owner only before SQLite writes to it; SQLite gives its log the same mode.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|e| StoreError::Failed(format!("the database cannot be opened: {e}")))
}

/// Turns the write-ahead log on. SQLite does not wait for others here (its busy handler is not asked where waiting could
/// be a deadlock), so two programs that open a new database at once would refuse each other: we try again ourselves.
fn use_write_ahead_log(connection: &Connection) -> Result<(), StoreError> {
    const PAUSE: Duration = Duration::from_millis(10);
    let busy = |error: &rusqlite::Error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
    for _ in 0..BUSY.as_millis() / PAUSE.as_millis() {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if busy(&error) => std::thread::sleep(PAUSE),
            done => return Ok(done?),
        }
    }
    Ok(connection.pragma_update(None, "journal_mode", "wal")?)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    use_write_ahead_log(&connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // One plan a statement: without this SQLite prepares some again at every new value that is bound (measured: three
    // quarters of the time of a quiet heartbeat).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}
