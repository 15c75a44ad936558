//! Applies calls of agents and passages of time. Each item stands alone; a quiet heartbeat touches its liveness row only.

use super::super::{Item, Peer, Receipt, StoreError, SyncItem};
use super::identity::{self, Standing};
use super::row::{col, cut, ms};
use super::writer::{Job, Tx, stopped};
use super::{decide, events, inventory};
use crate::engine::{Decide, Input, Presence};
use crate::facts::true_time;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use std::sync::Arc;
use tokio::sync::oneshot;
use vigie_shared::digest::Digest;
use vigie_shared::error::Refusal;
use vigie_shared::id::{BootId, MachineId, SchoolId};
use vigie_shared::sync::SyncRequest;

/// Results of items, in order.
pub type Results = Vec<Result<Receipt, StoreError>>;

/// Earlier boots remembered a machine; those heard least lately go first.
const BOOTS_KEPT: i64 = 500;

/// Some items, each a unit of work of its own.
pub struct Apply {
    items: Vec<Item>,
    results: Results,
    decider: Arc<dyn Decide>,
    answer: oneshot::Sender<Results>,
}

impl Apply {
    /// Items to apply and where their results come.
    pub fn new(items: Vec<Item>, decider: Arc<dyn Decide>) -> (Self, oneshot::Receiver<Results>) {
        let (answer, results) = oneshot::channel();
        let none = items.iter().map(|_| Err(stopped())).collect();
        (Self { items, results: none, decider, answer }, results)
    }

    fn keep(&mut self, unit: usize, result: Result<Receipt, StoreError>) {
        if let Some(place) = self.results.get_mut(unit) {
            *place = result;
        }
    }
}

impl Job for Apply {
    fn units(&self) -> usize {
        self.items.len()
    }

    fn run(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool {
        let Some(item) = self.items.get(unit) else { return true };
        let result = match item {
            Item::Sync(item) => sync(tx, item, self.decider.as_ref()),
            Item::Tick { school, upto, now } => tick(tx, *school, *upto, *now, self.decider.as_ref()),
        };
        let result = result.map_err(|error| ours(item, error));
        let good = result.is_ok();
        // A call whose content is refused was heard all the same: that much of it is committed.
        self.keep(unit, result.and_then(|content| content.map_err(StoreError::Refused)));
        good
    }

    /// A call that the collector fails on was heard all the same: a machine is not silent because of it.
    fn salvage(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool {
        let failed = !matches!(self.results.get(unit), Some(Err(StoreError::Refused(_))));
        match self.items.get(unit) {
            Some(Item::Sync(item)) if failed => heard(tx, item).is_ok(),
            _ => false,
        }
    }

    fn refuse(&mut self, unit: usize, error: StoreError) {
        self.keep(unit, Err(error));
    }

    fn answer(self: Box<Self>) {
        // Whoever asked may be gone; what was written stays written.
        drop(self.answer.send(self.results));
    }
}

/// What is not the caller's fault: the engine or the store contradicts its own rows, or the disk fails.
fn ours(item: &Item, error: StoreError) -> StoreError {
    let why = match error {
        StoreError::Refused(refusal) => return StoreError::Refused(refusal),
        StoreError::NotFound(why) | StoreError::Conflict(why) | StoreError::Failed(why) => why,
    };
    match item {
        Item::Sync(item) => tracing::error!(machine = %item.peer.machine, why, "a call could not be applied"),
        Item::Tick { school, .. } => tracing::error!(%school, why, "a school could not be looked at"),
    }
    StoreError::Failed(why)
}

/// The outer error undoes the item; the inner one keeps that the machine was heard.
type Applied = Result<Result<Receipt, Refusal>, StoreError>;

fn tick(tx: &mut Tx<'_>, school: SchoolId, upto: Timestamp, now: Timestamp, decider: &dyn Decide) -> Applied {
    decide::run(tx, school, &[Input::Tick { upto: cut(upto) }], cut(now), decider)?;
    Ok(Ok(Receipt::default()))
}

/// What the store knows about a caller: everything that a quiet heartbeat needs, in one look.
pub struct Caller {
    /// Its certificate and status.
    standing: Standing,
    /// Its school.
    pub school: SchoolId,
    /// When it enrolled.
    pub enrolled: Timestamp,
    last_seen: Option<Timestamp>,
    presence: Presence,
    boot: Option<BootId>,
    boot_offset: Option<Timestamp>,
    /// Digest of the inventory held.
    pub inventory: Option<Digest>,
    /// Cursor of the stream of this call.
    pub cursor: Option<u64>,
}

fn caller(tx: &Tx<'_>, peer: &Peer, request: &SyncRequest) -> Result<Option<Caller>, StoreError> {
    const SQL: &str = "SELECT c.machine, c.revoked IS NOT NULL, c.not_after, m.status, m.school, m.enrolled, \
            l.last_seen, l.presence, l.boot, l.boot_offset, l.inventory, s.cursor \
        FROM certificate c JOIN machine m ON m.id = c.machine JOIN liveness l ON l.machine = c.machine \
        LEFT JOIN stream s ON s.machine = c.machine AND s.stream = ?2 WHERE c.serial = ?1";
    let read = |row: &Row<'_>| {
        Ok(Caller {
            standing: Standing {
                machine: col(row, 0)?,
                revoked: row.get(1)?,
                not_after: col(row, 2)?,
                status: row.get(3)?,
            },
            school: col(row, 4)?,
            enrolled: col(row, 5)?,
            last_seen: col(row, 6)?,
            presence: col(row, 7)?,
            boot: col(row, 8)?,
            boot_offset: col(row, 9)?,
            inventory: col(row, 10)?,
            cursor: col(row, 11)?,
        })
    };
    let key = params![peer.serial, request.stream.as_bytes()];
    Ok(tx.sql.prepare_cached(SQL)?.query_row(key, read).optional()?)
}

fn sync(tx: &mut Tx<'_>, item: &SyncItem, decider: &dyn Decide) -> Applied {
    let (request, received) = (&item.request, cut(item.received));
    let caller = caller(tx, &item.peer, request)?;
    identity::judge(&item.peer, caller.as_ref().map(|c| &c.standing), received)?;
    let Some(caller) = caller else { return Err(stopped()) };
    let machine = caller.machine();

    seen(tx, item, received, &caller)?;
    let policy = tx.policy()?;
    let mut receipt = Receipt {
        ack: quiet_ack(&caller, request).unwrap_or_default(),
        want: None,
        policy: (request.policy != policy.version).then(|| policy.clone()),
        next_s: policy.heartbeat_s,
        quarantined: caller.standing.status == "quarantined",
    };
    if quiet_ack(&caller, request).is_some() {
        return Ok(Ok(receipt));
    }

    let mut inputs = Vec::new();
    let content = match events::read(request, caller.cursor) {
        Ok(read) => {
            let stored = events::store(tx, request, received, &caller, read)?;
            let sections = inventory::store(tx, request, received, machine, caller.inventory)?;
            receipt.ack = stored.ack;
            receipt.want = sections.want;
            receipt.quarantined |= stored.quarantined;
            inputs.extend(stored.inputs);
            inputs.extend(sections.input);
            if stored.visible || sections.visible {
                tx.changed(caller.school)?;
            }
            Ok(receipt)
        }
        Err(refusal) => Err(refusal),
    };
    if !inputs.is_empty() || caller.presence != Presence::Online {
        inputs.insert(0, Input::Heard { machine, at: received, previous: caller.last_seen });
        decide::run(tx, caller.school, &inputs, received, decider)?;
    }
    Ok(content)
}

fn heard(tx: &mut Tx<'_>, item: &SyncItem) -> Result<(), StoreError> {
    let received = cut(item.received);
    let caller = caller(tx, &item.peer, &item.request)?;
    identity::judge(&item.peer, caller.as_ref().map(|c| &c.standing), received)?;
    caller.map_or(Ok(()), |caller| seen(tx, item, received, &caller))
}

/// The acknowledgement of a heartbeat that changes nothing but the liveness row; `None` when there is more to do.
fn quiet_ack(caller: &Caller, request: &SyncRequest) -> Option<u64> {
    let cursor = caller.cursor.unwrap_or(0);
    let quiet = caller.presence == Presence::Online
        && request.events.is_empty()
        && request.sections.is_empty()
        && request.digests.is_none()
        && (request.inventory.is_none() || request.inventory == caller.inventory)
        && (1..=request.next).contains(&request.oldest)
        && request.oldest - 1 <= cursor;
    quiet.then(|| cursor.min(request.next - 1))
}

/// The liveness row; and when another boot speaks, what is known of the one before it.
fn seen(tx: &mut Tx<'_>, item: &SyncItem, received: Timestamp, caller: &Caller) -> Result<(), StoreError> {
    let (machine, request) = (caller.standing.machine, &item.request);
    if let (Some(boot), Some(offset)) = (caller.boot, caller.boot_offset)
        && boot != request.boot
    {
        const SQL: &str = "INSERT INTO boot (machine, boot, boot_offset, last_seen) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT (machine, boot) DO UPDATE SET boot_offset = excluded.boot_offset, last_seen = excluded.last_seen";
        let last = caller.last_seen.unwrap_or(received);
        let row = params![machine.as_bytes(), boot.as_bytes(), ms(offset), ms(last)];
        tx.sql.prepare_cached(SQL)?.execute(row)?;
        const BOUND: &str = "DELETE FROM boot WHERE machine = ?1 AND boot IN \
            (SELECT boot FROM boot WHERE machine = ?1 ORDER BY last_seen DESC LIMIT -1 OFFSET ?2)";
        tx.sql.prepare_cached(BOUND)?.execute(params![machine.as_bytes(), BOOTS_KEPT])?;
    }
    let policy = tx.policy()?;
    const SQL: &str = "UPDATE liveness SET last_seen = max(coalesce(last_seen, ?2), ?2), boot = ?3, boot_offset = ?4, \
                       interval_s = ?5, backoff_cap_s = ?6, address = ?7 WHERE machine = ?1";
    tx.sql.prepare_cached(SQL)?.execute(params![
        machine.as_bytes(),
        ms(received),
        request.boot.as_bytes(),
        ms(true_time::offset(received, request.up_ms)),
        policy.heartbeat_s,
        policy.backoff_cap_s(),
        item.address.to_canonical().to_string(),
    ])?;
    Ok(())
}

impl Caller {
    /// The machine that calls.
    pub fn machine(&self) -> MachineId {
        self.standing.machine
    }

    /// The boot heard before this call, and when it began.
    pub fn boot_before(&self) -> Option<(BootId, Timestamp)> {
        self.boot.zip(self.boot_offset)
    }

    /// Whether a person approved the machine.
    pub fn trusted(&self) -> bool {
        self.standing.status == "trusted"
    }
}
