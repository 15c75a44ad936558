//! A PostgreSQL server of one's own for a test: started in a moment from Debian's packages, reached on 127.0.0.1 with a
//! free port, gone with its folder when dropped or when the process that started it dies, even by SIGKILL.
//!
//! ```no_run
//! let server = vigie_test_postgres::Postgres::start()?;
//! let url = server.create_database("story")?;
//! assert_eq!(server.psql("SELECT 6 * 7")?, "42");
//! # anyhow::Ok(())
//! ```
//! One server holds many databases, and a database costs about a tenth of a server: tests that do not stop the server
//! share one and make a database each.

mod guard;
mod install;
mod server;
mod template;

pub use server::{Durability, Options, Postgres, Tls};

use install::Install;

/// Whether a server can be started here; if not, which Debian package to install.
pub fn available() -> Result<(), String> {
    Install::find().map(drop).map_err(|why| format!("{why:#}"))
}

/// Whether tests that need PostgreSQL are to be skipped; the reason is told on standard error. Panics instead where
/// nothing may be skipped: with `VIGIE_WORLDS=required`, as `./dev test` sets it, or with `CI`.
pub fn skipped() -> bool {
    match available() {
        Ok(()) => false,
        Err(why) => {
            assert!(!required(), "PostgreSQL is required and cannot be started: {why}");
            eprintln!("skipped: needs PostgreSQL ({why})");
            true
        }
    }
}

fn required() -> bool {
    std::env::var_os("CI").is_some() || std::env::var_os("VIGIE_WORLDS").is_some_and(|word| word == "required")
}
