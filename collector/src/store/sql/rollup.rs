//! Each school in figures, kept by the transactions that change them, so that the figures of the fleet are sums over
//! schools and never a look at every machine.

use super::super::{Counts, StoreError};
use super::engine::Sql;
use super::row::{Row, params};
use super::writer::Tx;
use crate::engine::Presence;
use vigie_shared::id::SchoolId;

/// Counts the schools again in which this transaction changed something to see. Their rows of `school_state` are ours
/// until the commit, so whoever changed them before has committed.
pub fn keep(tx: &Tx<'_>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO school_rollup \
            (school, machines, never, online, gone, silent, quarantined, open_incidents, open_tickets) \
        SELECT s.id, f.machines, f.never, f.online, f.gone, f.silent, f.quarantined, \
            (SELECT count(*) FROM incident i WHERE i.school = s.id AND i.resolved IS NULL), \
            (SELECT count(*) FROM ticket t WHERE t.school = s.id AND t.resolved IS NULL) \
        FROM school s CROSS JOIN (SELECT count(*) AS machines, \
                count(*) FILTER (WHERE l.presence = 'never') AS never, \
                count(*) FILTER (WHERE l.presence = 'online') AS online, \
                count(*) FILTER (WHERE l.presence = 'left') AS gone, \
                count(*) FILTER (WHERE l.presence = 'silent') AS silent, \
                count(*) FILTER (WHERE m.status = 'quarantined') AS quarantined \
            FROM machine m JOIN liveness l ON l.machine = m.id \
            WHERE m.school = ?1 AND m.status IN ('trusted', 'quarantined')) f \
        WHERE s.id = ?1 \
        ON CONFLICT (school) DO UPDATE SET machines = excluded.machines, never = excluded.never, \
            online = excluded.online, gone = excluded.gone, silent = excluded.silent, \
            quarantined = excluded.quarantined, open_incidents = excluded.open_incidents, \
            open_tickets = excluded.open_tickets";
    for school in tx.changes.keys() {
        tx.sql.execute(SQL, params![school])?;
    }
    Ok(())
}

/// The figures of a school that is new: it has nothing.
pub fn of_new_school(tx: &Tx<'_>, school: SchoolId) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO school_rollup \
        (school, machines, never, online, gone, silent, quarantined, open_incidents, open_tickets) \
        VALUES (?1, 0, 0, 0, 0, 0, 0, 0, 0)";
    tx.sql.execute(SQL, params![school])?;
    Ok(())
}

/// Sums over all schools.
pub fn add_up(sql: &Sql, counts: &mut Counts) -> Result<(), StoreError> {
    const SQL: &str = "SELECT CAST(coalesce(sum(never), 0) AS BIGINT), CAST(coalesce(sum(online), 0) AS BIGINT), \
            CAST(coalesce(sum(gone), 0) AS BIGINT), CAST(coalesce(sum(silent), 0) AS BIGINT), \
            CAST(coalesce(sum(quarantined), 0) AS BIGINT), CAST(coalesce(sum(open_tickets), 0) AS BIGINT) \
        FROM school_rollup";
    let read = |row: &Row<'_>| {
        for (index, presence) in
            [Presence::Never, Presence::Online, Presence::Left, Presence::Silent].into_iter().enumerate()
        {
            counts.machines.insert(presence.as_str().to_owned(), row.get(index)?);
        }
        counts.quarantined = row.get(4)?;
        counts.open_tickets = row.get(5)?;
        Ok(())
    };
    sql.find(SQL, &[], read).map(drop)
}
