//! The bounded queue before the store, and the task that empties it: whatever waits is committed together (group
//! commit), in the order of its arrival.
//!
//! When the queue is full an agent is answered 503 and keeps its events, but it *was* heard: its call without events
//! and sections is kept, the latest of each machine in a bounded map, and applied as soon as there is room, so that an
//! overloaded collector never declares its machines silent. Until then it holds the watermark like any other call.

use super::body::Taken;
use super::seldom::Seldom;
use super::watermark::InFlight;
use crate::engine::Decide;
use crate::store::{Item, Receipt, Store, StoreError, SyncItem};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use vigie_shared::id::MachineId;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct QueueBounds {
    /// Calls and ticks waiting.
    pub waiting: usize,
    /// Items in one transaction.
    pub batch: usize,
    /// Machines remembered as heard while the queue is full.
    pub heard: usize,
}

impl Default for QueueBounds {
    fn default() -> Self {
        Self { waiting: 4096, batch: 512, heard: 65_536 }
    }
}

/// What an item comes to.
pub type Outcome = Result<Receipt, StoreError>;

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

struct Entry {
    item: Item,
    reply: Option<oneshot::Sender<Outcome>>,
    /// Holds the watermark until the item is applied.
    _in_flight: Option<InFlight>,
    /// Holds the memory of the item.
    _memory: Taken,
}

struct Heard {
    machines: Mutex<BTreeMap<MachineId, (SyncItem, InFlight)>>,
    some: Notify,
    overflow: Seldom,
}

/// The way into the store. The task behind it ends when all of these are dropped and everything is applied.
#[derive(Clone)]
pub struct Queue {
    sender: mpsc::Sender<Entry>,
    heard: Arc<Heard>,
    bounds: QueueBounds,
    full: Arc<Seldom>,
}

impl Queue {
    /// Starts the task that empties the queue.
    pub fn start(store: Arc<dyn Store>, decider: Arc<dyn Decide>, bounds: QueueBounds) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(bounds.waiting.max(1));
        let heard = Arc::new(Heard { machines: Mutex::default(), some: Notify::new(), overflow: Seldom::default() });
        let task = tokio::spawn(empty(receiver, heard.clone(), store, decider, bounds.batch.max(1)));
        (Self { sender, heard, bounds, full: Arc::default() }, task)
    }

    /// Puts a call into the queue; the receiver gets its outcome after commit. When the queue is full the machine is
    /// remembered as heard, and that is all.
    pub fn offer(
        &self,
        item: Box<SyncItem>,
        in_flight: InFlight,
        memory: Taken,
    ) -> Result<oneshot::Receiver<Outcome>, Full> {
        let Ok(place) = self.sender.try_reserve() else {
            if let Some(count) = self.full.count() {
                tracing::warn!(
                    count,
                    "the queue is full: calls were answered 503, agents keep their events and try again"
                );
            }
            self.heard(*item, in_flight);
            return Err(Full);
        };
        let (reply, outcome) = oneshot::channel();
        place.send(Entry { item: Item::Sync(item), reply: Some(reply), _in_flight: Some(in_flight), _memory: memory });
        Ok(outcome)
    }

    /// Puts a tick, or what a probe came to, into the queue, behind all that waits; waits for room.
    pub async fn tick(&self, item: Item) -> Result<oneshot::Receiver<Outcome>, Full> {
        let (reply, outcome) = oneshot::channel();
        let entry = Entry { item, reply: Some(reply), _in_flight: None, _memory: Taken::default() };
        self.sender.send(entry).await.map_err(|_| Full)?;
        Ok(outcome)
    }

    /// Whether nothing waits; what is being written no longer waits.
    pub fn is_empty(&self) -> bool {
        self.sender.capacity() == self.sender.max_capacity()
    }

    fn heard(&self, mut item: SyncItem, in_flight: InFlight) {
        // With `oldest` and `next` as they were this is a call like another that carries no events yet: the cursor
        // moves over nothing that still exists.
        item.request.events = Vec::new();
        item.request.sections = BTreeMap::new();
        item.request.digests = None;
        item.request.inventory = None;
        let mut machines = self.heard.machines.lock().unwrap_or_else(PoisonError::into_inner);
        if machines.len() >= self.bounds.heard && !machines.contains_key(&item.peer.machine) {
            if let Some(count) = self.heard.overflow.count() {
                tracing::error!(count, "so many machines call at once that some cannot even be noted as heard");
            }
            return;
        }
        machines.insert(item.peer.machine, (item, in_flight));
        drop(machines);
        self.heard.some.notify_one();
    }
}

async fn empty(
    mut waiting: mpsc::Receiver<Entry>,
    heard: Arc<Heard>,
    store: Arc<dyn Store>,
    decider: Arc<dyn Decide>,
    most: usize,
) {
    loop {
        let mut batch = Vec::new();
        let open = tokio::select! {
            taken = waiting.recv_many(&mut batch, most) => taken > 0,
            () = heard.some.notified() => true,
        };
        batch.extend(take_heard(&heard, most));
        if !batch.is_empty() {
            apply(batch, store.as_ref(), decider.clone()).await;
        }
        if !open {
            return;
        }
    }
}

fn take_heard(heard: &Heard, most: usize) -> Vec<Entry> {
    let mut machines = heard.machines.lock().unwrap_or_else(PoisonError::into_inner);
    let mut taken = Vec::new();
    while taken.len() < most
        && let Some((_, (item, in_flight))) = machines.pop_first()
    {
        let item = Item::Sync(Box::new(item));
        taken.push(Entry { item, reply: None, _in_flight: Some(in_flight), _memory: Taken::default() });
    }
    if !machines.is_empty() {
        heard.some.notify_one();
    }
    taken
}

async fn apply(batch: Vec<Entry>, store: &dyn Store, decider: Arc<dyn Decide>) {
    let (mut items, mut rest) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
    for entry in batch {
        items.push(entry.item);
        rest.push((entry.reply, entry._in_flight, entry._memory));
    }
    let outcomes = store.apply(items, decider).await;
    if outcomes.len() != rest.len() {
        tracing::error!(
            asked = rest.len(),
            answered = outcomes.len(),
            "the store lost count; some calls get no answer"
        );
    }
    for ((reply, in_flight, memory), outcome) in rest.into_iter().zip(outcomes) {
        drop((in_flight, memory));
        if let Some(reply) = reply {
            // Whoever asked may be gone; what was committed stays.
            let _ = reply.send(outcome);
        }
    }
}
