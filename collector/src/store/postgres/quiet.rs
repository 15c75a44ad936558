//! Quiet heartbeats: who calls, and the rows that say they were heard, each for a whole batch in one statement.

use super::super::StoreError;
use super::super::sql::apply::{CALLER, Caller, Seen};
use super::super::sql::engine::Bulk;
use super::super::sql::row::ms;
use super::engine::Engine;
use super::value::storable;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use vigie_shared::id::{MachineId, StreamId};

/// Column behind those of a [`Caller`]: which key it answers.
const KEY: usize = 13;

impl Bulk for Engine {
    fn callers(&self, keys: &[(&[u8], StreamId)]) -> Result<Vec<Option<Caller>>, StoreError> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            format!(
                "SELECT {CALLER}, k.n FROM unnest(?1::bytea[], ?2::bytea[]) WITH ORDINALITY AS k (serial, stream, n) \
                 JOIN certificate c ON c.serial = k.serial JOIN machine m ON m.id = c.machine \
                 JOIN liveness l ON l.machine = c.machine \
                 LEFT JOIN stream s ON s.machine = c.machine AND s.stream = k.stream"
            )
        });
        let serials: Vec<&[u8]> = keys.iter().map(|(serial, _)| *serial).collect();
        let streams: Vec<&[u8]> = keys.iter().map(|(_, stream)| stream.as_bytes().as_slice()).collect();
        let mut callers: Vec<Option<Caller>> = keys.iter().map(|_| None).collect();
        self.run(&SQL, &[&serials, &streams], &mut |row| {
            let key: usize = row.get(KEY)?;
            if let Some(place) = key.checked_sub(1).and_then(|key| callers.get_mut(key)) {
                *place = Some(Caller::read(row)?);
            }
            Ok(true)
        })?;
        Ok(callers)
    }

    /// In the order of machines, so that two processes lock in one order. What a call was judged by has not changed when
    /// presence, inventory and boot are what they were; a machine that is revoked or approved at the same moment was heard
    /// before.
    fn seen(&self, rows: &[Seen]) -> Result<Vec<bool>, StoreError> {
        const SQL: &str = "UPDATE liveness SET last_seen = greatest(liveness.last_seen, c.received), boot = c.boot, \
                boot_offset = c.boot_offset, interval_s = c.interval_s, backoff_cap_s = c.backoff_cap_s, \
                address = c.address \
            FROM unnest(?1::bytea[], ?2::bigint[], ?3::bytea[], ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::text[], \
                ?8::bytea[]) AS c (machine, received, boot, boot_offset, interval_s, backoff_cap_s, address, inventory) \
            WHERE liveness.machine = c.machine AND liveness.presence = 'online' \
                AND liveness.inventory IS NOT DISTINCT FROM c.inventory \
                AND (liveness.boot IS NULL OR liveness.boot = c.boot) \
            RETURNING liveness.machine";
        let mut ordered: Vec<&Seen> = rows.iter().collect();
        ordered.sort_unstable_by_key(|row| row.machine);
        let of = |bytes: fn(&Seen) -> &[u8]| -> Vec<&[u8]> { ordered.iter().map(|row| bytes(row)).collect() };
        let numbers = |number: fn(&Seen) -> i64| -> Vec<i64> { ordered.iter().map(|row| number(row)).collect() };
        let (machines, boots) = (of(|row| row.machine.as_bytes()), of(|row| row.boot.as_bytes()));
        let (received, offsets) = (numbers(|row| ms(row.received)), numbers(|row| ms(row.boot_offset)));
        let (intervals, caps) = (numbers(|row| row.interval_s.into()), numbers(|row| row.backoff_cap_s.into()));
        let addresses: Vec<_> = ordered.iter().map(|row| storable(&row.address)).collect();
        let inventories: Vec<Option<&[u8]>> =
            ordered.iter().map(|row| row.inventory.as_ref().map(|digest| digest.as_bytes().as_slice())).collect();
        let mut written: BTreeSet<MachineId> = BTreeSet::new();
        let values: [super::session::Parameter<'_>; 8] =
            [&machines, &received, &boots, &offsets, &intervals, &caps, &addresses, &inventories];
        self.run(SQL, &values, &mut |row| {
            written.insert(row.get(0)?);
            Ok(true)
        })?;
        Ok(rows.iter().map(|row| written.contains(&row.machine)).collect())
    }
}
