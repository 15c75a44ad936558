//! The conformance story of a store: what every store must do, told against [`Store`] only. A second engine runs the
//! same story by one more line in `on_every_store!`.

mod calendars;
mod desk;
mod durability;
mod figures;
mod hand;
mod identity;
mod kin;
mod lines;
mod maintenance;
mod outbox;
mod pages;
mod people;
mod refused;
mod replicas;
mod reports;
mod same_rows;
mod several;
mod software;
mod verdicts;

use super::*;
use super::{postgres, sqlite};
use crate::directory::SchoolRow;
use crate::engine::{
    Bracket, Cause, Confidence, Decision, Effect, IncidentKey, Input, NewTicket, Note, Presence, Scope, View,
};
use crate::helpdesk::ticket_policy::Level;
use jiff::SignedDuration;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};
use vigie_shared::check::{CheckState, INTERNET, Reason};
use vigie_shared::digest::Digest;
use vigie_shared::error::ErrorCode;
use vigie_shared::event::Fact;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{BootId, ReplicaId, StreamId};
use vigie_shared::limits::SCHEMA;
use vigie_shared::sync::{SyncRequest, Want};
use vigie_test_postgres::Postgres;

/// Runs each told behaviour on each store.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::super::World::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = super::super::World::postgres() {
                    super::$name(&world).await;
                }
            })+
        }
    };
}
use on_every_store;

/// Where a store lives: it can be opened again, by this process or another.
struct World {
    address: String,
    /// What goes with the world.
    _folder: Option<tempfile::TempDir>,
}

impl World {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = folder.path().join("vigie.db").to_str().unwrap().to_owned();
        Self { address, _folder: Some(folder) }
    }

    /// A database of its own on the server of this process; nothing where PostgreSQL may be missing and is.
    fn postgres() -> Option<Self> {
        static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        if vigie_test_postgres::skipped() {
            return None;
        }
        let name = format!("story_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        Some(Self { address: SERVER.create_database(&name).unwrap(), _folder: None })
    }

    fn open(&self) -> Arc<dyn Store> {
        open_at(&self.address)
    }

    /// As `restore` does after its copy.
    fn restored_from(&self, taken: Timestamp) {
        sql::restored::mark(&self.connection(), taken).unwrap();
    }

    fn connection(&self) -> sql::engine::Sql {
        if self.address.starts_with("postgres://") {
            return postgres::connection(&postgres::Settings::new(&self.address, None, None).unwrap()).unwrap();
        }
        sqlite::connection(std::path::Path::new(&self.address)).unwrap()
    }
}

/// The store at an address: of PostgreSQL, or a file.
fn open_at(address: &str) -> Arc<dyn Store> {
    if address.starts_with("postgres://") {
        return Arc::new(postgres::open(&postgres::Settings::new(address, None, None).unwrap()).unwrap());
    }
    Arc::new(sqlite::open(std::path::Path::new(address)).unwrap())
}

/// An instant, seconds after a day of November 2026.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_446_000 + second).unwrap()
}

const UAI: &str = "0959901W";
const OTHER_UAI: &str = "0959902X";

fn school_row(uai: &str, name: &str) -> SchoolRow {
    SchoolRow {
        uai: uai.parse().unwrap(),
        name: name.to_owned(),
        kind: "Collège".to_owned(),
        town: "Trifouillis".to_owned(),
        postcode: "99000".to_owned(),
        academy: "Nulle-Part".to_owned(),
        department: "Nulle-Part".to_owned(),
        basin: None,
    }
}

fn token(secret: u8, uses: u32) -> NewToken {
    NewToken { school: UAI.parse().unwrap(), secret_sha256: [secret; 32], uses, expires: at(1_000_000), created: at(0) }
}

fn board(serial: &str) -> HardwareEvidence {
    HardwareEvidence { board_serial: Some(serial.to_owned()), ..HardwareEvidence::default() }
}

fn enrolment(secret: u8, key: u8) -> Enrolment {
    Enrolment {
        school: UAI.parse().unwrap(),
        secret_sha256: [secret; 32],
        key_sha256: [key; 32],
        host_name: format!("PC{key:02}"),
        kind: "workstation".to_owned(),
        hardware: board("PF1A2B3C"),
        address: "192.0.2.7".parse().unwrap(),
        now: at(1),
    }
}

/// A school with one trusted machine that has a certificate.
async fn one_machine(store: &Arc<dyn Store>) -> Agent {
    machines(store, 1).await.remove(0)
}

/// A school with some trusted machines.
async fn machines(store: &Arc<dyn Store>, count: u8) -> Vec<Agent> {
    store.import_schools(vec![school_row(UAI, "Collège Alpha")], at(0)).await.unwrap();
    let cidr = "192.0.2.0/24".parse().unwrap();
    let network = NewNetwork { school: UAI.parse().unwrap(), kind: "pedagogical".to_owned(), cidr };
    store.add_network(network).await.unwrap();
    store.create_token(token(1, count.into())).await.unwrap();
    let mut agents = Vec::new();
    for key in 1..=count {
        let enrolled = store.enrol(enrolment(1, key)).await.unwrap();
        assert!(!enrolled.quarantined);
        agents.push(Agent::with_certificate(store, enrolled.machine, key).await);
    }
    agents
}

async fn school_id(store: &Arc<dyn Store>) -> SchoolId {
    store.school(UAI, at(0)).await.unwrap().unwrap().school.id
}

/// The certificate of a serial number, as the agents' door reads it.
fn peer(machine: MachineId, serial: u8) -> Peer {
    Peer { machine, serial: vec![serial; 16], key_sha256: [serial; 32], not_before: at(0), not_after: at(400 * 86_400) }
}

/// An agent as the collector sees it.
#[derive(Clone)]
struct Agent {
    peer: Peer,
    boot: BootId,
    stream: StreamId,
}

impl Agent {
    async fn with_certificate(store: &Arc<dyn Store>, machine: MachineId, serial: u8) -> Self {
        let certificate = NewCertificate {
            machine,
            serial: vec![serial; 16],
            key_sha256: [serial; 32],
            not_before: at(0),
            not_after: at(400 * 86_400),
        };
        store.add_certificate(certificate).await.unwrap();
        Self { peer: peer(machine, serial), boot: BootId::new(), stream: StreamId::new() }
    }

    /// A heartbeat at a second of a machine that booted at second 0, with events `oldest..next` of this stream at most.
    fn call(&self, second: i64, oldest: u64, next: u64, events: &[(u64, i64, Fact)]) -> SyncItem {
        let events = events.iter().map(|(seq, second, fact)| self.event(*seq, *second, fact)).collect();
        self.raw_call(second, oldest, next, events)
    }

    fn raw_call(&self, second: i64, oldest: u64, next: u64, events: Vec<Box<RawValue>>) -> SyncItem {
        SyncItem {
            peer: self.peer.clone(),
            address: "192.0.2.7".parse().unwrap(),
            received: at(second),
            request: SyncRequest {
                v: SCHEMA,
                boot: self.boot,
                up_ms: u64::try_from(second).unwrap() * 1000,
                wall_ms: 0,
                stream: self.stream,
                oldest,
                next,
                events,
                inventory: None,
                digests: None,
                sections: BTreeMap::new(),
                policy: 0,
            },
        }
    }

    fn event(&self, seq: u64, second: i64, fact: &Fact) -> Box<RawValue> {
        let event = vigie_shared::event::Event {
            seq,
            boot: self.boot,
            up_ms: u64::try_from(second).unwrap() * 1000,
            wall_ms: 0,
            fact: fact.clone(),
        };
        serde_json::value::to_raw_value(&event).unwrap()
    }
}

/// Schools that are due at this second, claimed by a collector that asks once and dies.
async fn due(store: &Arc<dyn Store>, second: i64) -> Vec<SchoolId> {
    store.claim_due(ReplicaId::new(), at(second), at(second), 10).await.unwrap()
}

/// A collector process as the store sees it.
#[derive(Clone)]
struct Collector {
    replica: ReplicaId,
    name: &'static str,
}

impl Collector {
    fn new(name: &'static str) -> Self {
        Self { replica: ReplicaId::new(), name }
    }

    /// One that has started at this second.
    async fn start(store: &Arc<dyn Store>, name: &'static str, second: i64) -> Self {
        let collector = Self::new(name);
        collector.say(store, ReplicaState::Starting, second, second).await;
        collector
    }

    async fn say(&self, store: &Arc<dyn Store>, state: ReplicaState, second: i64, low: i64) -> Signed {
        store.sign_of_life(self.sign(state, second, low)).await.unwrap()
    }

    fn sign(&self, state: ReplicaState, second: i64, low: i64) -> SignOfLife {
        let (now, low) = (at(second), at(low));
        SignOfLife {
            replica: self.replica,
            name: self.name.to_owned(),
            now,
            by_database: false,
            low,
            state,
            failed_before: false,
        }
    }

    /// A sign of life after one that could not be written.
    async fn lives_after_failing(&self, store: &Arc<dyn Store>, second: i64) -> Signed {
        let sign = SignOfLife { failed_before: true, ..self.sign(ReplicaState::Running, second, second) };
        store.sign_of_life(sign).await.unwrap()
    }

    /// A sign of life by which all that was received before `low` is applied.
    async fn lives(&self, store: &Arc<dyn Store>, second: i64, low: i64) -> Signed {
        self.say(store, ReplicaState::Running, second, low).await
    }
}

/// One call, applied alone.
async fn sync(store: &Arc<dyn Store>, decider: &Arc<Tiny>, item: SyncItem) -> Result<Receipt, StoreError> {
    store.apply(vec![Item::Sync(Box::new(item))], decider.clone()).await.remove(0)
}

fn code(error: StoreError) -> ErrorCode {
    match error {
        StoreError::Refused(refusal) => refusal.code,
        other => panic!("not a refusal: {other:?}"),
    }
}

fn internet(state: CheckState) -> Fact {
    let reason = if state == CheckState::Ok { Reason::Fine } else { Reason::OutsideUnreachable };
    let result = vigie_shared::check::CheckResult {
        check: INTERNET.to_owned(),
        instance: String::new(),
        state,
        reason,
        evidence: BTreeMap::from([("gateway_ms".to_owned(), "1".to_owned())]),
    };
    Fact::Check { result, bracket_ms: Some(1000) }
}

fn resumed(slept_ms: u64) -> Fact {
    Fact::Resumed { slept_ms }
}

/// A loss, with words that the tiny decider knows.
fn loss(why: &str) -> Fact {
    Fact::Loss { summaries: 0, transitions: 0, why: why.to_owned() }
}

/// A tiny decider: a machine heard is online, one silent for three intervals is silent; a critical check opens an incident
/// of the school and a ticket, an ok one resolves both. It keeps what it was told.
#[derive(Default)]
struct Tiny {
    told: Mutex<Vec<Input>>,
}

impl Tiny {
    fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn told(&self) -> Vec<Input> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

impl Decide for Tiny {
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision {
        let mut effects = Vec::new();
        for input in inputs {
            match input {
                Input::Heard { machine, at, .. } => {
                    effects.push(Effect::SetPresence { machine: *machine, presence: Presence::Online, since: *at });
                }
                Input::Event { machine, at, fact: Fact::Check { result, .. }, .. } => {
                    check(view, *machine, *at, result, now, &mut effects);
                }
                Input::Event { fact: Fact::Loss { why, .. }, .. } if why == "poison" => panic!("poison"),
                Input::Event { at, fact: Fact::Loss { why, .. }, .. } if why == "contradiction" => {
                    effects.push(resolve(IncidentKey::new(Scope::Collector, "nothing", ""), *at));
                }
                Input::Tick { upto } => silence(view, *upto, &mut effects),
                _ => {}
            }
        }
        self.told.lock().unwrap().extend(inputs.iter().cloned());
        Decision { effects, next_wake: now.checked_add(SignedDuration::from_secs(60)).ok() }
    }
}

fn check(
    view: &View,
    machine: MachineId,
    at: Timestamp,
    result: &vigie_shared::check::CheckResult,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    effects.push(Effect::SetCheck {
        machine,
        check: result.check.clone(),
        instance: result.instance.clone(),
        state: result.state,
        reason: result.reason.clone(),
        since: at,
        evidence: result.evidence.clone(),
    });
    let key = IncidentKey::new(Scope::School(view.school), &result.check, "");
    let open = view.incidents.get(&key).is_some_and(|incident| incident.ended.is_none());
    match (result.state, open) {
        (CheckState::Critical, false) => {
            let started = Bracket { after: at - SignedDuration::from_secs(1), by: at };
            effects.push(Effect::OpenIncident {
                key: key.clone(),
                cause: Cause::Line,
                confidence: Confidence::Probable,
                started,
                detected: now,
                witnesses: vec![machine],
                votes: BTreeMap::new(),
                note: Note::new("opened_by_check"),
            });
            let ticket = NewTicket {
                group_key: INTERNET.to_owned(),
                check: INTERNET.to_owned(),
                category: "internet".to_owned(),
                urgency: Level::High,
                impact: Level::High,
                allowed_minutes: 240,
                quiet_s: 0,
                reopen_within_s: 0,
                follows: false,
                opened: now,
                due: now + SignedDuration::from_hours(4),
                at: now,
            };
            effects.push(Effect::Ticket { key, ticket });
        }
        (CheckState::Ok, true) => {
            effects.push(resolve(key, at));
            let note = Note::new("resolved_by_check");
            effects.push(Effect::ResolveTicket { group_key: INTERNET.to_owned(), restored: at, at: now, note });
        }
        _ => {}
    }
}

fn resolve(key: IncidentKey, at: Timestamp) -> Effect {
    Effect::ResolveIncident { key, ended: Bracket { after: at, by: at }, at, note: Note::new("resolved_by_check") }
}

fn silence(view: &View, upto: Timestamp, effects: &mut Vec<Effect>) {
    for (machine, row) in &view.machines {
        let patience = SignedDuration::from_secs(3 * i64::from(row.interval_s));
        if row.presence == Presence::Online && row.last_seen.is_some_and(|seen| seen.duration_until(upto) > patience) {
            effects.push(Effect::SetPresence { machine: *machine, presence: Presence::Silent, since: upto });
        }
    }
}
