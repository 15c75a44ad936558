//! How many calls of agents a store applies a second, synced at every commit: `store_rate [MACHINES] [SECONDS] [STORE]`.
//! STORE is an empty database, `postgres://…`; without it a file is made and removed.
//!
//! Quiet heartbeats alone, then with 1 % of calls that carry an event and go through a decider that decides nothing. One
//! JSON line a case; last how long the page of the whole fleet takes to read.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vigie_collector::directory::SchoolRow;
use vigie_collector::engine::{Decide, Decision, Effect, Input, Presence, View};
use vigie_collector::store::{Enrolment, Item, NewCertificate, NewNetwork, NewToken, Peer, Store, SyncItem};
use vigie_collector::store::{postgres, sqlite};
use vigie_shared::event::{Event, Fact};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{BootId, StreamId};
use vigie_shared::limits::SCHEMA;
use vigie_shared::sync::SyncRequest;
use vigie_shared::uai::Uai;

const MACHINES_OF_A_SCHOOL: usize = 20;
const BATCH: usize = 256;
const BATCHES_AT_ONCE: usize = 4;

struct Heard;

impl Decide for Heard {
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision {
        let effects = inputs.iter().filter_map(|input| match input {
            Input::Heard { machine, at, .. }
                if view.machines.get(machine).is_some_and(|row| row.presence != Presence::Online) =>
            {
                Some(Effect::SetPresence { machine: *machine, presence: Presence::Online, since: *at })
            }
            _ => None,
        });
        Decision { effects: effects.collect(), next_wake: now.checked_add(SignedDuration::from_secs(60)).ok() }
    }
}

#[derive(Clone)]
struct Agent {
    peer: Peer,
    boot: BootId,
    stream: StreamId,
    next: u64,
}

fn at(ms: i64) -> Result<Timestamp> {
    Ok(Timestamp::from_millisecond(1_795_446_000_000 + ms)?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(2000), |n| n.parse()).context("MACHINES is a number")?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |n| n.parse()).context("SECONDS is a number")?;
    let path = std::env::temp_dir().join(format!("vigie-store-rate-{}.db", std::process::id()));
    let store: Arc<dyn Store> = match arguments.next() {
        Some(url) => Arc::new(postgres::open(&postgres::Settings::new(&url, None, None)?)?),
        None => Arc::new(sqlite::open(&path)?),
    };
    let mut agents = fleet(&store, count).await?;
    for events_percent in [0, 1] {
        measure(&store, &mut agents, events_percent, Duration::from_secs(seconds)).await?;
    }
    let began = Instant::now();
    let machines: usize = store.fleet(at(1_000_000)?).await?.schools.iter().map(|school| school.machines.len()).sum();
    println!("{{\"fleet_page_of_machines\":{machines},\"milliseconds\":{}}}", began.elapsed().as_millis());
    drop(store);
    for ending in ["db", "db-wal", "db-shm"] {
        // What is not there need not be removed.
        drop(std::fs::remove_file(path.with_extension(ending)));
    }
    Ok(())
}

/// Schools of twenty machines, enrolled, certified, heard once.
async fn fleet(store: &Arc<dyn Store>, count: usize) -> Result<Vec<Agent>> {
    let mut agents = Vec::with_capacity(count);
    for school in 0..count.div_ceil(MACHINES_OF_A_SCHOOL) {
        let digits = 9_900_000 + school;
        let letters = b"ABCDEFGHJKLMNPRSTUVWXYZ";
        let letter = letters.get(digits % letters.len()).copied().unwrap_or(b'?');
        let uai: Uai = format!("{digits:07}{}", char::from(letter)).parse()?;
        let text = |words: &str| words.to_owned();
        let row = SchoolRow {
            uai,
            name: format!("École {school}"),
            kind: text("École"),
            town: text("Trifouillis"),
            postcode: text("99000"),
            academy: text("Nulle-Part"),
            department: text("Nulle-Part"),
            basin: None,
        };
        store.import_schools(vec![row], at(0)?).await?;
        store.add_network(NewNetwork { school: uai, kind: text("pedagogical"), cidr: "192.0.2.0/24".parse()? }).await?;
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&(school as u64).to_be_bytes());
        let uses = u32::try_from(MACHINES_OF_A_SCHOOL)?;
        let token = NewToken { school: uai, secret_sha256: secret, uses, expires: at(1_000_000)?, created: at(0)? };
        store.create_token(token).await?;
        for machine in 0..MACHINES_OF_A_SCHOOL.min(count - agents.len()) {
            agents.push(enrol(store, uai, secret, u8::try_from(machine)?).await?);
        }
    }
    let first = agents.iter().map(|agent| call(agent, 1, &[])).collect::<Result<Vec<_>>>()?;
    for result in store.apply(first, Arc::new(Heard)).await {
        result?;
    }
    Ok(agents)
}

async fn enrol(store: &Arc<dyn Store>, school: Uai, secret_sha256: [u8; 32], key: u8) -> Result<Agent> {
    let request = Enrolment {
        school,
        secret_sha256,
        key_sha256: [key; 32],
        host_name: format!("PC{key:02}"),
        kind: "workstation".to_owned(),
        hardware: HardwareEvidence::default(),
        address: "192.0.2.7".parse()?,
        now: at(0)?,
    };
    let machine = store.enrol(request).await?.machine;
    let (serial, not_after) = (machine.as_bytes().to_vec(), at(400 * 86_400_000)?);
    let key_sha256 = [key; 32];
    let certificate = NewCertificate { machine, serial: serial.clone(), key_sha256, not_before: at(0)?, not_after };
    store.add_certificate(certificate).await?;
    let peer = Peer { machine, serial, key_sha256, not_before: at(0)?, not_after };
    Ok(Agent { peer, boot: BootId::new(), stream: StreamId::new(), next: 1 })
}

fn call(agent: &Agent, ms: i64, facts: &[Fact]) -> Result<Item> {
    let up_ms = u64::try_from(ms)?;
    let next = agent.next + u64::try_from(facts.len())?;
    let events = facts.iter().zip(agent.next..).map(|(fact, seq)| {
        serde_json::value::to_raw_value(&Event { seq, boot: agent.boot, up_ms, wall_ms: 0, fact: fact.clone() })
    });
    Ok(Item::Sync(Box::new(SyncItem {
        peer: agent.peer.clone(),
        address: "192.0.2.7".parse()?,
        received: at(ms)?,
        request: SyncRequest {
            v: SCHEMA,
            boot: agent.boot,
            up_ms,
            wall_ms: 0,
            stream: agent.stream,
            oldest: agent.next,
            next,
            events: events.collect::<Result<_, _>>()?,
            inventory: None,
            digests: None,
            sections: BTreeMap::new(),
            policy: 0,
        },
    })))
}

async fn measure(store: &Arc<dyn Store>, agents: &mut [Agent], percent: usize, lasts: Duration) -> Result<()> {
    let decider: Arc<dyn Decide> = Arc::new(Heard);
    let (mut calls, mut turn, began) = (0usize, 1i64, Instant::now());
    while began.elapsed() < lasts {
        let mut running = Vec::new();
        for agents in agents.chunks_mut(BATCH * BATCHES_AT_ONCE) {
            for agents in agents.chunks_mut(BATCH) {
                let mut items = Vec::with_capacity(agents.len());
                for agent in agents {
                    turn += 1;
                    let event = percent > 0 && (calls + items.len()) % (100 / percent) == 0;
                    let facts = if event { vec![Fact::Resumed { slept_ms: 1 }] } else { vec![] };
                    items.push(call(agent, turn, &facts)?);
                    agent.next += u64::from(event);
                }
                calls += items.len();
                let (store, decider) = (store.clone(), decider.clone());
                running.push(tokio::spawn(async move { store.apply(items, decider).await }));
            }
            for batch in running.drain(..) {
                for result in batch.await? {
                    result?;
                }
            }
        }
    }
    let elapsed = began.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(calls)?) / elapsed;
    println!("{{\"events_percent\":{percent},\"calls\":{calls},\"seconds\":{elapsed:.2},\"calls_per_s\":{rate:.0}}}");
    Ok(())
}
