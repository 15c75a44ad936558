//! Where a store lies, for the verbs that take it as a whole: backup, restore, check, migration.

use super::{DATABASE, Data, serve};
use crate::authority::private_folder;
use crate::store::sql::engine::Sql;
use crate::store::sqlite;
use anyhow::{Context, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of the embedded engine.
    Sqlite(PathBuf),
}

/// While this lives, no collector can begin to serve the store.
pub struct Alone(#[allow(dead_code, reason = "held for its lock")] Option<File>);

impl Place {
    /// The store of the collector's options.
    pub fn of(data: &Data) -> anyhow::Result<Self> {
        Ok(Self::Sqlite(data.data.join(DATABASE)))
    }

    /// A store as the command line names it: `sqlite:PATH` or `postgres://…`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        match text.strip_prefix("sqlite:") {
            Some("") => bail!("« {text} » names no file: sqlite:PATH is wanted, such as sqlite:/var/lib/x/{DATABASE}"),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => bail!("« {text} » is no store: sqlite:PATH or postgres://user@host/database is wanted"),
        }
    }

    /// For people, without passwords.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
        }
    }

    /// A connection that reads what exists and changes nothing.
    pub fn to_read(&self) -> anyhow::Result<Sql> {
        match self {
            Self::Sqlite(path) if !path.exists() => {
                bail!("there is no store at {}: give --data the folder of a collector", path.display())
            }
            Self::Sqlite(path) => Ok(sqlite::file::read_only(path)?),
        }
    }

    /// A connection that writes; tables are made where there are none.
    pub fn to_write(&self) -> anyhow::Result<Sql> {
        match self {
            Self::Sqlite(path) => {
                if let Some(folder) = folder(path) {
                    private_folder(folder)
                        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
                }
                sqlite::connection(path).with_context(|| format!("{} cannot be opened", path.display()))
            }
        }
    }

    /// Makes sure that no collector serves this store, for as long as the answer is kept.
    pub fn alone(&self) -> anyhow::Result<Alone> {
        match self {
            Self::Sqlite(path) => {
                let folder = folder(path).unwrap_or(Path::new("."));
                private_folder(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
                Ok(Alone(Some(serve::lock(folder)?)))
            }
        }
    }

    /// The file, where the store is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
        }
    }
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Says on the standard error how far a long copy is, at most every two seconds.
pub struct Teller {
    verb: &'static str,
    last: Instant,
}

impl Teller {
    /// Begins to count time.
    pub fn new(verb: &'static str) -> Self {
        Self { verb, last: Instant::now() }
    }

    /// So many rows of a table are done.
    pub fn tell(&mut self, table: &str, rows: u64) {
        if self.last.elapsed() >= Duration::from_secs(2) {
            self.last = Instant::now();
            eprintln!("{}: {table}, {rows} rows", self.verb);
        }
    }
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_engine() {
        assert_eq!(Place::parse("sqlite:/a/b.sqlite").unwrap(), Place::Sqlite(PathBuf::from("/a/b.sqlite")));
        for wrong in ["sqlite:", "/a/b.sqlite", "mysql://x"] {
            let error = Place::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("sqlite:PATH"), "{error}");
        }
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([size(512), size(20_480), size(52_428_800)], ["512 bytes", "20 KiB", "50 MiB"]);
    }
}
