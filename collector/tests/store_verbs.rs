//! The verbs that take the store as a whole, by the program itself: backup, restore, check-store, migrate-store, and what
//! `serve` says of a damaged file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "verbs/program.rs"]
mod program;
mod seeded;

#[path = "verbs/backup.rs"]
mod backup;
#[path = "verbs/check.rs"]
mod check;
#[path = "verbs/damage.rs"]
mod damage;
#[path = "verbs/migrate.rs"]
mod migrate;
#[path = "verbs/restore.rs"]
mod restore;
