//! Reading rows of either database as text, so that what is asked is written once.

use anyhow::{Context, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// For a connection and for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open database.
pub enum Look {
    /// A file.
    Sqlite(Connection),
    /// A server.
    Postgres(Server),
}

/// One row; bytes are hexadecimal in capitals, what is absent is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Option<String>>);

impl Row {
    /// A text that is there.
    pub fn text(&self, column: usize) -> Result<String> {
        self.cell(column)?.map(str::to_owned).with_context(|| format!("column {column} is null"))
    }

    /// A whole number that is there.
    pub fn number(&self, column: usize) -> Result<i64> {
        self.maybe_number(column)?.with_context(|| format!("column {column} is null"))
    }

    /// A whole number, if it is there.
    pub fn maybe_number(&self, column: usize) -> Result<Option<i64>> {
        let parse = |text: &str| text.parse().with_context(|| format!("column {column}: « {text} » is no number"));
        self.cell(column)?.map(parse).transpose()
    }

    /// Bytes that are there, in hexadecimal.
    pub fn bytes(&self, column: usize) -> Result<String> {
        let text = self.text(column)?;
        // As PostgreSQL writes them.
        Ok(text.strip_prefix("\\x").unwrap_or(&text).to_uppercase())
    }

    fn cell(&self, column: usize) -> Result<Option<&str>> {
        self.0.get(column).map(Option::as_deref).with_context(|| format!("no column {column}"))
    }
}

/// A text as SQL writes it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Look {
    /// Opens a file without the right to write.
    pub fn sqlite(file: &Path) -> Result<Self> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| format!("database {}", file.display()))?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self::Sqlite(connection))
    }

    /// Opens a session that cannot write.
    pub fn postgres(url: &str) -> Result<Self> {
        let server = Server {
            url: url.to_owned(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            session: RefCell::new(None),
        };
        server.rows("SELECT 1")?;
        Ok(Self::Postgres(server))
    }

    /// Bytes as this engine's SQL writes them.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        let digits = data_encoding::HEXLOWER.encode(bytes);
        match self {
            Self::Sqlite(_) => format!("x'{digits}'"),
            Self::Postgres(_) => format!("'\\x{digits}'::bytea"),
        }
    }

    /// What `sql` gives.
    pub fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(connection) => sqlite_rows(connection, sql).with_context(|| sql.to_owned()),
            Self::Postgres(server) => server.rows(sql).with_context(|| sql.to_owned()),
        }
    }
}

fn sqlite_rows(connection: &Connection, sql: &str) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => None,
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Real(number) => Some(number.to_string()),
                ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Some(data_encoding::HEXUPPER.encode(bytes)),
            })
        });
        cells.collect::<Result<_, _>>().map(Row)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A session on a server, made again when the server was away.
pub struct Server {
    url: String,
    runtime: Runtime,
    session: RefCell<Option<Client>>,
}

impl Server {
    fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        let mut session = self.session.borrow_mut();
        let kept = session.take().filter(|client| !client.is_closed());
        let again = kept.is_some();
        let asked = self.ask(kept, sql);
        let (client, rows) = match asked {
            // The session may have ended since the last question: it is asked once more, which harms nothing.
            Err(_) if again => self.ask(None, sql)?,
            other => other?,
        };
        *session = Some(client);
        Ok(rows)
    }

    fn ask(&self, client: Option<Client>, sql: &str) -> Result<(Client, Vec<Row>)> {
        let asking = async {
            let client = match client {
                Some(client) => client,
                None => self.connect().await?,
            };
            let answer = client.simple_query(sql).await?;
            let rows = answer.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    Some(Row((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()))
                }
                _ => None,
            });
            Ok((client, rows.collect()))
        };
        let bounded = async { tokio::time::timeout(PATIENCE, asking).await };
        self.runtime.block_on(bounded).context("no answer in time")?
    }

    async fn connect(&self) -> Result<Client> {
        let mut config: tokio_postgres::Config = self.url.parse().context("URL of the database")?;
        config.options("-c default_transaction_read_only=on").application_name("vigie-tests");
        let (client, connection) = config.connect(NoTls).await.context("the database cannot be reached")?;
        tokio::spawn(connection);
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_test_postgres::Postgres;

    fn facts(look: &Look) -> Vec<(String, String, i64, Option<i64>)> {
        let sql = format!(
            "SELECT id, name, n, m FROM fact WHERE id = {} AND name = {}",
            look.bytes(&[0, 255]),
            quoted("l'an")
        );
        let read = |row: &Row| {
            (row.bytes(0).unwrap(), row.text(1).unwrap(), row.number(2).unwrap(), row.maybe_number(3).unwrap())
        };
        look.rows(&sql).unwrap().iter().map(read).collect()
    }

    #[test]
    fn both_engines_are_read_alike_and_neither_can_be_written() {
        if vigie_test_postgres::skipped() {
            return;
        }
        let table = |bytes: &str| format!("CREATE TABLE fact (id {bytes}, name text, n bigint, m bigint)");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("facts.sqlite");
        let embedded = Connection::open(&file).unwrap();
        embedded.execute_batch(&table("blob")).unwrap();
        embedded.execute_batch("INSERT INTO fact VALUES (x'00ff', 'l''an', -7, NULL), (x'', 'other', 1, 2)").unwrap();
        let mut server = Postgres::start().unwrap();
        server.psql(&table("bytea")).unwrap();
        server.psql("INSERT INTO fact VALUES ('\\x00ff', 'l''an', -7, NULL), ('', 'other', 1, 2)").unwrap();

        let (sqlite, postgres) =
            (Look::sqlite(&file).unwrap(), Look::postgres(&server.socket_url("postgres")).unwrap());

        let expected = [("00FF".to_owned(), "l'an".to_owned(), -7, None)];
        assert_eq!(facts(&sqlite), expected);
        assert_eq!(facts(&postgres), expected);
        for look in [&sqlite, &postgres] {
            assert!(look.rows("DELETE FROM fact").is_err());
        }
        server.stop_hard().unwrap();
        assert!(postgres.rows("SELECT 1").is_err());
        server.start_again().unwrap();
        assert_eq!(facts(&postgres), expected, "connected again");
    }
}
