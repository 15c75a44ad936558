//! Looks for contradictions in a store, in one snapshot, changing nothing: what must be true of the data whatever happened.
//!
//! [`rows`] compares rows with rows, by statements that both engines run; [`bodies`] reads what a statement cannot judge
//! (digests, JSON, words). A check that cannot be carried out is a problem, never silence.

mod bodies;
mod rows;

use super::super::StoreError;
use super::engine::Sql;
use serde::Serialize;

/// Problems of one check that are told in words; the rest is counted.
const TOLD: usize = 5;

/// What one check came to.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Short name, stable.
    pub check: &'static str,
    /// What is true when it is well.
    pub what: &'static str,
    /// How many problems there are.
    pub problems: u64,
    /// The first few, in words.
    pub first: Vec<String>,
    /// What to do about it.
    pub advice: &'static str,
}

/// What to do about data that contradicts itself.
pub const RESTORE: &str = "keep the store as it is, restore the last backup that check-store is content with into an empty \
                           store, and tell the developers what is said here";
/// What to do about figures that only pages show.
pub const FIGURES: &str = "only figures shown are wrong, the facts are whole; tell the developers what is said here";

impl Outcome {
    /// A check that has found nothing yet.
    pub fn new(check: &'static str, what: &'static str, advice: &'static str) -> Self {
        Self { check, what, problems: 0, first: Vec::new(), advice }
    }

    /// Whether nothing is wrong.
    pub fn good(&self) -> bool {
        self.problems == 0
    }

    /// Adds a problem.
    pub fn add(&mut self, problem: impl Into<String>) {
        self.problems += 1;
        if self.first.len() < TOLD {
            self.first.push(problem.into());
        }
    }

    /// Adds that the check itself failed, if it did.
    pub fn settle(mut self, result: Result<(), StoreError>) -> Self {
        if let Err(error) = result {
            self.problems += 1;
            self.first.insert(0, format!("could not be looked at: {error}"));
        }
        self
    }
}

/// Carries out all checks on one snapshot, telling each as it ends.
pub fn run(sql: &Sql, tell: &mut dyn FnMut(Outcome)) -> Result<(), StoreError> {
    sql.engine().begin_to_read()?;
    for rule in rows::rules() {
        tell(rule.look(sql));
        renew(sql)?;
    }
    for check in bodies::CHECKS {
        tell(check(sql));
        renew(sql)?;
    }
    // Nothing was written.
    drop(sql.execute("ROLLBACK", &[]));
    Ok(())
}

/// A statement that failed may have ended the transaction: the next check has a sound one.
fn renew(sql: &Sql) -> Result<(), StoreError> {
    if sql.engine().broken().is_some() {
        drop(sql.execute("ROLLBACK", &[]));
        sql.engine().begin_to_read()?;
    }
    Ok(())
}
