//! What one does with a database file beside serving it: look at it without changing a byte, judge its structure, and
//! write one that is a backup.

use super::super::StoreError;
use super::super::sql::copy::{Sum, Sums};
use super::super::sql::engine::Sql;
use super::super::sql::row::{Row, int, ms, params};
use super::super::sql::tables::TABLES;
use super::engine::Engine;
use super::{BUSY, create, schema};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The first bytes of every SQLite database (<https://www.sqlite.org/fileformat.html>, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

fn failed(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("{}: {why}", path.display()))
}

/// Names the file in an error.
pub fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Failed(why) => failed(path, why),
        other => other,
    }
}

/// A connection that reads and changes nothing: neither the file nor its log. The file must be a database of this
/// format.
pub fn read_only(path: &Path) -> Result<Sql, StoreError> {
    refuse_foreign(path)?;
    let open = || -> Result<Sql, StoreError> {
        let connection = look(path)?;
        schema::refuse_other(&connection)?;
        Ok(Sql::new(Engine::new(connection)))
    };
    open().map_err(|error| named(path, error))
}

fn look(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Refuses what is not even a database, in words.
fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let mut file = fs::File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => failed(path, "there is no such file"),
        _ => failed(path, error),
    })?;
    let mut head = Vec::with_capacity(MAGIC.len());
    let length = u64::try_from(MAGIC.len()).unwrap_or_default();
    file.by_ref().take(length).read_to_end(&mut head).map_err(|error| failed(path, error))?;
    if head.is_empty() {
        return Err(failed(path, "the file is empty: it was never written, or it was cut off"));
    }
    if head != MAGIC {
        return Err(failed(path, "this is no SQLite database, or its first bytes are damaged"));
    }
    Ok(())
}

/// What the structure of the file says against it: pages, indexes, references, and tables or indexes that are not as the
/// migrations make them. Empty when all is well.
pub fn structure(sql: &Sql) -> Result<Vec<String>, StoreError> {
    let mut problems: Vec<String> = sql.all("PRAGMA integrity_check(100)", &[], |row| row.get(0))?;
    problems.retain(|line| line != "ok");
    let reference = |row: &Row<'_>| {
        Ok(format!("a row of {} refers to a row of {} that is not there", row.get::<String>(0)?, row.get::<String>(2)?))
    };
    let references: Vec<String> = sql.all("PRAGMA foreign_key_check", &[], reference)?;
    problems.extend(references);
    problems.extend(schema_differences(sql)?);
    Ok(problems)
}

fn schema_differences(sql: &Sql) -> Result<Vec<String>, StoreError> {
    const MADE: &str = "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL";
    let made: BTreeMap<String, String> = sql.all(MADE, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let memory = Connection::open_in_memory()?;
    schema::migrate(&memory)?;
    let wanted: BTreeMap<String, String> =
        Sql::new(Engine::new(memory)).all(MADE, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let differs = wanted.iter().filter_map(|(name, text)| match made.get(name) {
        None => Some(format!("{name} is missing")),
        Some(other) if other != text => Some(format!("{name} is not as this version makes it")),
        Some(_) => None,
    });
    Ok(differs.collect())
}

/// Judges a database before it is served: its header, and `PRAGMA quick_check(1)`, which reads every page. A torn end of the
/// write-ahead log is what a crash leaves behind and is no damage. Nothing is repaired.
pub fn check_before_serving(path: &Path) -> Result<(), StoreError> {
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(path, error)),
    };
    if length == 0 {
        return Err(failed(
            path,
            "the database is empty (0 bytes), which one that was opened never is: it was cut off. Keep what lies beside it \
             (« -wal »), move it away and restore the last backup with « vigie-collector restore »; if there was never \
             anything in it, remove it",
        ));
    }
    let check = || -> Result<Option<String>, StoreError> {
        let connection = look(path)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((verdict != "ok").then_some(verdict))
    };
    match check() {
        Ok(None) => Ok(()),
        Ok(Some(verdict)) => Err(failed(path, damaged(&verdict))),
        Err(error) => Err(named(path, error)),
    }
}

/// What to do with a damaged database.
pub fn damaged(what: &str) -> String {
    format!(
        "the database file is damaged ({}): keep the file, look with « vigie-collector check-store », and restore the last \
         backup with « vigie-collector restore »; nothing was repaired",
        what.replace('\n', " ")
    )
}

/// What is written on a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The instant of its snapshot.
    pub taken: Timestamp,
    /// The version that wrote it.
    pub version: String,
    /// The store it is a copy of, without passwords.
    pub store: String,
}

/// Begins a backup: a new file (mode 0600), its tables made. Nothing of it is safe before it is [`settled`](settle): there is
/// no journal, so a failed one is removed.
pub fn draft(path: &Path) -> Result<Sql, StoreError> {
    create(path).map_err(|error| named(path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let make = || -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "journal_mode", "off")?;
        connection.pragma_update(None, "synchronous", "off")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -16_000)?;
        connection.set_prepared_statement_cache_capacity(128);
        schema::migrate(&connection)?;
        Ok(connection)
    };
    Ok(Sql::new(Engine::new(make().map_err(|error| named(path, error))?)))
}

/// Whether another process is writing this draft at the moment.
pub fn draft_in_use(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(path, flags) else { return false };
    let busy = |error: rusqlite::Error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err_and(busy)
}

/// Writes the label and the figures of what was copied, inside the transaction that copied it.
pub fn seal(sql: &Sql, label: &Label, sums: &Sums) -> Result<(), StoreError> {
    const TABLES: &str = "
        CREATE TABLE vigie_backup (
            id INTEGER PRIMARY KEY CHECK (id = 1), taken INTEGER NOT NULL, version TEXT NOT NULL, store TEXT NOT NULL
        ) STRICT;
        CREATE TABLE vigie_backup_table (
            name TEXT PRIMARY KEY, rows INTEGER NOT NULL, digest BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;";
    sql.script(TABLES)?;
    const LABEL: &str = "INSERT INTO vigie_backup (id, taken, version, store) VALUES (1, ?1, ?2, ?3)";
    sql.execute(LABEL, params![ms(label.taken), label.version, label.store])?;
    for (name, sum) in sums {
        const TABLE: &str = "INSERT INTO vigie_backup_table (name, rows, digest) VALUES (?1, ?2, ?3)";
        sql.execute(TABLE, params![name, int(sum.rows), sum.bytes()])?;
    }
    Ok(())
}

/// Label and figures of a backup; `None` for a store that is no backup.
pub fn label(sql: &Sql) -> Result<Option<(Label, Sums)>, StoreError> {
    const IS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'vigie_backup')";
    if !sql.value::<bool>(IS, &[])? {
        return Ok(None);
    }
    const LABEL: &str = "SELECT taken, version, store FROM vigie_backup";
    let read = |row: &Row<'_>| Ok(Label { taken: row.get(0)?, version: row.get(1)?, store: row.get(2)? });
    let Some(label) = sql.find(LABEL, &[], read)? else { return Ok(None) };
    const FIGURES: &str = "SELECT name, rows, digest FROM vigie_backup_table";
    let read = |row: &Row<'_>| {
        let sum = Sum::from_parts(row.get(1)?, &row.get::<Vec<u8>>(2)?);
        let sum = sum.ok_or_else(|| StoreError::Failed("a digest of the backup is not one".to_owned()))?;
        Ok((row.get::<String>(0)?, sum))
    };
    let figures: BTreeMap<String, Sum> = sql.all(FIGURES, &[], read)?;
    let of = |name: &'static str| (name, figures.get(name).copied().unwrap_or_default());
    Ok(Some((label, TABLES.iter().map(|table| of(table.name)).collect())))
}

/// Has the system write a file, and the name of it, to the disk.
pub fn settle(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
