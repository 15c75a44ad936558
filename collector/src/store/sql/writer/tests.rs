//! Units that fail, panic or lose the transaction.

use super::*;
use crate::store::sqlite;
use std::time::Duration;
use tokio::sync::broadcast;

fn database() -> (tempfile::TempDir, Sql) {
    let folder = tempfile::tempdir().unwrap();
    let sql = sqlite::connection(&folder.path().join("test.db")).unwrap();
    sql.script("CREATE TABLE t (n INTEGER)").unwrap();
    (folder, sql)
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
        tx.sql.execute("INSERT INTO t (n) VALUES (?1)", params![i64::try_from(unit).unwrap()]).unwrap();
        self.results[unit] = Ok(());
        match self.units[unit] {
            Behaviour::Good => return true,
            Behaviour::Fails => self.results[unit] = Err("failed".to_owned()),
            Behaviour::Panics => panic!("poison"),
            Behaviour::LosesTheTransaction => tx.sql.script("ROLLBACK").unwrap(),
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
    let (folder, sql) = database();
    let (changes, _) = broadcast::channel(1);
    let published = Published::new(&sql, changes).unwrap();
    let writer = Writer::start(sql, published).unwrap();
    let (answer, answers) = std::sync::mpsc::channel();
    let results = units.iter().map(|_| Err(String::new())).collect();
    let job = Insert { units: units.to_vec(), results, answer: Some(answer) };
    writer.queue.blocking_send(Box::new(job)).unwrap();
    let results = answers.recv_timeout(Duration::from_secs(20)).unwrap();
    let answered = (0..units.len()).filter(|unit| results[*unit].is_ok()).collect();
    let reader = sqlite::connection(&folder.path().join("test.db")).unwrap();
    let kept: Vec<i64> = reader.all("SELECT n FROM t ORDER BY n", &[], |row| row.get(0)).unwrap();
    (kept.into_iter().map(|n| usize::try_from(n).unwrap()).collect(), answered)
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
