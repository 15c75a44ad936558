//! Everything that the simulation asks of the store: the real one, on a file in memory where there is such a folder.
//! Switches are the simulation's own: the store knows rooms.

use super::agent::hardware;
use super::decider::Overheard;
use super::rng::Rng;
use super::time::{HOUR, stamp};
use super::world::{Machine, NetworkKind, School};
use super::{Ms, sight};
use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;
use vigie_collector::calendar::{CalendarSettings, Closure, ClosureReason, Region, Stretch};
use vigie_collector::directory::SchoolRow;
use vigie_collector::engine::reconcile::{Difference, Doubt};
use vigie_collector::engine::{self, Engine};
use vigie_collector::store::{
    Enrolment, Item, NewCall, NewCertificate, NewClosure, NewLine, NewMaintenance, NewNetwork, NewToken, Peer,
    PlannedFor, Probe, ProbedLine, Receipt, ReplicaState, SignOfLife, Store, StoreError, TicketAct, Which, sqlite,
};
use vigie_shared::id::{LineId, ReplicaId, SchoolId};
use vigie_shared::uai::Uai;

/// Life of a certificate and of tokens here: longer than any simulation.
const LIFE: Ms = 1000 * 24 * HOUR;
/// Where files cost no waiting for a disk.
const MEMORY: &str = "/dev/shm";
/// Who does what people do.
const WHO: &str = "technicien";
/// The collector's name among collectors.
const COLLECTOR: &str = "simulated";

/// The store, the engine, and the collector process that has them.
pub struct Port {
    store: Arc<dyn Store>,
    /// The engine, overheard.
    pub decider: Arc<Overheard>,
    runtime: Runtime,
    replica: ReplicaId,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Port {
    /// A new store with the policy of the simulation and a collector that started at this instant.
    pub fn open(start: Ms, heartbeat_s: u32, leap: bool) -> Result<Self> {
        let folder = match Path::new(MEMORY) {
            memory if memory.is_dir() => tempfile::Builder::new().prefix("vigie-sim-").tempdir_in(memory),
            _ => tempfile::tempdir(),
        }
        .or_else(|_| tempfile::tempdir())?;
        let path = folder.path().join("vigie.sqlite");
        let store: Arc<dyn Store> = Arc::new(sqlite::open(&path).map_err(told)?);
        let engine = Engine::with_office_hours(Region::France).context("the engine")?;
        // No input and output of its own: the store's threads are waited for, and that is all.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let replica = ReplicaId::new();
        let decider = Arc::new(Overheard::new(engine, leap));
        let port = Self { store, decider, runtime, replica, path, _folder: folder };
        port.block(port.store.set_policy(sight::policy(heartbeat_s), stamp(start))).map_err(told)?;
        port.sign(ReplicaState::Starting, start)?;
        port.sign(ReplicaState::Running, start)?;
        Ok(port)
    }

    /// The file, to look at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    // ── the collector's life ─────────────────────────────────────────────────────────────────────────────────────

    /// The collector stops, or is killed, at this instant: its last sign of life was then. Signs in between only
    /// overwrite one row, so they are left out until it matters.
    pub fn stops(&self, at: Ms) -> Result<()> {
        let connection = rusqlite::Connection::open(&self.path)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.execute("UPDATE replica SET alive = ?1, low = ?1", [at])?;
        connection.execute("UPDATE collector SET alive = ?1", [at])?;
        Ok(())
    }

    /// The collector starts again: the store finds out how long it was away.
    pub fn starts(&mut self, at: Ms) -> Result<()> {
        self.replica = ReplicaId::new();
        self.sign(ReplicaState::Starting, at)?;
        self.sign(ReplicaState::Running, at)
    }

    fn sign(&self, state: ReplicaState, at: Ms) -> Result<()> {
        let (replica, name, now) = (self.replica, COLLECTOR.to_owned(), stamp(at));
        let sign = SignOfLife { replica, name, now, by_database: false, low: now, state, failed_before: false };
        self.block(self.store.sign_of_life(sign)).map(drop).map_err(told)
    }

    // ── reports and the passage of time ──────────────────────────────────────────────────────────────────────────

    /// Applies calls and ticks, as the ingest does.
    pub fn apply(&self, items: Vec<Item>) -> Vec<Result<Receipt, StoreError>> {
        self.block(self.store.apply(items, self.decider.clone()))
    }

    /// Schools that are due, as the ticker claims them.
    pub fn claim_due(&self, at: Ms) -> Result<Vec<SchoolId>> {
        self.block(self.store.claim_due(self.replica, stamp(at), stamp(at), 64)).map_err(told)
    }

    /// What the reconciler finds at this instant, a line each.
    pub fn doubts(&self, at: Ms) -> Result<Vec<String>> {
        let found = self.block(self.store.doubts(stamp(at), stamp(at), self.decider.clone())).map_err(told)?;
        let line = |(school, Difference { key, doubt }): (Uai, Difference)| {
            let what = match doubt {
                Doubt::NotOpen => "is not open though the facts show it",
                Doubt::NotEnded => "is open though the facts show that it is over",
            };
            format!("{} on {} of {school} {what}", key.check, key.scope)
        };
        Ok(found.into_iter().map(line).collect())
    }

    /// Verdicts on more than one school, as the ticker has them looked for every second.
    pub fn look_wide(&self, at: Ms) -> Result<()> {
        self.block(self.store.look_wide(stamp(at))).map_err(told)
    }

    /// A tick.
    pub fn tick(school: SchoolId, at: Ms) -> Item {
        Item::Tick { school, upto: stamp(at), now: stamp(at) }
    }

    /// The hourly clean-up.
    pub fn retain(&self, at: Ms) -> Result<()> {
        while self.block(self.store.retain(stamp(at))).map_err(told)? > 0 {}
        Ok(())
    }

    // ── schools and machines ─────────────────────────────────────────────────────────────────────────────────────

    /// Makes a school known, with its addresses, and a token for its machines.
    pub fn add_school(&self, school: &School, at: Ms) -> Result<SchoolId> {
        let uai = school.uai.parse().map_err(|e| anyhow!("{e}"))?;
        let row = SchoolRow {
            uai,
            name: school.name.clone(),
            kind: "Collège".to_owned(),
            town: "Trifouillis".to_owned(),
            postcode: "99000".to_owned(),
            academy: "Nulle-Part".to_owned(),
            department: "Nulle-Part".to_owned(),
            basin: school.basin.clone(),
        };
        self.block(self.store.import_schools(vec![row], stamp(at))).map_err(told)?;
        for network in &school.networks {
            let own = network.egress.into_iter();
            let meant = |line: &&super::world::Line| line.only.is_none_or(|only| only == network.kind);
            for address in own.chain(school.lines.iter().filter(meant).map(|line| line.address)) {
                let kind = network.kind.as_str().to_owned();
                // An address that two networks share is known once.
                match self.block(self.store.add_network(NewNetwork { school: uai, kind, cidr: address.into() })) {
                    Ok(()) | Err(StoreError::Conflict(_)) => {}
                    Err(error) => return Err(told(error)),
                }
            }
        }
        let token = NewToken {
            school: uai,
            secret_sha256: secret(&school.uai),
            uses: 100_000,
            expires: stamp(at + LIFE),
            created: stamp(at),
        };
        self.block(self.store.create_token(token)).map_err(told)?;
        let page = self.block(self.store.school(&school.uai, stamp(at))).map_err(told)?;
        Ok(page.context("the school that was just imported")?.school.id)
    }

    /// Enrols a machine from an address, and gives it a certificate.
    pub fn enrol(&self, machine: &Machine, address: IpAddr, at: Ms, rng: &mut Rng) -> Result<Peer> {
        let mut key = [0u8; 32];
        key.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.bits().to_le_bytes()));
        let request = Enrolment {
            school: machine.school.parse().map_err(|e| anyhow!("{e}"))?,
            secret_sha256: secret(&machine.school),
            key_sha256: key,
            host_name: machine.name.clone(),
            kind: machine.kind.as_str().to_owned(),
            hardware: hardware(machine),
            address,
            now: stamp(at),
        };
        let enrolled = self.block(self.store.enrol(request)).map_err(told)?;
        let peer = Peer {
            machine: enrolled.machine,
            serial: rng.uuid().as_bytes().to_vec(),
            key_sha256: key,
            not_before: stamp(at - HOUR),
            not_after: stamp(at + LIFE),
        };
        let certificate = NewCertificate {
            machine: peer.machine,
            serial: peer.serial.clone(),
            key_sha256: peer.key_sha256,
            not_before: peer.not_before,
            not_after: peer.not_after,
        };
        self.block(self.store.add_certificate(certificate)).map_err(told)?;
        Ok(peer)
    }

    /// A person approves all that waits.
    pub fn approve_all(&self, at: Ms) -> Result<()> {
        let done = self.block(self.store.approve(Which::All, "supervisor", stamp(at), self.decider.clone()));
        done.map(drop).map_err(told)
    }

    // ── lines, and the collector's own eye ───────────────────────────────────────────────────────────────────────

    /// Makes the calendar and the lines of a school known.
    pub fn describe_school(&self, school: &School, at: Ms) -> Result<Vec<(LineId, String)>> {
        self.set_calendar(school, at)?;
        let mut known = Vec::new();
        for line in &school.lines {
            let kind = |kind: &NetworkKind| match kind {
                NetworkKind::Pedagogical => engine::NetworkKind::Pedagogical,
                NetworkKind::Administrative => engine::NetworkKind::Administrative,
            };
            let all = school.networks.iter().map(|network| network.kind);
            let new = NewLine {
                school: school.uai.parse().map_err(|e| anyhow!("{e}"))?,
                operator: line.operator.clone(),
                reference: line.name.clone(),
                address: line.address,
                carries: all.filter(|k| line.only.is_none_or(|only| only == *k)).map(|k| kind(&k)).collect(),
                backup: line.takes_over_after_s.is_some(),
                probe: if line.probed { Probe::Ping } else { Probe::None },
            };
            known.push((self.block(self.store.add_line(new, stamp(at))).map_err(told)?, line.name.clone()));
        }
        Ok(known)
    }

    /// The lines to probe.
    pub fn claim_probing(&self, at: Ms) -> Result<Vec<ProbedLine>> {
        Ok(self.block(self.store.claim_probing(self.replica, stamp(at))).map_err(told)?.unwrap_or_default())
    }

    /// What the probe of each line came to, as far as it is evidence, school by school.
    pub fn probed(&self) -> Result<Vec<Option<bool>>> {
        let lines = self.block(self.store.lines(None)).map_err(told)?;
        Ok(lines.into_iter().map(|line| line.state.and_then(|state| state.evidence())).collect())
    }

    /// Whether a machine of another school was heard between two instants.
    pub fn heard_elsewhere(&self, than: BTreeSet<SchoolId>, after: Timestamp, upto: Timestamp) -> Result<bool> {
        self.block(self.store.heard_elsewhere(than, after, upto)).map_err(told)
    }

    // ── what people enter ────────────────────────────────────────────────────────────────────────────────────────

    /// The calendar of a school, as somebody sets it: zone of its holidays, and hours where they were said.
    fn set_calendar(&self, school: &School, at: Ms) -> Result<()> {
        let mut settings = CalendarSettings::default();
        settings.pedagogical.zone = Some(school.zone.to_string());
        for hours in &school.hours {
            let network = match hours.network {
                NetworkKind::Pedagogical => &mut settings.pedagogical,
                NetworkKind::Administrative => &mut settings.administrative,
            };
            for day in ["monday", "tuesday", "wednesday", "thursday", "friday"] {
                let open =
                    if day == "wednesday" { hours.wednesday.as_ref().unwrap_or(&hours.open) } else { &hours.open };
                network.hours.insert(day.to_owned(), vec![open.clone()]);
            }
            if hours.all_year {
                network.zone = Some("none".to_owned());
                network.closed_weeks = Some(vec![]);
            }
        }
        let uai = uai(&school.uai)?;
        self.block(self.store.set_calendar(Some(uai), Some(settings), WHO, stamp(at))).map_err(told)
    }

    /// The room and the network of a machine, as a technician enters them.
    pub fn describe_machine(&self, machine: &Machine, peer: &Peer, at: Ms) -> Result<()> {
        let network = match machine.network {
            NetworkKind::Pedagogical => engine::NetworkKind::Pedagogical,
            NetworkKind::Administrative => engine::NetworkKind::Administrative,
        };
        let room = machine.room.as_deref().unwrap_or_default();
        self.block(self.store.place(peer.machine, room, Some(network), stamp(at))).map_err(told)
    }

    /// Announced work.
    pub fn maintenance(&self, school: &str, times: (Ms, Ms), reason: &str, at: Ms) -> Result<()> {
        let new = NewMaintenance {
            planned_for: PlannedFor::School(uai(school)?),
            from: stamp(times.0),
            to: stamp(times.1),
            reason: reason.to_owned(),
            by: WHO.to_owned(),
        };
        self.block(self.store.add_maintenance(new, stamp(at))).map(drop).map_err(told)
    }

    /// A closure that no calendar knows.
    pub fn closure(&self, school: &str, (from, to): (Ms, Ms), reason: &str, at: Ms) -> Result<()> {
        let stretch = Stretch::Hours { from: stamp(from), to: stamp(to) };
        let closure = Closure::new(stretch, ClosureReason::Other, reason).map_err(|e| anyhow!("{e}"))?;
        let new = NewClosure { school: Some(uai(school)?), network: None, closure, by: WHO.to_owned(), now: stamp(at) };
        self.block(self.store.add_closure(new)).map(drop).map_err(told)
    }

    /// Somebody called about a subject.
    pub fn phone_call(&self, school: &str, subject: &str, at: Ms) -> Result<()> {
        let call = NewCall {
            school: uai(school)?,
            subject: subject.to_owned(),
            text: "plus rien ne marche".to_owned(),
            by: WHO.to_owned(),
        };
        self.block(self.store.call(call, stamp(at), self.decider.clone())).map(drop).map_err(told)
    }

    /// A person takes the open ticket about a check.
    pub fn take_ticket(&self, school: &str, check: &str, at: Ms) -> Result<()> {
        let tickets = self.block(self.store.tickets(1000)).map_err(told)?;
        let open = tickets.into_iter().find(|t| t.open && t.check == check && t.school.0.as_str() == school);
        let ticket = open.with_context(|| format!("school {school} has no open ticket {check}"))?.id;
        let acted = self.store.act_on_ticket(ticket, TicketAct::Take, WHO, stamp(at), self.decider.clone());
        self.block(acted).map_err(told)
    }
}

fn uai(text: &str) -> Result<Uai> {
    text.parse().map_err(|e| anyhow!("{e}"))
}

fn secret(uai: &str) -> [u8; 32] {
    let mut secret = [0u8; 32];
    for (place, byte) in secret.iter_mut().zip(uai.bytes()) {
        *place = byte;
    }
    secret
}

fn told(error: StoreError) -> anyhow::Error {
    anyhow!("the store: {error}")
}
