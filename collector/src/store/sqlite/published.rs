//! What was told to readers of changes, so that the work of other processes (the verbs of the command line) is told too:
//! after each commit of ours SQLite says whether another connection wrote; if so versions are compared.

use super::super::StoreError;
use super::row::col;
use rusqlite::Connection;
use std::collections::BTreeMap;
use vigie_shared::id::SchoolId;

/// Versions of schools as last told.
pub struct Published {
    told: BTreeMap<SchoolId, u64>,
    data_version: i64,
}

impl Published {
    /// Everything as it is now counts as told.
    pub fn new(sql: &Connection) -> Result<Self, StoreError> {
        Ok(Self { data_version: data_version(sql)?, told: versions(sql)? })
    }

    /// What is to be told after a commit: `ours`, and what others changed.
    pub fn news(
        &mut self,
        sql: &Connection,
        ours: BTreeMap<SchoolId, u64>,
    ) -> Result<BTreeMap<SchoolId, u64>, StoreError> {
        self.told.extend(&ours);
        let data_version = data_version(sql)?;
        if data_version == self.data_version {
            return Ok(ours);
        }
        let now = versions(sql)?;
        let theirs = now.iter().filter(|(school, version)| self.told.get(school) != Some(version));
        let news = theirs.map(|(school, version)| (*school, *version)).chain(ours.clone()).collect();
        self.told = now;
        self.data_version = data_version;
        Ok(news)
    }
}

/// Changes when another connection has committed.
fn data_version(sql: &Connection) -> Result<i64, StoreError> {
    Ok(sql.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

fn versions(sql: &Connection) -> Result<BTreeMap<SchoolId, u64>, StoreError> {
    let mut statement = sql.prepare_cached("SELECT school, version FROM school_state")?;
    let rows = statement.query_map([], |row| Ok((col(row, 0)?, col(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
