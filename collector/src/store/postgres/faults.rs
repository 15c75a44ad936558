//! What goes wrong with a connection, in words that say what to do. Never the password, never values of rows.

use super::super::StoreError;
use super::settings::Settings;
use std::error::Error;
use tokio_postgres::error::{DbError, SqlState};

/// What went wrong.
#[derive(Debug)]
pub enum Fault {
    /// No socket.
    Unreachable(String),
    /// The server does not answer within its time.
    Stalled,
    /// The connection closed.
    Closed,
    /// The server or the client library says so.
    Told(tokio_postgres::Error),
}

impl Fault {
    fn db(&self) -> Option<&DbError> {
        if let Self::Told(error) = self { error.as_db_error() } else { None }
    }

    /// Whether the connection cannot be used any further.
    pub fn ends_the_connection(&self) -> bool {
        match self.db() {
            Some(error) => away(error.code()) || fatal(error),
            None => !matches!(self, Self::Told(error) if is_local(error)),
        }
    }

    /// Whether prepared statements no longer fit the tables (a migration ran, or a pooler gave us another session).
    pub fn outdated(&self) -> bool {
        self.db().is_some_and(|error| {
            *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME
                || (*error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.message().contains("cached plan"))
        })
    }

    /// Whether the same may go well in a moment, when nobody can sign in yet.
    pub fn passing(&self) -> bool {
        match self.db() {
            Some(error) => away(error.code()),
            None => !matches!(self, Self::Told(error) if is_local(error) || is_tls(error)),
        }
    }

    /// As the store tells it.
    pub fn told(&self, settings: &Settings) -> StoreError {
        let place = settings.place();
        let look = "is PostgreSQL running there, and is the way to it open?";
        match self {
            Self::Unreachable(why) => StoreError::Away(format!("{place}: {why}: {look}")),
            Self::Stalled => StoreError::Away(format!("{place} does not answer in time: {look}")),
            Self::Closed => StoreError::Away(format!("{place} closed the connection: {look}")),
            Self::Told(error) => match error.as_db_error() {
                Some(told) => by_server(told, settings),
                None if is_tls(error) => StoreError::Failed(format!(
                    "{place}: no TLS with this server ({}): does its certificate come from the authority in --store-ca, \
                     and does it bear the name in --store?",
                    words(error)
                )),
                None if is_sign_in(error) => StoreError::Failed(format!(
                    "{place}: user « {} » is not let in ({}): put the password in --store-password-file or in the address",
                    settings.user(),
                    words(error)
                )),
                None if is_local(error) => StoreError::Failed(words(error)),
                None => StoreError::Away(format!("{place}: {}: {look}", words(error))),
            },
        }
    }
}

fn away(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || code.starts_with("57P0") || code == "53300" || code == "25P03" || code == "25006"
}

fn fatal(error: &DbError) -> bool {
    use tokio_postgres::error::Severity::{Fatal, Panic};
    matches!(error.parsed_severity(), Some(Fatal | Panic))
}

fn by_server(error: &DbError, settings: &Settings) -> StoreError {
    let (place, user, database) = (settings.place(), settings.user(), settings.database());
    let (code, said) = (error.code().code(), error.message());
    let failed = |why: String| StoreError::Failed(format!("{place}: {why}"));
    match code {
        "28P01" | "28000" => failed(format!(
            "user « {user} » is not let in ({said}): put the right password in --store-password-file or in the address, and \
             look at pg_hba.conf of the server"
        )),
        "3D000" => failed(format!(
            "there is no database « {database} » ({said}): make it with « createdb -O {user} {database} »"
        )),
        "42501" | "3F000" => failed(format!(
            "user « {user} » may not do this ({said}): make it owner of the database, « ALTER DATABASE {database} OWNER TO \
             {user} »"
        )),
        "53100" => failed(format!("the disk of the database server is full ({said}): make room there")),
        "53300" => StoreError::Away(format!("{place} takes no more connections ({said}): raise max_connections")),
        "25006" => StoreError::Away(format!("{place} is read-only ({said}): name the primary server in --store")),
        "25P03" => StoreError::Away(format!("{place} ended the session, which was idle in a transaction ({said})")),
        "40001" | "40P01" | "55P03" => StoreError::Contended(format!("{said} ({code})")),
        _ if away(error.code()) => StoreError::Away(format!("{place}: {said} ({code})")),
        _ if fatal(error) => StoreError::Away(format!("{place}: {said} ({code})")),
        _ => {
            let of = |what: &str, name: Option<&str>| name.map(|n| format!(", {what} {n}")).unwrap_or_default();
            let (table, constraint) = (of("table", error.table()), of("constraint", error.constraint()));
            StoreError::Failed(format!("PostgreSQL: {said} ({code}{table}{constraint})"))
        }
    }
}

/// What the library says before anything was sent, or about what it received: the connection is sound.
fn is_local(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    ["error serializing", "error deserializing", "expected ", "invalid column"]
        .iter()
        .any(|start| text.starts_with(start))
        || is_sign_in(error)
}

fn is_sign_in(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("authentication error") || text.starts_with("invalid configuration")
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().starts_with("error performing TLS handshake")
}

/// An error with its causes.
pub fn words(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    text
}
