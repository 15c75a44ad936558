//! Calls of simulated agents: what goes into them, what an answer does, and how long to wait after a failure. As the
//! product's caller and conversation do it (`agent/src/sync/caller.rs`, `agent/src/modes/run/conduct.rs`).

use super::agent::{ASKED_MS, Beat, digests};
use super::drive::{Drive, Event};
use super::sight::{self, Reach};
use super::time::stamp;
use super::{Ms, looks, spool::Batch};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use vigie_collector::store::{Item, Receipt, StoreError, SyncItem};
use vigie_shared::digest::Digest;
use vigie_shared::error::ErrorCode;
use vigie_shared::limits::{FOLLOW_UPS, SCHEMA};
use vigie_shared::sync::{SyncRequest, Want};

/// Between two calls of one round.
const STEP_MS: Ms = 40;
/// Most calls in one round.
const CALLS: usize = 64;
/// Least pause that a collector with a full queue asks for (`collector/src/ingest/sync.rs`).
const RETRY_MS: Ms = 10_000;
/// Longest wait after a refusal that only a person can lift.
const REFUSED_MS: Ms = 900_000;
/// Patience of the call that says goodbye.
const GOODBYE_MS: Ms = 3_000;

impl Drive {
    /// Calls until nothing is left to say, and plans the next call.
    pub(super) fn call(&mut self, number: usize) -> Result<()> {
        let now = self.now;
        let reach = self.reach(number)?;
        let agent = self.agents.get_mut(number).context("an agent")?;
        agent.call_at = None;
        match reach {
            Reach::Failed(took) => self.failed(number, now + took, None),
            Reach::Turned(took) => {
                self.say_heard(number, now + took / 2)?;
                let agent = self.agents.get_mut(number).context("an agent")?;
                let pause = RETRY_MS + agent.rng.up_to(RETRY_MS);
                self.failed(number, now + took, Some(pause));
            }
            Reach::Answered(took) => match self.round(number, now + took / 2)? {
                Ok(ended) => self.succeeded(number, ended, took),
                Err(code) => self.refused(number, now + took, &code),
            },
        }
        self.follow(number);
        Ok(())
    }

    fn reach(&mut self, number: usize) -> Result<Reach> {
        let agent = self.agents.get_mut(number).context("an agent")?;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        let sight = sight::of(&self.world, machine, agent.addressed);
        let reach = sight.reach(agent.connected, &mut agent.rng);
        let foreign = matches!(reach, Reach::Failed(_)) && sight.tls_intercepted && sight.carries();
        if foreign != agent.foreign {
            // The next look tells it.
            agent.foreign = foreign;
            looks::catch_up(agent, machine, &sight, self.now, &self.policy.internet);
            looks::look_again(agent, machine, self.now, &self.policy.internet);
        }
        agent.sight = Some(sight);
        Ok(reach)
    }

    /// A round of calls, the first received at an instant; answers when the last was, or the code of a refusal.
    fn round(&mut self, number: usize, received: Ms) -> Result<Result<Ms, ErrorCode>> {
        let (mut at, mut follow_ups, mut want) = (received, 0, None::<Want>);
        for _ in 0..CALLS {
            let before = self.agents.get(number).context("an agent")?.spool.len();
            let (item, whole) = self.write(number, at, want.take())?;
            let receipt = match self.deliver(number, item)? {
                Ok(receipt) => receipt,
                Err(code) => return Ok(Err(code)),
            };
            let agent = self.agents.get_mut(number).context("an agent")?;
            want = receipt.want.filter(|_| follow_ups < FOLLOW_UPS);
            if want.is_none() && whole.is_some() {
                agent.held = whole;
            }
            let left = agent.spool.len();
            if want.is_some() {
                follow_ups += 1;
            } else if left == 0 || left >= before {
                break;
            }
            at += STEP_MS;
        }
        Ok(Ok(at))
    }

    /// One call as it is received, and the whole inventory that it speaks of.
    fn write(&mut self, number: usize, received: Ms, want: Option<Want>) -> Result<(SyncItem, Option<Digest>)> {
        let agent = self.agents.get_mut(number).context("an agent")?;
        let machine = self.world.machines.get(agent.machine).context("a machine")?;
        let batch = agent.spool.batch().context("a running agent has a stream")?;
        let stream = batch.stream;
        let mut item =
            head(agent, machine, received, batch, self.policy.version).context("a running agent is enrolled")?;
        let mut whole = None;
        if self.options.inventory && agent.spool.batch().is_some_and(|b| b.complete && b.stream == stream) {
            let sections = agent.sections(machine);
            let all = digests(&sections);
            whole = Some(Digest::of_sections(&all));
            item.request.inventory = whole;
            match want {
                Some(Want::Digests) => item.request.digests = Some(all),
                Some(Want::Sections(names)) => {
                    item.request.sections = sections.into_iter().filter(|(name, _)| names.contains(name)).collect();
                }
                None => {}
            }
        }
        Ok((item, whole))
    }

    /// Gives a call to the store, after the heartbeats of its school that are due.
    fn deliver(&mut self, number: usize, item: SyncItem) -> Result<Result<Receipt, ErrorCode>> {
        let (stream, received) = (item.request.stream, item.received.as_millisecond());
        let machine = self.agents.get(number).context("an agent")?.machine;
        let place = self.place_of(machine)?;
        let mut results = self.flush(place, vec![Item::Sync(Box::new(item))])?;
        let agent = self.agents.get_mut(number).context("an agent")?;
        agent.applied = agent.applied.max(received);
        match results.pop().context("an answer")? {
            Ok(receipt) => {
                agent.spool.acknowledge(stream, receipt.ack);
                Ok(Ok(receipt))
            }
            Err(StoreError::Refused(refusal)) => Ok(Err(refusal.code)),
            Err(error) => bail!("a call could not be applied: {error}"),
        }
    }

    /// A collector with a full queue notes who called, and takes nothing.
    fn say_heard(&mut self, number: usize, received: Ms) -> Result<()> {
        let (mut item, _) = self.write(number, received, None)?;
        item.request.events = vec![];
        item.request.inventory = None;
        drop(self.deliver_quietly(number, item)?);
        Ok(())
    }

    fn deliver_quietly(&mut self, number: usize, item: SyncItem) -> Result<Vec<Result<Receipt, StoreError>>> {
        let machine = self.agents.get(number).context("an agent")?.machine;
        let place = self.place_of(machine)?;
        self.flush(place, vec![Item::Sync(Box::new(item))])
    }

    fn succeeded(&mut self, number: usize, received: Ms, took: Ms) {
        let period = Ms::from(self.policy.heartbeat_s) * 1000 + took;
        let Some(agent) = self.agents.get_mut(number) else { return };
        (agent.failures, agent.connected, agent.not_before) = (0, true, 0);
        let beat = Beat { base: received, period };
        let chancy = agent.sight.as_ref().is_some_and(sight::Sight::loses);
        if agent.spool.is_empty() && !chancy && (!self.options.inventory || agent.held.is_some()) {
            agent.beat = Some(beat);
        } else {
            agent.call_at = Some(received + period);
        }
    }

    fn failed(&mut self, number: usize, ended: Ms, retry_after: Option<Ms>) {
        let cap = Ms::from(self.policy.backoff_cap_s()) * 1000;
        let Some(agent) = self.agents.get_mut(number) else { return };
        agent.connected = retry_after.is_some();
        let mut wait = agent.back_off(cap);
        if let Some(pause) = retry_after {
            agent.not_before = ended + pause;
            wait = wait.max(pause + agent.rng.up_to(ASKED_MS));
        }
        agent.call_at = Some(ended + wait);
    }

    fn refused(&mut self, number: usize, ended: Ms, code: &ErrorCode) {
        let for_a_person = matches!(
            code,
            ErrorCode::CertificateExpired
                | ErrorCode::CertificateRevoked
                | ErrorCode::MachineDeleted
                | ErrorCode::MachineUnknown
        );
        if !for_a_person {
            return self.failed(number, ended, None);
        }
        let Some(agent) = self.agents.get_mut(number) else { return };
        let wait = REFUSED_MS / 3 * 2 + agent.rng.up_to(REFUSED_MS / 3);
        agent.failures = agent.failures.saturating_add(1);
        agent.not_before = ended + wait;
        agent.call_at = Some(ended + wait);
    }

    /// Says a goodbye that was just spooled, if it can be said in time. Answers whether it was.
    pub(super) fn tell_goodbye(&mut self, number: usize) -> Result<bool> {
        let now = self.now;
        let Reach::Answered(took) = self.reach(number)? else { return Ok(false) };
        if took > GOODBYE_MS {
            return Ok(false);
        }
        let mut at = now + took / 2;
        for _ in 0..CALLS {
            let before = self.agents.get(number).context("an agent")?.spool.len();
            if before == 0 {
                break;
            }
            let (mut item, _) = self.write(number, at, None)?;
            item.request.inventory = None;
            if self.deliver(number, item)?.is_err() {
                return Ok(false);
            }
            if self.agents.get(number).context("an agent")?.spool.len() >= before {
                break;
            }
            at += STEP_MS;
        }
        Ok(true)
    }

    /// Plans the first call of an agent that just started.
    pub(super) fn plan_first_call(&mut self, number: usize) {
        let most = Ms::from(self.policy.heartbeat_s) * 1000 / 6;
        let now = self.now;
        let Some(agent) = self.agents.get_mut(number) else { return };
        let first = now + agent.rng.up_to(most);
        agent.call_at = Some(first);
        self.push(first, Event::Call(number));
    }
}

fn head(
    agent: &super::agent::Agent,
    machine: &super::world::Machine,
    received: Ms,
    batch: Batch,
    policy: u64,
) -> Option<SyncItem> {
    let at = agent.moment(machine, received);
    Some(SyncItem {
        peer: agent.peer.clone()?,
        address: agent.sight.as_ref()?.egress,
        received: stamp(received),
        request: SyncRequest {
            v: SCHEMA,
            boot: agent.boot,
            up_ms: at.up_ms,
            wall_ms: at.wall_ms,
            stream: batch.stream,
            oldest: batch.oldest,
            next: batch.next,
            events: batch.events,
            inventory: None,
            digests: None,
            sections: BTreeMap::new(),
            policy,
        },
    })
}
