//! Where a store lies, for the verbs that take it as a whole: backup, restore, check, migration.

use super::{DATABASE, Data, clock, serve};
use crate::authority::private_folder;
use crate::store::postgres::{self, Settings};
use crate::store::sql::engine::Sql;
use crate::store::sql::restored;
use crate::store::{StoreError, sqlite};
use anyhow::{Context, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A store.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file of the embedded engine.
    Sqlite(PathBuf),
    /// A database of PostgreSQL.
    Postgres(Box<Settings>),
}

/// While this lives, no collector can begin to serve the store.
pub struct Alone(#[allow(dead_code, reason = "held for its lock")] Option<File>);

impl Place {
    /// The store of the collector's options.
    pub fn of(data: &Data) -> anyhow::Result<Self> {
        Ok(match data.shared_store()? {
            Some(settings) => Self::Postgres(Box::new(settings)),
            None => Self::Sqlite(data.data.join(DATABASE)),
        })
    }

    /// A store as the command line names it: `sqlite:PATH` or `postgres://…`, with the files that go with the latter.
    pub fn parse(text: &str, password_file: Option<&Path>, ca: Option<&Path>) -> anyhow::Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(Settings::new(text, password_file, ca)?)));
        }
        match text.strip_prefix("sqlite:") {
            Some("") => bail!("« {text} » names no file: sqlite:PATH is wanted, such as sqlite:/var/lib/x/{DATABASE}"),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            // It may hold a password: it is not repeated.
            None => bail!("FROM and TO are stores: sqlite:PATH or postgres://USER@HOST/DATABASE is wanted"),
        }
    }

    /// For people, without passwords.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(settings) => settings.place().to_owned(),
        }
    }

    /// A connection that reads what exists and changes nothing.
    pub fn to_read(&self) -> anyhow::Result<Sql> {
        match self {
            Self::Sqlite(path) if !path.exists() => {
                bail!("there is no store at {}: give --data the folder of a collector", path.display())
            }
            Self::Sqlite(path) => Ok(sqlite::file::read_only(path)?),
            Self::Postgres(settings) => Ok(postgres::read_only(settings)?),
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
            Self::Postgres(settings) => Ok(postgres::connection(settings)?),
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
            Self::Postgres(settings) => {
                let sql = match postgres::read_only(settings) {
                    Ok(sql) => sql,
                    // No store of this version there: nobody serves one.
                    Err(StoreError::Failed(_)) => return Ok(Alone(None)),
                    Err(error) => return Err(error.into()),
                };
                match restored::serving(&sql, clock().now())?.as_slice() {
                    [] => Ok(Alone(None)),
                    names => bail!(
                        "{} is served by {}: stop every collector on it, wait 15 s, and run this again",
                        settings.place(),
                        names.join(", ")
                    ),
                }
            }
        }
    }

    /// The file, where the store is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
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
        let parse = |text| Place::parse(text, None, None);
        assert_eq!(parse("sqlite:/a/b.sqlite").unwrap().file(), Some(Path::new("/a/b.sqlite")));
        let shared = parse("postgres://vigie:hidden@127.0.0.1:5432/fleet").unwrap();
        assert!(shared.file().is_none() && !shared.name().contains("hidden"), "{}", shared.name());
        for wrong in ["sqlite:", "/a/b.sqlite", "mysql://vigie:hidden@x"] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("sqlite:PATH") && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([size(512), size(20_480), size(52_428_800)], ["512 bytes", "20 KiB", "50 MiB"]);
    }
}
