//! What was told to readers of changes, so that the work of other processes (other collectors, the verbs of the command
//! line) is told too: when others have committed, versions of schools are compared with those told last.

use super::super::StoreError;
use super::engine::Sql;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::broadcast;
use vigie_shared::id::SchoolId;

/// Versions of schools as last told, and where they are told.
#[derive(Clone)]
pub struct Published(Arc<Inner>);

struct Inner {
    told: Mutex<Told>,
    changes: broadcast::Sender<(SchoolId, u64)>,
}

/// What a thread holds that tells what others changed: it does not keep the store alive.
pub struct Watching(Weak<Inner>);

impl Watching {
    /// Whether anybody still uses the store.
    pub fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// What was told, as long as anybody uses the store.
    pub fn published(&self) -> Option<Published> {
        self.0.upgrade().map(Published)
    }
}

struct Told {
    versions: BTreeMap<SchoolId, u64>,
    others: Option<i64>,
}

impl Published {
    /// Everything as it is now counts as told.
    pub fn new(sql: &Sql, changes: broadcast::Sender<(SchoolId, u64)>) -> Result<Self, StoreError> {
        let told = Told { others: sql.engine().others()?, versions: versions(sql)? };
        Ok(Self(Arc::new(Inner { told: Mutex::new(told), changes })))
    }

    /// A receiver of what is told from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<(SchoolId, u64)> {
        self.0.changes.subscribe()
    }

    /// For a thread that tells what others changed.
    pub fn watching(&self) -> Watching {
        Watching(Arc::downgrade(&self.0))
    }

    /// Tells what a commit of ours changed, and what others changed where the database itself says that they did.
    pub fn tell(&self, sql: &Sql, ours: BTreeMap<SchoolId, u64>) {
        self.say(ours);
        let others = match sql.engine().others() {
            Ok(others) => others,
            Err(error) => {
                return tracing::warn!(%error, "what other processes changed cannot be read: pages show it later");
            }
        };
        if others.is_some() && others != self.lock().others {
            self.compare(sql);
            self.lock().others = others;
        }
    }

    /// Tells what changed since the last time, whoever changed it.
    pub fn compare(&self, sql: &Sql) {
        match versions(sql) {
            Ok(now) => self.say(now),
            Err(error) => tracing::warn!(%error, "what other processes changed cannot be read: pages show it later"),
        }
    }

    fn say(&self, versions: BTreeMap<SchoolId, u64>) {
        let mut told = self.lock();
        for (school, version) in versions {
            if told.versions.get(&school).is_none_or(|before| *before < version) {
                told.versions.insert(school, version);
                // Nobody listens: nothing to tell.
                drop(self.0.changes.send((school, version)));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn versions(sql: &Sql) -> Result<BTreeMap<SchoolId, u64>, StoreError> {
    sql.all("SELECT school, version FROM school_state", &[], |row| Ok((row.get(0)?, row.get(1)?)))
}
