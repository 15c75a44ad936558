//! Bare rows of the store's engine on the same disk: batches of 100 upserts of a narrow liveness row, each batch a
//! durable commit. What the collector's store is compared with in the same run.

use anyhow::{Context, Result};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// Rows in one commit.
const BATCH: usize = 100;

/// Durable rows a second on SQLite, in a file of its own beside the collector's.
pub fn sqlite(folder: &Path, machines: usize, time: Duration) -> Result<f64> {
    let file = folder.join("raw.sqlite");
    let connection = rusqlite::Connection::open(&file).with_context(|| file.display().to_string())?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS liveness (machine BLOB PRIMARY KEY, last_seen INTEGER NOT NULL,
         boot BLOB NOT NULL, boot_offset INTEGER NOT NULL, address TEXT NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let mut upsert = connection.prepare(
        "INSERT INTO liveness VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (machine) DO UPDATE
         SET last_seen = excluded.last_seen, boot = excluded.boot, boot_offset = excluded.boot_offset,
             address = excluded.address",
    )?;
    let begun = Instant::now();
    let mut rows = 0;
    while begun.elapsed() < time {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..BATCH {
            let (machine, seen) = (identifier(rows % machines), i64::try_from(rows)?);
            upsert.execute((machine, seen, machine, seen, "127.1.2.3"))?;
            rows += 1;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}

/// Durable rows a second on PostgreSQL, in a schema of its own that is dropped again.
pub fn postgres(url: &str, machines: usize, time: Duration) -> Result<f64> {
    let (runtime, client) = connect(url)?;
    runtime.block_on(async {
        client
            .batch_execute(
                "DROP SCHEMA IF EXISTS vigie_raw CASCADE; CREATE SCHEMA vigie_raw;
                 CREATE TABLE vigie_raw.liveness (machine bytea PRIMARY KEY, last_seen bigint NOT NULL,
                 boot bytea NOT NULL, boot_offset bigint NOT NULL, address text NOT NULL)",
            )
            .await?;
        let upsert = client
            .prepare(
                "INSERT INTO vigie_raw.liveness SELECT * FROM
                 unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[])
                 ON CONFLICT (machine) DO UPDATE SET last_seen = excluded.last_seen, boot = excluded.boot,
                 boot_offset = excluded.boot_offset, address = excluded.address",
            )
            .await?;
        let begun = Instant::now();
        let mut rows = 0;
        // A batch never names a machine twice: PostgreSQL refuses that.
        let batch = BATCH.min(machines.max(1));
        let addresses = vec!["127.1.2.3"; batch];
        while begun.elapsed() < time {
            let machines: Vec<Vec<u8>> = (rows..rows + batch).map(|n| identifier(n % machines).to_vec()).collect();
            let seen = vec![i64::try_from(rows)?; batch];
            client.execute(&upsert, &[&machines, &seen, &machines, &seen, &addresses]).await?;
            rows += batch;
        }
        let rate = rows as f64 / begun.elapsed().as_secs_f64();
        client.batch_execute("DROP SCHEMA vigie_raw CASCADE").await?;
        Ok(rate)
    })
}

/// A connection and the runtime that carries it.
pub fn connect(url: &str) -> Result<(tokio::runtime::Runtime, tokio_postgres::Client)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).context("PostgreSQL")?;
    runtime.spawn(connection);
    Ok((runtime, client))
}

fn identifier(n: usize) -> [u8; 16] {
    // Spread as real identifiers are.
    let spread = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&spread.to_be_bytes());
    bytes[8..].copy_from_slice(&(n as u64).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let rate = sqlite(folder.path(), 250, Duration::from_millis(100)).unwrap();
        let rows: i64 = rusqlite::Connection::open(folder.path().join("raw.sqlite"))
            .unwrap()
            .query_row("SELECT count(*) FROM liveness", [], |row| row.get(0))
            .unwrap();
        assert!(rate > 0.0 && (100..=250).contains(&rows), "{rate} {rows}");
    }

    #[test]
    fn rows_are_written_to_postgresql_too_and_nothing_stays() {
        if vigie_test_postgres::skipped() {
            return;
        }
        let server = vigie_test_postgres::Postgres::start().unwrap();
        let rate = postgres(&server.url(), 250, Duration::from_millis(100)).unwrap();
        let left = server.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'vigie_raw'").unwrap();
        assert!(rate > 0.0 && left == "0", "{rate} {left}");
    }
}
