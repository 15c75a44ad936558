//! Applies calls of agents and passages of time. Each item stands alone; a quiet heartbeat touches its liveness row only.

use super::super::{Item, Peer, Receipt, StoreError, SyncItem};
use super::engine::Bulk;
use super::identity::{self, Standing};
use super::row::{Row, cut, ms, params};
use super::writer::{Job, Tx, stopped};
use super::{decide, events, inventory, lines, refused};
use crate::engine::{Decide, Input, Presence};
use crate::facts::{egress, true_time};
use jiff::Timestamp;
use std::sync::{Arc, LazyLock};
use tokio::sync::oneshot;
use vigie_shared::digest::Digest;
use vigie_shared::error::Refusal;
use vigie_shared::id::{BootId, MachineId, SchoolId};
use vigie_shared::policy::Policy;
use vigie_shared::sync::SyncRequest;

/// Results of items, in order.
pub type Results = Vec<Result<Receipt, StoreError>>;

/// Earlier boots remembered a machine; those heard least lately go first.
const BOOTS_KEPT: i64 = 500;

/// Some items, each a unit of work of its own.
pub struct Apply {
    items: Vec<Item>,
    results: Results,
    /// Units that the whole batch's statements have done.
    settled: Vec<bool>,
    decider: Arc<dyn Decide>,
    answer: oneshot::Sender<Results>,
}

impl Apply {
    /// Items to apply and where their results come.
    pub fn new(items: Vec<Item>, decider: Arc<dyn Decide>) -> (Self, oneshot::Receiver<Results>) {
        let (answer, results) = oneshot::channel();
        let none = items.iter().map(|_| Err(stopped())).collect();
        let settled = vec![false; items.len()];
        (Self { items, results: none, settled, decider, answer }, results)
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

    /// What an agent sends again is known by its number, and time passes again without harm.
    fn repeatable(&self) -> bool {
        true
    }

    fn prepare(&mut self, only: Option<usize>, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.settled.fill(false);
        match tx.sql.engine().bulk() {
            None => Ok(()),
            Some(bulk) => self.in_bulk(bulk, only, tx),
        }
    }

    fn settled(&self, unit: usize) -> bool {
        self.settled.get(unit).is_some_and(|settled| *settled)
    }

    fn run(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool {
        let Some(item) = self.items.get(unit) else { return true };
        let result = match item {
            Item::Sync(item) => sync(tx, item, self.decider.as_ref()),
            Item::Tick { school, upto, now } => tick(tx, *school, *upto, *now, self.decider.as_ref()),
            Item::Probe(result) => lines::probed(tx, result, self.decider.as_ref()).map(|()| Ok(Receipt::default())),
        };
        let result = result.map_err(|error| ours(item, error));
        let good = result.is_ok();
        // A call whose content is refused was heard all the same: that much of it is committed.
        self.keep(unit, result.and_then(|content| content.map_err(StoreError::Refused)));
        good
    }

    /// A call that the collector fails on was heard all the same: a machine is not silent because of it. The call itself
    /// is kept to be looked at.
    fn salvage(&mut self, unit: usize, tx: &mut Tx<'_>) -> bool {
        let Some(Item::Sync(item)) = self.items.get(unit) else { return false };
        match self.results.get(unit) {
            Some(Err(StoreError::Refused(_))) => false,
            Some(Err(StoreError::Failed(why))) => heard(tx, item).is_ok() && keep_refused(tx, item, why).is_ok(),
            _ => heard(tx, item).is_ok(),
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

impl Apply {
    /// Quiet heartbeats with one statement for all; what needs more is done unit by unit, its schools locked first.
    fn in_bulk(&mut self, bulk: &dyn Bulk, only: Option<usize>, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut calls: Vec<(usize, &SyncItem)> = Vec::new();
        for (unit, item) in self.items.iter().enumerate().filter(|(unit, _)| only.is_none_or(|only| only == *unit)) {
            match item {
                Item::Sync(item) => calls.push((unit, item)),
                Item::Tick { school, .. } => drop(tx.schools.insert(*school)),
                Item::Probe(result) => drop(tx.schools.insert(result.school)),
            }
        }
        let keys: Vec<_> = calls.iter().map(|(_, item)| (item.peer.serial.as_slice(), item.request.stream)).collect();
        let callers = if keys.is_empty() { vec![] } else { bulk.callers(&keys)? };
        let policy = tx.policy()?;
        let (mut quiet, mut rows) = (Vec::new(), Vec::new());
        for ((unit, item), caller) in calls.into_iter().zip(callers) {
            let received = cut(item.received);
            if caller.is_none() {
                tx.schools.extend(identity::adoptable(tx.sql, &item.peer)?);
            }
            // One that may not speak is refused when its turn comes, by the same judge.
            let Some(caller) = caller.filter(|c| identity::judge(&item.peer, Some(&c.standing), received).is_ok())
            else {
                continue;
            };
            let ack = quiet_ack(&caller, item).filter(|_| only.is_none() && !caller.other_boot(&item.request));
            let first = tx.callers.insert(caller.machine());
            match ack {
                // A second call of the same machine finds what the first one wrote.
                Some(ack) if first => {
                    rows.push(Seen::new(item, received, &caller, &policy));
                    quiet.push((unit, caller.school, receipt(ack, &caller, &item.request, &policy)));
                }
                _ => drop(tx.schools.insert(caller.school)),
            }
        }
        let written = if rows.is_empty() { vec![] } else { bulk.seen(&rows)? };
        for ((unit, school, receipt), written) in quiet.into_iter().zip(written) {
            if written {
                self.keep(unit, Ok(receipt));
                self.settled.get_mut(unit).into_iter().for_each(|settled| *settled = true);
            } else {
                tx.schools.insert(school);
            }
        }
        Ok(())
    }
}

/// What is not the caller's fault: the engine or the store contradicts its own rows, or the disk fails.
fn ours(item: &Item, error: StoreError) -> StoreError {
    let why = match error {
        StoreError::Refused(refusal) => return StoreError::Refused(refusal),
        StoreError::Away(_) | StoreError::Contended(_) => return error,
        StoreError::NotFound(why) | StoreError::Conflict(why) | StoreError::Failed(why) => why,
    };
    match item {
        Item::Sync(item) => tracing::error!(machine = %item.peer.machine, why, "a call could not be applied"),
        Item::Tick { school, .. } => tracing::error!(%school, why, "a school could not be looked at"),
        Item::Probe(result) => tracing::error!(line = %result.line, why, "what a probe came to could not be kept"),
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
    /// From where it called last.
    address: Option<String>,
}

/// Columns of a [`Caller`], of `certificate c`, `machine m`, `liveness l` and `stream s`.
pub const CALLER: &str = "c.machine, c.revoked IS NOT NULL, c.not_after, m.status, m.school, m.enrolled, l.last_seen, \
    l.presence, l.boot, l.boot_offset, l.inventory, s.cursor, l.address";

impl Caller {
    /// From the columns [`CALLER`].
    pub fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            standing: Standing {
                machine: row.get(0)?,
                revoked: row.get(1)?,
                not_after: row.get(2)?,
                status: row.get(3)?,
            },
            school: row.get(4)?,
            enrolled: row.get(5)?,
            last_seen: row.get(6)?,
            presence: row.get(7)?,
            boot: row.get(8)?,
            boot_offset: row.get(9)?,
            inventory: row.get(10)?,
            cursor: row.get(11)?,
            address: row.get(12)?,
        })
    }
}

/// Who calls, its certificate adopted first where that is due.
fn caller(tx: &mut Tx<'_>, item: &SyncItem, received: Timestamp) -> Result<Option<Caller>, StoreError> {
    match look(tx, &item.peer, &item.request)? {
        None if identity::adopt(tx, &item.peer, received)? => look(tx, &item.peer, &item.request),
        found => Ok(found),
    }
}

fn look(tx: &Tx<'_>, peer: &Peer, request: &SyncRequest) -> Result<Option<Caller>, StoreError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {CALLER} FROM certificate c JOIN machine m ON m.id = c.machine \
             JOIN liveness l ON l.machine = c.machine \
             LEFT JOIN stream s ON s.machine = c.machine AND s.stream = ?2 WHERE c.serial = ?1"
        )
    });
    tx.sql.find(&SQL, params![peer.serial, request.stream], Caller::read)
}

/// The liveness row of one call.
pub struct Seen {
    /// Who.
    pub machine: MachineId,
    /// When it was heard.
    pub received: Timestamp,
    /// The boot that speaks.
    pub boot: BootId,
    /// When that boot began.
    pub boot_offset: Timestamp,
    /// When to call again, seconds.
    pub interval_s: u32,
    /// Its longest pause after failures, seconds.
    pub backoff_cap_s: u32,
    /// From where.
    pub address: String,
    /// The inventory that was held when the call was judged quiet.
    pub inventory: Option<Digest>,
}

impl Seen {
    fn new(item: &SyncItem, received: Timestamp, caller: &Caller, policy: &Policy) -> Self {
        Self {
            machine: caller.machine(),
            received,
            boot: item.request.boot,
            boot_offset: true_time::offset(received, item.request.up_ms),
            interval_s: policy.heartbeat_s,
            backoff_cap_s: policy.backoff_cap_s(),
            address: item.address.to_canonical().to_string(),
            inventory: caller.inventory,
        }
    }
}

/// The answer to a call, before anything it brought was looked at.
fn receipt(ack: u64, caller: &Caller, request: &SyncRequest, policy: &Arc<Policy>) -> Receipt {
    Receipt {
        ack,
        want: None,
        policy: (request.policy != policy.version).then(|| policy.clone()),
        next_s: policy.heartbeat_s,
        quarantined: caller.standing.status == "quarantined",
    }
}

fn sync(tx: &mut Tx<'_>, item: &SyncItem, decider: &dyn Decide) -> Applied {
    let (request, received) = (&item.request, cut(item.received));
    let caller = caller(tx, item, received)?;
    identity::judge(&item.peer, caller.as_ref().map(|c| &c.standing), received)?;
    let Some(caller) = caller else { return Err(stopped()) };
    let machine = caller.machine();

    let moved = caller.calls_from_elsewhere(item);
    let moved = if moved { lines::moved(tx, item, machine, caller.school, received)? } else { None };
    seen(tx, item, received, &caller)?;
    let ack = quiet_ack(&caller, item);
    let mut receipt = receipt(ack.unwrap_or_default(), &caller, request, &tx.policy()?);
    if ack.is_some() {
        return Ok(Ok(receipt));
    }

    let mut inputs = Vec::from_iter(moved);
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
        let booted = caller.other_boot(request).then(|| true_time::offset(received, request.up_ms));
        inputs.insert(0, Input::Heard { machine, at: received, previous: caller.last_seen, booted });
        decide::run(tx, caller.school, &inputs, received, decider)?;
    }
    Ok(content)
}

fn heard(tx: &mut Tx<'_>, item: &SyncItem) -> Result<(), StoreError> {
    let received = cut(item.received);
    let caller = caller(tx, item, received)?;
    identity::judge(&item.peer, caller.as_ref().map(|c| &c.standing), received)?;
    let Some(caller) = caller else { return Ok(()) };
    if caller.calls_from_elsewhere(item) {
        // The engine is told with the next call that it bears.
        const SQL: &str =
            "UPDATE liveness SET last_seen = ?2 WHERE machine = ?1 AND (last_seen IS NULL OR last_seen < ?2)";
        return tx.sql.execute(SQL, params![caller.machine(), ms(received)]).map(drop);
    }
    seen(tx, item, received, &caller)
}

/// Keeps a call that failed; if even that fails, what else is kept of it stays.
fn keep_refused(tx: &mut Tx<'_>, item: &SyncItem, why: &str) -> Result<(), StoreError> {
    tx.sql.execute("SAVEPOINT refused", &[])?;
    if let Err(error) = refused::keep(tx, item, why) {
        tracing::error!(%error, machine = %item.peer.machine, "a call that could not be applied could not be kept");
        tx.sql.execute("ROLLBACK TO refused", &[])?;
    }
    tx.sql.execute("RELEASE refused", &[]).map(drop)
}

/// The acknowledgement of a heartbeat that changes nothing but the liveness row; `None` when there is more to do.
fn quiet_ack(caller: &Caller, item: &SyncItem) -> Option<u64> {
    let request = &item.request;
    let cursor = caller.cursor.unwrap_or(0);
    let quiet = caller.presence == Presence::Online
        && request.events.is_empty()
        && request.sections.is_empty()
        && request.digests.is_none()
        && (request.inventory.is_none() || request.inventory == caller.inventory)
        && (1..=request.next).contains(&request.oldest)
        && request.oldest - 1 <= cursor
        && !caller.calls_from_elsewhere(item);
    quiet.then(|| cursor.min(request.next - 1))
}

/// The liveness row; and when another boot speaks, what is known of the one before it.
fn seen(tx: &mut Tx<'_>, item: &SyncItem, received: Timestamp, caller: &Caller) -> Result<(), StoreError> {
    let machine = caller.machine();
    if let (Some(boot), Some(offset)) = (caller.boot, caller.boot_offset)
        && caller.other_boot(&item.request)
    {
        const SQL: &str = "INSERT INTO boot (machine, boot, boot_offset, last_seen) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT (machine, boot) DO UPDATE SET boot_offset = excluded.boot_offset, last_seen = excluded.last_seen";
        let last = caller.last_seen.unwrap_or(received);
        let row = params![machine.as_bytes(), boot.as_bytes(), ms(offset), ms(last)];
        tx.sql.execute(SQL, row)?;
        const BOUND: &str = "DELETE FROM boot WHERE machine = ?1 AND boot IN \
            (SELECT boot FROM boot WHERE machine = ?1 ORDER BY last_seen DESC LIMIT 1000000000 OFFSET ?2)";
        tx.sql.execute(BOUND, params![machine.as_bytes(), BOOTS_KEPT])?;
    }
    let row = Seen::new(item, received, caller, tx.policy()?.as_ref());
    const SQL: &str = "UPDATE liveness SET last_seen = CASE WHEN last_seen > ?2 THEN last_seen ELSE ?2 END, boot = ?3, \
                       boot_offset = ?4, interval_s = ?5, backoff_cap_s = ?6, address = ?7 WHERE machine = ?1";
    tx.sql.execute(
        SQL,
        params![
            row.machine,
            ms(row.received),
            row.boot,
            ms(row.boot_offset),
            row.interval_s,
            row.backoff_cap_s,
            row.address,
        ],
    )?;
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

    /// Whether this call comes by another way than the one before it, or is the first.
    fn calls_from_elsewhere(&self, item: &SyncItem) -> bool {
        let address = item.address.to_canonical();
        self.address.as_ref().is_none_or(|before| !egress::same_as_stored(before, address))
    }

    /// Whether another boot was heard before the one that calls.
    fn other_boot(&self, request: &SyncRequest) -> bool {
        self.boot.is_some_and(|boot| boot != request.boot)
    }

    /// Whether a person approved the machine.
    pub fn trusted(&self) -> bool {
        self.standing.status == "trusted"
    }
}
