//! The read pool: a few connections that only read, each read in one snapshot.

use super::super::StoreError;
use super::engine::Sql;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Connections that read at the same time.
pub const READERS: usize = 4;

/// The pool. Reads beyond [`READERS`] wait for their turn.
#[derive(Clone)]
pub struct Readers {
    idle: Arc<Mutex<Vec<Sql>>>,
    turn: Arc<Semaphore>,
}

impl Readers {
    /// A pool of these connections.
    pub fn new(connections: Vec<Sql>) -> Self {
        let turn = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), turn }
    }

    /// Reads in one snapshot, on a thread that may block.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Sql) -> Result<T, StoreError> + Send + 'static,
    {
        let gone = |_| StoreError::Failed("the read pool is closed".to_owned());
        let turn = self.turn.clone().acquire_owned().await.map_err(gone)?;
        let idle = self.idle.clone();
        let task = tokio::task::spawn_blocking(move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(connection) = taken else {
                return Err(StoreError::Failed("no connection to read with".to_owned()));
            };
            let result = snapshot(&connection, work);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(turn);
            result
        });
        task.await.map_err(|e| StoreError::Failed(format!("a read failed: {e}")))?
    }
}

/// A read that panics is an error like another: its connection stays in the pool.
fn snapshot<T>(sql: &Sql, work: impl FnOnce(&Sql) -> Result<T, StoreError>) -> Result<T, StoreError> {
    sql.engine().begin_to_read()?;
    let result = catch_unwind(AssertUnwindSafe(|| work(sql)));
    // Nothing was written; a connection that broke is made again by the next read.
    drop(sql.execute("ROLLBACK", &[]));
    result.unwrap_or_else(|_| Err(StoreError::Failed("the collector failed on this read".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite;

    #[tokio::test]
    async fn reads_that_panic_cost_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let readers = Readers::new(vec![sqlite::connection(&folder.path().join("test.db")).unwrap()]);
        for _ in 0..3 {
            let read = readers.read(|_| -> Result<i64, StoreError> { panic!("poison") }).await;
            assert!(matches!(read, Err(StoreError::Failed(_))));
        }
        assert_eq!(readers.read(|sql| sql.value::<i64>("SELECT 1", &[])).await.unwrap(), 1);
    }
}
