//! What is dropped when its time is past, and the counts of what is too much to be counted at each look.

use super::super::StoreError;
use super::engine::Sql;
use super::row::{Row, ms, params};
use super::writer::Tx;
use jiff::{SignedDuration, Timestamp};
use vigie_shared::id::MachineId;

/// How long events, gaps, idle streams and earlier boots are kept.
const EVENTS_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long samples are kept.
const SAMPLES_FOR: SignedDuration = SignedDuration::from_hours(35 * 24);
/// How long what changed on machines is kept.
const CHANGES_FOR: SignedDuration = SignedDuration::from_hours(3 * 366 * 24);
/// How long failed tries to sign in are kept.
const FAILED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Rows of one table dropped in one call.
const ROWS: i64 = 20_000;

/// The day of an instant (days since 1970, UTC): the key under which samples lie together.
pub fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// Drops what is past its time. Incidents, tickets and the latest of each sample stay.
pub fn retain(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let before = |age: SignedDuration| now.saturating_sub(age).unwrap_or(Timestamp::MIN);
    const EVENTS: &str = "DELETE FROM event WHERE (machine, stream, seq) IN \
        (SELECT machine, stream, seq FROM event WHERE received < ?1 ORDER BY received LIMIT ?2)";
    const GAPS: &str = "DELETE FROM gap WHERE (machine, stream, first) IN \
        (SELECT machine, stream, first FROM gap WHERE received < ?1 ORDER BY received LIMIT ?2)";
    // The newest stream of a machine stays: the process that writes it may have been quiet all that time.
    const STREAMS: &str = "DELETE FROM stream WHERE (machine, stream) IN \
        (SELECT machine, stream FROM stream s WHERE last_used < ?1 AND EXISTS (SELECT 1 FROM stream newer \
            WHERE newer.machine = s.machine AND newer.stream > s.stream) LIMIT ?2)";
    const BOOTS: &str = "DELETE FROM boot WHERE (machine, boot) IN \
        (SELECT machine, boot FROM boot WHERE last_seen < ?1 LIMIT ?2)";
    const SESSIONS: &str = "DELETE FROM session WHERE secret_sha256 IN \
        (SELECT secret_sha256 FROM session WHERE expires <= ?1 LIMIT ?2)";
    const FAILED: &str = "DELETE FROM failed_sign_in WHERE n IN \
        (SELECT n FROM failed_sign_in WHERE at < ?1 LIMIT ?2)";
    const CHANGES: &str = "DELETE FROM machine_change WHERE (machine, n) IN \
        (SELECT machine, n FROM machine_change WHERE at < ?1 ORDER BY at LIMIT ?2)";
    let past = [
        (CHANGES, ms(before(CHANGES_FOR))),
        (EVENTS, ms(before(EVENTS_FOR))),
        (GAPS, ms(before(EVENTS_FOR))),
        (STREAMS, ms(before(EVENTS_FOR))),
        (BOOTS, ms(before(EVENTS_FOR))),
        (SESSIONS, ms(now)),
        (FAILED, ms(before(FAILED_FOR))),
    ];
    let mut all = drop_samples(tx.sql, day(before(SAMPLES_FOR)))?;
    for (sql, limit) in past {
        let gone = i64::try_from(tx.sql.execute(sql, params![limit, ROWS])?).unwrap_or(i64::MAX);
        match sql {
            EVENTS => count(tx.sql, "event", -gone)?,
            GAPS => count(tx.sql, "gap", -gone)?,
            _ => {}
        }
        all += gone;
    }
    Ok(u64::try_from(all).unwrap_or_default())
}

/// Drops samples of days before this one from the start of the table, by whole machines: at least [`ROWS`] if there are.
fn drop_samples(sql: &Sql, before: i64) -> Result<i64, StoreError> {
    const EDGE: &str = "SELECT day, machine FROM sample WHERE day < ?1 ORDER BY day, machine LIMIT 1 OFFSET ?2";
    let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<MachineId>(1)?));
    if let Some(rows) = sql.engine().drop_days(before)? {
        return Ok(i64::try_from(rows).unwrap_or(i64::MAX));
    }
    let gone = match sql.find(EDGE, params![before, ROWS], read)? {
        Some((day, machine)) => {
            sql.execute("DELETE FROM sample WHERE (day, machine) <= (?1, ?2)", params![day, machine.as_bytes()])?
        }
        None => sql.execute("DELETE FROM sample WHERE day < ?1", params![before])?,
    };
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

/// Moves the count of rows of a table.
pub fn count(sql: &Sql, table: &str, by: i64) -> Result<(), StoreError> {
    if by != 0 {
        const SQL: &str = "INSERT INTO counter (name, shard, value) VALUES (?1, ?2, ?3) \
            ON CONFLICT (name, shard) DO UPDATE SET value = counter.value + excluded.value";
        sql.execute(SQL, params![table, sql.engine().shard(), by])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite;

    #[test]
    fn samples_go_in_bounded_slices_and_only_past_days() {
        let folder = tempfile::tempdir().unwrap();
        let sql = sqlite::connection(&folder.path().join("test.db")).unwrap();
        const FILL: &str = "WITH RECURSIVE n (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM n WHERE n < ?2 - 1) \
            INSERT INTO sample SELECT ?1, CAST(printf('%016d', n / 100) AS BLOB), 'm', '', n, 1.0 FROM n";
        for (day, rows) in [(1i64, ROWS), (2, ROWS / 2), (3, 1000)] {
            sql.execute(FILL, params![day, rows]).unwrap();
        }
        let left = |day: i64| -> i64 { sql.value("SELECT count(*) FROM sample WHERE day = ?1", params![day]).unwrap() };
        assert_eq!(drop_samples(&sql, 3).unwrap(), ROWS + 100, "one machine beyond the slice");
        assert_eq!((left(1), left(2), left(3)), (0, ROWS / 2 - 100, 1000));
        assert_eq!(drop_samples(&sql, 3).unwrap(), ROWS / 2 - 100);
        assert_eq!(drop_samples(&sql, 3).unwrap(), 0);
        assert_eq!(left(3), 1000);
    }

    #[test]
    fn a_day_before_1970_is_a_day() {
        let at = Timestamp::from_second(-1).unwrap();
        assert_eq!((day(at), day(Timestamp::UNIX_EPOCH)), (-1, 0));
    }
}
