//! A fleet in a real store, made the way real ones are: enrolments, calls of agents, passages of time.

// Each program that includes this file uses another part of it.
#![allow(dead_code, reason = "shared by the tests of the pages and by the example that shows them")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a fixture that cannot be made is a test that fails"
)]

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use vigie_collector::calendar::Region;
use vigie_collector::clock::Clock;
use vigie_collector::directory::SchoolRow;
use vigie_collector::engine::Engine;
use vigie_collector::ingest::reconciler::InDoubt;
use vigie_collector::store::sql::SqlStore;
use vigie_collector::store::sqlite;
use vigie_collector::store::{
    Enrolment, Item, NewCertificate, NewNetwork, NewToken, NewUser, Peer, Role, Store, SyncItem,
};
use vigie_collector::web::{self, Context, password};
use vigie_shared::digest::Digest;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{BootId, MachineId, SchoolId, StreamId};
use vigie_shared::sync::SyncRequest;
use vigie_shared::uai::Uai;

pub mod browser;
pub mod fleet;
pub mod inventory;

/// A clock that is set.
pub struct SetClock(Mutex<Timestamp>);

impl SetClock {
    pub fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(now)))
    }

    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }

    pub fn pass(&self, time: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now += time;
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A machine of the fleet, as its agent knows itself.
pub struct Agent {
    pub id: MachineId,
    pub name: String,
    peer: Peer,
    boot: BootId,
    booted: Timestamp,
    stream: StreamId,
    next: u64,
    address: IpAddr,
}

/// A store with its engine and its clock.
pub struct World {
    pub store: Arc<SqlStore>,
    pub engine: Arc<Engine>,
    pub clock: Arc<SetClock>,
    pub in_doubt: InDoubt,
    schools: u8,
}

/// Password of every user of the fleet.
pub const PASSWORD: &str = "correct horse battery";

impl World {
    pub fn new(folder: &Path, now: Timestamp) -> Self {
        Self {
            store: Arc::new(sqlite::open(&folder.join("vigie.sqlite")).unwrap()),
            engine: Arc::new(Engine::with_office_hours(Region::France).unwrap()),
            clock: SetClock::at(now),
            in_doubt: InDoubt::default(),
            schools: 0,
        }
    }

    pub fn router(&self, secure_cookies: bool) -> axum::Router {
        web::router(Context {
            store: self.store.clone(),
            clock: self.clock.clone(),
            decider: self.engine.clone(),
            in_doubt: self.in_doubt.clone(),
            secure_cookies,
        })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn user(&self, login: &str, role: Role) {
        let password_hash = password::hash(PASSWORD).unwrap();
        let user = NewUser { login: login.into(), password_hash, role, created: self.now() };
        self.store.add_user(user).await.unwrap();
    }

    /// A school with one address range, `10.N.0.0/16`.
    pub async fn school(&mut self, name: &str, town: &str, basin: &str) -> (Uai, u8) {
        self.schools += 1;
        let digits = format!("09599{:02}", self.schools);
        let number: usize = digits.parse().unwrap();
        let letter = char::from(b"ABCDEFGHJKLMNPRSTUVWXYZ"[number % 23]);
        let uai: Uai = format!("{digits}{letter}").parse().unwrap();
        let row = SchoolRow {
            uai,
            name: name.into(),
            kind: "Collège".into(),
            town: town.into(),
            postcode: "95990".into(),
            academy: "Versailles".into(),
            department: "Val-d’Oise".into(),
            basin: Some(basin.into()),
        };
        self.store.import_schools(vec![row], self.now()).await.unwrap();
        let cidr = format!("10.{}.0.0/16", self.schools).parse().unwrap();
        self.store.add_network(NewNetwork { school: uai, kind: "pedagogical".into(), cidr }).await.unwrap();
        (uai, self.schools)
    }

    /// A machine that enrolled from the school's range, or from elsewhere.
    pub async fn machine(&self, school: (Uai, u8), name: &str, kind: &str, expected: bool) -> Agent {
        self.machine_with(school, name, kind, expected, HardwareEvidence::default()).await
    }

    /// The same, with this hardware.
    pub async fn machine_with(
        &self,
        school: (Uai, u8),
        name: &str,
        kind: &str,
        expected: bool,
        hardware: HardwareEvidence,
    ) -> Agent {
        let id_bytes = *MachineId::new().as_bytes();
        let mut secret_sha256 = [0; 32];
        secret_sha256[..16].copy_from_slice(&id_bytes);
        let now = self.now();
        let token = NewToken {
            school: school.0,
            secret_sha256,
            uses: 1,
            expires: now + SignedDuration::from_hours(1),
            created: now,
        };
        self.store.create_token(token).await.unwrap();
        let last = id_bytes[15].clamp(2, 250);
        let address: IpAddr =
            if expected { format!("10.{}.1.{last}", school.1) } else { format!("192.0.2.{last}") }.parse().unwrap();
        let enrolled = self
            .store
            .enrol(Enrolment {
                school: school.0,
                secret_sha256,
                key_sha256: secret_sha256,
                host_name: name.into(),
                kind: kind.into(),
                hardware,
                address,
                now,
            })
            .await
            .unwrap();
        let not_after = now + SignedDuration::from_hours(24 * 400);
        let peer = Peer {
            machine: enrolled.machine,
            serial: secret_sha256.to_vec(),
            key_sha256: secret_sha256,
            not_before: now,
            not_after,
        };
        let certificate = NewCertificate {
            machine: enrolled.machine,
            serial: peer.serial.clone(),
            key_sha256: secret_sha256,
            not_before: now,
            not_after,
        };
        self.store.add_certificate(certificate).await.unwrap();
        Agent {
            id: enrolled.machine,
            name: name.into(),
            peer,
            boot: BootId::new(),
            booted: now - SignedDuration::from_mins(1),
            stream: StreamId::new(),
            next: 1,
            address,
        }
    }

    /// One call with these facts (the fields of an event beside its numbers) and sections.
    pub async fn call(&self, agent: &mut Agent, facts: &[serde_json::Value], sections: &[(&str, serde_json::Value)]) {
        let now = self.now();
        let up_ms = u64::try_from(agent.booted.duration_until(now).as_millis()).unwrap();
        let mut events: Vec<Box<RawValue>> = vec![];
        let oldest = agent.next;
        for fact in facts {
            let mut event = json!({
                "seq": agent.next, "boot": agent.boot, "up_ms": up_ms, "wall_ms": now.as_millisecond(),
            });
            event.as_object_mut().unwrap().extend(fact.as_object().unwrap().clone());
            events.push(to_raw_value(&event).unwrap());
            agent.next += 1;
        }
        let request = |sections: BTreeMap<String, Box<RawValue>>, digests, inventory| SyncRequest {
            v: 1,
            boot: agent.boot,
            up_ms,
            wall_ms: now.as_millisecond(),
            stream: agent.stream,
            oldest,
            next: agent.next,
            events: events.clone(),
            inventory,
            digests,
            sections,
            policy: 0,
        };
        let bodies: BTreeMap<String, Box<RawValue>> =
            sections.iter().map(|(name, body)| ((*name).to_owned(), to_raw_value(body).unwrap())).collect();
        let digests: BTreeMap<String, Digest> =
            bodies.iter().map(|(name, body)| (name.clone(), Digest::of(body.get().as_bytes()))).collect();
        let mut requests = vec![];
        if bodies.is_empty() {
            requests.push(request(BTreeMap::new(), None, None));
        } else {
            let whole = Some(Digest::of_sections(&digests));
            requests.push(request(BTreeMap::new(), Some(digests), whole));
            requests.push(request(bodies, None, whole));
        }
        for request in requests {
            let item = SyncItem { peer: agent.peer.clone(), address: agent.address, received: now, request };
            self.apply(Item::Sync(Box::new(item))).await;
        }
    }

    async fn apply(&self, item: Item) {
        for result in self.store.apply(vec![item], self.engine.clone()).await {
            result.unwrap();
        }
    }

    /// Time passed for the school of this number: silence is judged.
    pub async fn tick(&self, uai: Uai) {
        let school = self.id_of(uai).await;
        self.apply(Item::Tick { school, upto: self.now(), now: self.now() }).await;
    }

    async fn id_of(&self, uai: Uai) -> SchoolId {
        self.store.school(uai.as_str(), self.now()).await.unwrap().unwrap().school.id
    }
}

/// The first event of a stream.
pub fn started() -> serde_json::Value {
    json!({"kind": "started", "version": "0.1.0", "hardware": {}})
}

/// A goodbye at shutdown.
pub fn goodbye() -> serde_json::Value {
    json!({"kind": "goodbye", "reason": "shutdown"})
}

/// A check's new state.
pub fn check(name: &str, instance: &str, state: &str, reason: &str, evidence: serde_json::Value) -> serde_json::Value {
    json!({
        "kind": "check", "check": name, "instance": instance, "state": state, "reason": reason, "evidence": evidence,
        "bracket_ms": 60_000,
    })
}

/// Both checks, well.
pub fn all_well() -> Vec<serde_json::Value> {
    let internet = json!({
        "link": "eth0 up", "gateway": "ok", "gateway_ms": "1", "dns": "ok", "dns_ms": "9", "outside_icmp": "2/2",
        "outside_icmp_ms": "14", "collector": "ok", "collector_ms": "21",
    });
    let space = json!({"free_bytes": "181000000000", "total_bytes": "248000000000", "free_percent": "73.0"});
    vec![check("internet", "", "ok", "fine", internet), check("volume-space", "C:", "ok", "fine", space)]
}
