//! The one writer of this process: a thread that owns a connection, drains its queue into one transaction (group
//! commit) and answers after the commit.
//!
//! Each unit of work runs in a savepoint of its own, so that one that fails is refused alone. When the whole transaction
//! is lost, every unit is tried again in a transaction of its own. Other processes write too (the verbs of the command
//! line): each transaction begins with the lock, and waits for it a bounded time.

use super::super::StoreError;
use super::published::Published;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use vigie_shared::id::SchoolId;
use vigie_shared::policy::Policy;

/// Jobs that wait at most; whoever brings one more waits for room.
const QUEUE: usize = 1024;
/// Units of work in one transaction.
const UNITS: usize = 512;

/// What a unit of work works with.
pub struct Tx<'a> {
    /// The connection, inside its transaction.
    pub sql: &'a Connection,
    /// Schools in which there is something new to see, with their new version.
    pub changes: BTreeMap<SchoolId, u64>,
    policy: Option<Arc<Policy>>,
}

impl<'a> Tx<'a> {
    fn new(sql: &'a Connection) -> Self {
        Self { sql, changes: BTreeMap::new(), policy: None }
    }

    /// There is something new to see in a school: its version goes up, and readers are told after the commit.
    pub fn changed(&mut self, school: SchoolId) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO school_state (school, version) VALUES (?1, 1) \
                           ON CONFLICT (school) DO UPDATE SET version = version + 1 RETURNING version";
        let version: i64 = self.sql.prepare_cached(SQL)?.query_row([school.as_bytes()], |row| row.get(0))?;
        self.changes.insert(school, u64::try_from(version).unwrap_or_default());
        Ok(())
    }

    /// The policy in force, read once a transaction.
    pub fn policy(&mut self) -> Result<Arc<Policy>, StoreError> {
        if let Some(policy) = &self.policy {
            return Ok(policy.clone());
        }
        let policy = Arc::new(read_policy(self.sql)?);
        self.policy = Some(policy.clone());
        Ok(policy)
    }

    /// The policy was changed in this transaction.
    pub fn forget_policy(&mut self) {
        self.policy = None;
    }
}

/// The policy in force.
pub fn read_policy(sql: &Connection) -> Result<Policy, StoreError> {
    const SQL: &str = "SELECT body FROM policy ORDER BY version DESC LIMIT 1";
    let body: Option<String> = sql.prepare_cached(SQL)?.query_row([], |row| row.get(0)).optional()?;
    match body {
        None => Ok(Policy::default()),
        Some(body) => serde_json::from_str(&body).map_err(|e| StoreError::Failed(format!("policy as stored: {e}"))),
    }
}

/// Something to write: one or several units, each of which stands alone.
pub trait Job: Send {
    /// How many units.
    fn units(&self) -> usize;
    /// Does one unit (again, when a transaction was lost) and keeps its result. Answers whether it went well.
    fn run(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool;
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
    pub fn start(connection: Connection, changes: broadcast::Sender<(SchoolId, u64)>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let published = Published::new(&connection)?;
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&connection, jobs, published, &changes))
            .map_err(|e| StoreError::Failed(format!("the writer's thread did not start: {e}")))?;
        Ok(Self { queue })
    }

    /// Puts a job in the queue, waiting for room.
    pub async fn send(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.queue.send(job).await.map_err(|_| stopped())
    }

    /// Does one thing in a transaction and answers after its commit. `work` may run more than once.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        self.send(Box::new(Single { work, result: Err(stopped()), answer })).await?;
        result.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// What is said when the thread is gone.
pub fn stopped() -> StoreError {
    StoreError::Failed("the writer stopped".to_owned())
}

fn serve(
    connection: &Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    mut published: Published,
    changes: &broadcast::Sender<(SchoolId, u64)>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        let mut units = batch.iter().map(|j| j.units()).sum::<usize>();
        while units < UNITS {
            let Ok(next) = jobs.try_recv() else { break };
            units += next.units();
            batch.push(next);
        }
        let ours = commit(connection, &mut batch, units);
        let news = published.news(connection, ours.clone()).unwrap_or_else(|error| {
            tracing::warn!(%error, "what other processes changed cannot be read: pages show it later");
            ours
        });
        for (school, version) in news {
            // Nobody listens: nothing to tell.
            drop(changes.send((school, version)));
        }
        for job in batch {
            job.answer();
        }
    }
}

/// Commits a batch: together, else each unit alone. When the database cannot even be locked nothing is tried further:
/// waiting once more for each unit would hold everybody up.
fn commit(connection: &Connection, batch: &mut [Box<dyn Job>], units: usize) -> BTreeMap<SchoolId, u64> {
    if let Err(error) = begin(connection) {
        refuse_all(batch, &error);
        return BTreeMap::new();
    }
    match together(connection, batch) {
        Ok(changes) => changes,
        Err(error) => {
            tracing::warn!(units, %error, "a group of writes was lost: each is tried alone");
            alone(connection, batch)
        }
    }
}

fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(())
}

fn refuse_all(batch: &mut [Box<dyn Job>], error: &StoreError) {
    tracing::error!(%error, "the database cannot be written: nothing of this group was kept");
    for job in batch {
        for unit in 0..job.units() {
            job.refuse(unit, StoreError::Failed(error.to_string()));
        }
    }
}

/// All units in the transaction that was begun; an error means that nothing of it was kept.
fn together(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<BTreeMap<SchoolId, u64>, StoreError> {
    let mut tx = Tx::new(connection);
    let mut result = Ok(());
    'jobs: for job in batch.iter_mut() {
        for unit in 0..job.units() {
            result = in_savepoint(job.as_mut(), unit, &mut tx);
            if result.is_err() {
                break 'jobs;
            }
        }
    }
    finish(connection, result)?;
    Ok(tx.changes)
}

/// Each unit in its own transaction.
fn alone(connection: &Connection, batch: &mut [Box<dyn Job>]) -> BTreeMap<SchoolId, u64> {
    let mut published = BTreeMap::new();
    let mut locked_out: Option<StoreError> = None;
    for job in batch.iter_mut() {
        for unit in 0..job.units() {
            if let Some(error) = &locked_out {
                job.refuse(unit, StoreError::Failed(error.to_string()));
                continue;
            }
            if let Err(error) = begin(connection) {
                job.refuse(unit, StoreError::Failed(error.to_string()));
                locked_out = Some(error);
                continue;
            }
            let mut attempt = || -> Result<BTreeMap<SchoolId, u64>, StoreError> {
                let mut tx = Tx::new(connection);
                let result = in_savepoint(job.as_mut(), unit, &mut tx);
                finish(connection, result)?;
                Ok(tx.changes)
            };
            match attempt() {
                Ok(changes) => published.extend(changes),
                Err(error) => job.refuse(unit, error),
            }
        }
    }
    published
}

/// Runs one unit; if it fails or panics nothing of it stays. An error means that the transaction itself is lost.
fn in_savepoint(job: &mut dyn Job, unit: usize, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let mut before = std::mem::take(&mut tx.changes);
    tx.sql.prepare_cached("SAVEPOINT unit")?.execute([])?;
    let good = catch_unwind(AssertUnwindSafe(|| job.run(unit, tx))).unwrap_or_else(|_| {
        tracing::error!("a unit of work panicked: it is refused alone");
        job.refuse(unit, StoreError::Failed("the collector failed on this item; the others were kept".to_owned()));
        false
    });
    if tx.sql.is_autocommit() {
        return Err(StoreError::Failed("the database gave the transaction up (disk full?)".to_owned()));
    }
    if !good {
        tx.sql.prepare_cached("ROLLBACK TO unit")?.execute([])?;
        tx.changes.clear();
        tx.forget_policy();
        if !job.salvage(unit, tx) {
            tx.sql.prepare_cached("ROLLBACK TO unit")?.execute([])?;
        }
    }
    tx.sql.prepare_cached("RELEASE unit")?.execute([])?;
    before.append(&mut tx.changes);
    tx.changes = before;
    Ok(())
}

fn finish(connection: &Connection, result: Result<(), StoreError>) -> Result<(), StoreError> {
    let result =
        result.and_then(|()| connection.prepare_cached("COMMIT")?.execute([]).map(drop).map_err(StoreError::from));
    if result.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

/// How long a writer waits for another process.
pub const BUSY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("test.db")).unwrap();
        connection
            .execute_batch("CREATE TABLE school_state (school BLOB, version INTEGER); CREATE TABLE t (n INTEGER)")
            .unwrap();
        (folder, connection)
    }

    /// Units that insert their number; some misbehave.
    struct Insert {
        units: Vec<Behaviour>,
        results: Vec<Result<(), String>>,
        answer: Option<std::sync::mpsc::Sender<Vec<Result<(), String>>>>,
    }

    #[derive(Clone, Copy)]
    enum Behaviour {
        Good,
        Fails,
        Panics,
        LosesTheTransaction,
    }

    impl Job for Insert {
        fn units(&self) -> usize {
            self.units.len()
        }

        fn run(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool {
            tx.sql.execute("INSERT INTO t (n) VALUES (?1)", [i64::try_from(unit).unwrap()]).unwrap();
            self.results[unit] = Ok(());
            match self.units[unit] {
                Behaviour::Good => return true,
                Behaviour::Fails => self.results[unit] = Err("failed".to_owned()),
                Behaviour::Panics => panic!("poison"),
                Behaviour::LosesTheTransaction => tx.sql.execute_batch("ROLLBACK").unwrap(),
            }
            false
        }

        fn refuse(&mut self, unit: usize, error: StoreError) {
            self.results[unit] = Err(error.to_string());
        }

        fn answer(self: Box<Self>) {
            self.answer.unwrap().send(self.results).unwrap();
        }
    }

    /// Which units were kept in the table, and which were answered as kept.
    fn outcome(units: &[Behaviour]) -> (Vec<usize>, Vec<usize>) {
        let (folder, connection) = database();
        let (changes, _) = broadcast::channel(1);
        let writer = Writer::start(connection, changes).unwrap();
        let (answer, answers) = std::sync::mpsc::channel();
        let results = units.iter().map(|_| Err(String::new())).collect();
        let job = Insert { units: units.to_vec(), results, answer: Some(answer) };
        writer.queue.blocking_send(Box::new(job)).unwrap();
        let results = answers.recv_timeout(Duration::from_secs(20)).unwrap();
        let answered = (0..units.len()).filter(|unit| results[*unit].is_ok()).collect();
        let reader = Connection::open(folder.path().join("test.db")).unwrap();
        let mut statement = reader.prepare("SELECT n FROM t ORDER BY n").unwrap();
        let kept = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        (kept.map(|n| usize::try_from(n.unwrap()).unwrap()).collect(), answered)
    }

    #[test]
    fn a_unit_that_fails_or_panics_is_refused_alone() {
        use Behaviour::{Fails, Good, Panics};
        assert_eq!(outcome(&[Good, Fails, Good, Panics, Good]), (vec![0, 2, 4], vec![0, 2, 4]));
    }

    #[test]
    fn when_the_transaction_is_lost_each_unit_is_tried_alone() {
        use Behaviour::{Good, LosesTheTransaction};
        assert_eq!(outcome(&[Good, LosesTheTransaction, Good]), (vec![0, 2], vec![0, 2]));
    }
}
