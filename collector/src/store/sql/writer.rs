//! The one writer of this process: a thread that owns a connection, drains its queue into one transaction (group
//! commit) and answers after the commit.
//!
//! Each unit of work runs in a savepoint of its own, so that one that fails is refused alone. When the whole transaction
//! is lost it is tried again if others were in the way or the connection broke, else every unit is tried in a
//! transaction of its own. Other processes write too (other collectors, the verbs of the command line): SQLite lets one
//! transaction at a time write, PostgreSQL locks the schools that a transaction decides on.

use super::super::StoreError;
use super::calendars;
use super::engine::Sql;
use super::last::Last;
use super::published::Published;
use super::rollup;
use super::row::params;
use crate::calendar::SchoolCalendars;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use vigie_shared::id::{MachineId, SchoolId};
use vigie_shared::policy::Policy;

/// Jobs that wait at most; whoever brings one more waits for room.
const QUEUE: usize = 1024;
/// Units of work in one transaction.
const UNITS: usize = 512;
/// How often a group is tried when others are in the way or the connection breaks.
const ATTEMPTS: u32 = 4;

/// What a unit of work works with.
pub struct Tx<'a> {
    /// The connection, inside its transaction.
    pub sql: &'a Sql,
    /// Schools in which there is something new to see, with their new version.
    pub changes: BTreeMap<SchoolId, u64>,
    /// Schools whose figures are counted again before the commit; something to see changed in each.
    pub recount: BTreeSet<SchoolId>,
    /// Schools to lock before any unit runs.
    pub schools: BTreeSet<SchoolId>,
    /// Machines that call in this transaction: what they said later is looked at after what they said earlier.
    pub callers: BTreeSet<MachineId>,
    policy: Option<Arc<Policy>>,
    calendars: Option<Vec<u8>>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(sql: &'a Sql) -> Self {
        let (changes, schools, callers) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { sql, changes, recount: BTreeSet::new(), schools, callers, policy: None, calendars: None }
    }

    /// There is something new to see in a school: its version goes up, and readers are told after the commit.
    pub fn changed(&mut self, school: SchoolId) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO school_state (school, version) VALUES (?1, 1) \
                           ON CONFLICT (school) DO UPDATE SET version = school_state.version + 1 RETURNING version";
        let version: i64 = self.sql.value(SQL, params![school.as_bytes()])?;
        self.changes.insert(school, u64::try_from(version).unwrap_or_default());
        Ok(())
    }

    /// The policy in force, read once a transaction.
    pub fn policy(&mut self) -> Result<Arc<Policy>, StoreError> {
        if let Some(policy) = &self.policy {
            return Ok(policy.clone());
        }
        let policy = read_policy(self.sql)?;
        self.policy = Some(policy.clone());
        Ok(policy)
    }

    /// The calendars of a school. What they are made of is looked at once a transaction.
    pub fn calendars(&mut self, school: SchoolId) -> Result<SchoolCalendars, StoreError> {
        let version = match self.calendars.take() {
            Some(version) => version,
            None => calendars::version(self.sql)?,
        };
        let found = calendars::of_school_at(self.sql, school, &version);
        self.calendars = Some(version);
        found
    }

    /// What calendars are made of was changed in this transaction.
    pub fn forget_calendars(&mut self) {
        self.calendars = None;
    }

    /// The policy was changed in this transaction.
    pub fn forget_policy(&mut self) {
        self.policy = None;
    }
}

static LAST_POLICY: Last<Policy> = Last::new();

/// The policy in force.
pub fn read_policy(sql: &Sql) -> Result<Arc<Policy>, StoreError> {
    const SQL: &str = "SELECT body FROM policy ORDER BY version DESC LIMIT 1";
    LAST_POLICY.read(sql.find(SQL, &[], |row| row.get(0))?, "policy")
}

/// Something to write: one or several units, each of which stands alone.
pub trait Job: Send {
    /// How many units.
    fn units(&self) -> usize;
    /// Whether it comes to the same when it is done again, not knowing that it was done.
    fn repeatable(&self) -> bool {
        false
    }
    /// Called in each new transaction before its units run: all of them, or `only` one. Does what pays for all at once and
    /// names the schools to lock.
    fn prepare(&mut self, _only: Option<usize>, _tx: &mut Tx<'_>) -> Result<(), StoreError> {
        Ok(())
    }
    /// Does one unit (again, when a transaction was lost) and keeps its result. Answers whether it went well.
    fn run(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool;
    /// Whether a unit was already done by [`Job::prepare`].
    fn settled(&self, _unit: usize) -> bool {
        false
    }
    /// What stays of a unit that failed, once all it did was undone. Answers whether anything does.
    fn salvage(&mut self, _unit: usize, _tx: &mut Tx<'_>) -> bool {
        false
    }
    /// Replaces the result of a unit.
    fn refuse(&mut self, unit: usize, error: StoreError);
    /// Tells the results.
    fn answer(self: Box<Self>);
}

/// A job of one unit.
struct Single<T, F> {
    work: F,
    seldom: bool,
    result: Result<T, StoreError>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Single<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn units(&self) -> usize {
        1
    }

    fn prepare(&mut self, _only: Option<usize>, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if self.seldom { tx.sql.engine().lock_seldom() } else { Ok(()) }
    }

    fn run(&mut self, _unit: usize, tx: &mut Tx<'_>) -> bool {
        self.result = (self.work)(tx);
        self.result.is_ok()
    }

    fn refuse(&mut self, _unit: usize, error: StoreError) {
        self.result = Err(error);
    }

    fn answer(self: Box<Self>) {
        // Whoever asked may be gone; what was written stays written.
        drop(self.answer.send(self.result));
    }
}

/// The way to the writer's thread. The thread ends when the last handle is dropped and its queue is empty.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(sql: Sql, published: Published) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&sql, jobs, &published))
            .map_err(|e| StoreError::Failed(format!("the writer's thread did not start: {e}")))?;
        Ok(Self { queue })
    }

    /// Puts a job in the queue, waiting for room.
    pub async fn send(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.queue.send(job).await.map_err(|_| stopped())
    }

    /// Does one thing of the seldom kind in a transaction and answers after its commit. Such things pass one at a time,
    /// whichever process does them: what is read meanwhile stays so. `work` may run more than once.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.single(work, true).await
    }

    /// Does one thing that is not seldom, or takes its turn itself when it must, in a transaction and answers after its
    /// commit. `work` may run more than once.
    pub async fn write_often<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.single(work, false).await
    }

    async fn single<T, F>(&self, work: F, seldom: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        self.send(Box::new(Single { work, seldom, result: Err(stopped()), answer })).await?;
        result.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// What is said when the thread is gone.
pub fn stopped() -> StoreError {
    StoreError::Failed("the writer stopped".to_owned())
}

fn serve(sql: &Sql, mut jobs: mpsc::Receiver<Box<dyn Job>>, published: &Published) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| jobs.blocking_recv()) {
        let mut units = first.units();
        let mut batch = vec![first];
        while units < UNITS {
            let Ok(job) = jobs.try_recv() else { break };
            if !together_with(sql, &batch, job.as_ref()) {
                next = Some(job);
                break;
            }
            units += job.units();
            batch.push(job);
        }
        let ours = commit(sql, &mut batch, units);
        published.tell(sql, ours);
        for job in batch {
            job.answer();
        }
    }
}

/// Whether a job may join a batch. Where several transactions write at the same time, what is seldom goes alone: its
/// locks come in another order.
fn together_with(sql: &Sql, batch: &[Box<dyn Job>], job: &dyn Job) -> bool {
    sql.engine().bulk().is_none() || (job.repeatable() && batch.iter().all(|job| job.repeatable()))
}

/// What became of a transaction.
enum Lost {
    /// Nothing of it was kept.
    Kept(StoreError),
    /// The connection broke while it was committed: nobody knows.
    Unknown(StoreError),
}

impl Lost {
    fn error(&self) -> &StoreError {
        match self {
            Self::Kept(error) | Self::Unknown(error) => error,
        }
    }
}

/// Commits a batch: together, else each unit alone. When the database cannot even be locked nothing is tried further:
/// waiting once more for each unit would hold everybody up.
fn commit(sql: &Sql, batch: &mut [Box<dyn Job>], units: usize) -> BTreeMap<SchoolId, u64> {
    for attempt in 1.. {
        if let Err(error) = sql.engine().begin() {
            refuse_all(batch, &error);
            return BTreeMap::new();
        }
        let lost = match together(sql, batch) {
            Ok(changes) => return changes,
            Err(lost) => lost,
        };
        let repeatable = batch.iter().all(|job| job.repeatable());
        match &lost {
            Lost::Unknown(error) if !repeatable => {
                let why = format!("{error}; whether this was kept is not known: look before doing it again");
                refuse_all(batch, &StoreError::Away(why));
                return BTreeMap::new();
            }
            lost if attempt < ATTEMPTS && again(lost.error()) => {
                tracing::info!(units, attempt, error = %lost.error(), "a group of writes was lost: it is tried again");
            }
            lost if again(lost.error()) => {
                refuse_all(batch, lost.error());
                return BTreeMap::new();
            }
            lost => {
                tracing::warn!(units, error = %lost.error(), "a group of writes was lost: each is tried alone");
                return alone(sql, batch);
            }
        }
    }
    BTreeMap::new()
}

/// Whether the same may go well a moment later.
fn again(error: &StoreError) -> bool {
    matches!(error, StoreError::Away(_) | StoreError::Contended(_))
}

fn refuse_all(batch: &mut [Box<dyn Job>], error: &StoreError) {
    tracing::error!(%error, "the database cannot be written: nothing of this group was kept");
    for job in batch {
        for unit in 0..job.units() {
            job.refuse(unit, error.clone());
        }
    }
}

/// All units in the transaction that was begun.
fn together(sql: &Sql, batch: &mut [Box<dyn Job>]) -> Result<BTreeMap<SchoolId, u64>, Lost> {
    let mut tx = Tx::new(sql);
    let result = all(batch, &mut tx);
    finish(&tx, result)?;
    Ok(tx.changes)
}

fn all(batch: &mut [Box<dyn Job>], tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for job in batch.iter_mut() {
        job.prepare(None, tx)?;
    }
    tx.sql.engine().lock_schools(&tx.schools)?;
    for job in batch.iter_mut() {
        for unit in 0..job.units() {
            in_savepoint(job.as_mut(), unit, tx)?;
        }
    }
    Ok(())
}

/// Each unit in its own transaction.
fn alone(sql: &Sql, batch: &mut [Box<dyn Job>]) -> BTreeMap<SchoolId, u64> {
    let mut published = BTreeMap::new();
    let mut locked_out: Option<StoreError> = None;
    for job in batch.iter_mut() {
        for unit in 0..job.units() {
            if let Some(error) = &locked_out {
                job.refuse(unit, error.clone());
                continue;
            }
            if let Err(error) = sql.engine().begin() {
                job.refuse(unit, error.clone());
                locked_out = Some(error);
                continue;
            }
            let mut tx = Tx::new(sql);
            let result = one(job.as_mut(), unit, &mut tx);
            match finish(&tx, result) {
                Ok(()) => published.extend(tx.changes),
                Err(lost) => job.refuse(unit, lost.error().clone()),
            }
        }
    }
    published
}

fn one(job: &mut dyn Job, unit: usize, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    job.prepare(Some(unit), tx)?;
    tx.sql.engine().lock_schools(&tx.schools)?;
    in_savepoint(job, unit, tx)
}

/// Runs one unit; if it fails or panics nothing of it stays. An error means that the transaction itself is lost.
fn in_savepoint(job: &mut dyn Job, unit: usize, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    if job.settled(unit) {
        return Ok(());
    }
    let mut before = std::mem::take(&mut tx.changes);
    tx.sql.execute("SAVEPOINT unit", &[])?;
    let good = catch_unwind(AssertUnwindSafe(|| job.run(unit, tx))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().copied();
        let why = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why");
        tracing::error!(why, "a unit of work panicked: it is refused alone");
        job.refuse(
            unit,
            StoreError::Failed(format!("the collector failed on this item ({why}); the others were kept")),
        );
        false
    });
    if let Some(error) = tx.sql.engine().broken() {
        return Err(error);
    }
    if !good {
        tx.sql.execute("ROLLBACK TO unit", &[])?;
        tx.changes.clear();
        tx.forget_policy();
        tx.forget_calendars();
        if !job.salvage(unit, tx) {
            tx.sql.execute("ROLLBACK TO unit", &[])?;
        }
    }
    tx.sql.execute("RELEASE unit", &[])?;
    before.append(&mut tx.changes);
    tx.changes = before;
    Ok(())
}

fn finish(tx: &Tx<'_>, result: Result<(), StoreError>) -> Result<(), Lost> {
    let counted = result.and_then(|()| rollup::keep(tx));
    let told = counted.and_then(|()| if tx.changes.is_empty() { Ok(()) } else { tx.sql.engine().announce() });
    let committed = match told {
        Ok(()) => tx.sql.execute("COMMIT", &[]).map(drop).map_err(|error| match error {
            StoreError::Away(_) => Lost::Unknown(error),
            error => Lost::Kept(error),
        }),
        Err(error) => Err(Lost::Kept(error)),
    };
    if committed.is_err() {
        // A transaction that the database gave up by itself is no longer there.
        drop(tx.sql.execute("ROLLBACK", &[]));
    }
    committed
}

#[cfg(test)]
mod tests;
