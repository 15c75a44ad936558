//! A machine that exists only as a client: enrols with its own key and speaks the wire by hand.

use crate::client::{Answer, Connection, Identity, Reach, config, pinned_config};
use anyhow::{Context, Result, anyhow};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vigie_shared::enrol::{self, EnrolAnswer, EnrolRequest};
use vigie_shared::event::{Event, Fact};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{BootId, MachineId, StreamId};
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL, SCHEMA};
use vigie_shared::sync::{self, SyncAnswer, SyncRequest};
use vigie_shared::token::EnrolmentToken;

/// Milliseconds since boot that every fake machine begins with: it was switched on an hour ago.
const UP_AT_START: u64 = 3_600_000;

/// An enrolled machine.
pub struct FakeMachine {
    /// Where its collector is.
    pub reach: Reach,
    /// Who the collector says it is.
    pub machine: MachineId,
    /// Whether it waits for approval.
    pub quarantined: bool,
    /// The collector's authority.
    pub authority: CertificateDer<'static>,
    /// Its certificate and key.
    pub identity: Identity,
    /// Its boot.
    pub boot: BootId,
    /// Its stream.
    pub stream: StreamId,
    begun: Instant,
    connection: Option<Connection>,
}

/// A certificate request and its key.
pub fn certificate_request() -> Result<(KeyPair, String)> {
    let key = KeyPair::generate()?;
    let mut wanted = CertificateParams::new(Vec::new())?;
    wanted.distinguished_name = DistinguishedName::new();
    let request = wanted.serialize_request(&key)?.pem()?;
    Ok((key, request))
}

/// The body of an enrolment.
pub fn enrol_request(token: &str, certificate_request: &str, host: &str) -> EnrolRequest {
    let hardware = HardwareEvidence {
        board_serial: Some(format!("BOARD-{host}-{}", std::process::id())),
        ..HardwareEvidence::default()
    };
    EnrolRequest {
        v: SCHEMA,
        token: token.to_owned(),
        certificate_request: certificate_request.to_owned(),
        host_name: host.to_owned(),
        machine_kind: Some("workstation".into()),
        hardware,
    }
}

/// Says `body` on the enrolment door, trusting only the authority named by `token`. Gives the authority too.
pub fn say_on_enrol_door(
    reach: &Reach,
    token: &EnrolmentToken,
    body: Vec<u8>,
) -> Result<(Answer, CertificateDer<'static>)> {
    say_on_enrol_door_at(reach, token, body, None)
}

fn say_on_enrol_door_at(
    reach: &Reach,
    token: &EnrolmentToken,
    body: Vec<u8>,
    days_ago: Option<u64>,
) -> Result<(Answer, CertificateDer<'static>)> {
    let found = Arc::new(Mutex::new(None));
    let mut config = pinned_config(token, &[ALPN_ENROL], found.clone())?;
    if let Some(days) = days_ago {
        config.time_provider = Arc::new(Late(Duration::from_secs(days * 86_400)));
    }
    let answer = Connection::open(reach, &config)?.post(enrol::PATH, body)?;
    let authority = found.lock().map_err(|_| anyhow!("poisoned"))?.take().context("no authority was seen")?;
    Ok((answer, CertificateDer::from(authority)))
}

/// A clock that is late.
#[derive(Debug)]
struct Late(Duration);

impl TimeProvider for Late {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()).checked_sub(self.0)?))
    }
}

impl FakeMachine {
    /// Enrols with a good token.
    pub fn enrol(reach: &Reach, token: &str, host: &str) -> Result<Self> {
        Self::enrol_at(reach, token, host, None)
    }

    /// Enrols with a good token, the clock of this machine being `days_ago` days late.
    pub fn enrol_at(reach: &Reach, token: &str, host: &str, days_ago: Option<u64>) -> Result<Self> {
        let (key, request) = certificate_request()?;
        let body = serde_json::to_vec(&enrol_request(token, &request, host))?;
        let (answer, authority) = say_on_enrol_door_at(reach, &token.parse()?, body, days_ago)?;
        let answer: EnrolAnswer = answer.read().context("enrolment")?;
        Ok(Self {
            reach: reach.clone(),
            machine: answer.machine,
            quarantined: answer.quarantined,
            authority,
            identity: Identity::new(&answer.certificate, &key)?,
            boot: BootId::new(),
            stream: StreamId::new(),
            begun: Instant::now(),
            connection: None,
        })
    }

    /// Milliseconds since its boot.
    pub fn up_ms(&self) -> u64 {
        UP_AT_START + u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Begins a new stream, as after a restart of the agent.
    pub fn new_stream(&mut self) {
        self.stream = StreamId::new();
    }

    /// Opens another connection at the next call, to `reach`.
    pub fn reconnect(&mut self, reach: &Reach) {
        self.reach = reach.clone();
        self.connection = None;
    }

    /// A call with these events; the stream holds `oldest..next`.
    pub fn request(&self, oldest: u64, next: u64, events: Vec<Event>) -> SyncRequest {
        SyncRequest {
            v: SCHEMA,
            boot: self.boot,
            up_ms: self.up_ms(),
            wall_ms: now_ms(),
            stream: self.stream,
            oldest,
            next,
            events: events.iter().map(raw).collect(),
            inventory: None,
            digests: None,
            sections: Default::default(),
            policy: 0,
        }
    }

    /// An event that happened just now.
    pub fn event(&self, seq: u64, fact: Fact) -> Event {
        Event { seq, boot: self.boot, up_ms: self.up_ms(), wall_ms: now_ms(), fact }
    }

    /// The first event of a stream.
    pub fn started(&self, seq: u64) -> Event {
        self.event(seq, Fact::Started { version: "0.0.0-test".into(), hardware: HardwareEvidence::default() })
    }

    /// An event that differs by `mark`.
    pub fn resumed(&self, seq: u64, mark: u64) -> Event {
        self.event(seq, Fact::Resumed { slept_ms: mark })
    }

    /// Sends bytes as they are to the sync route.
    pub fn say(&mut self, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer> {
        if self.connection.is_none() {
            let config = config(&self.authority, &[ALPN_AGENT], Some(&self.identity))?;
            self.connection = Some(Connection::open(&self.reach, &config)?);
        }
        let connection = self.connection.as_mut().context("just opened")?;
        let answer = connection.send("POST", sync::PATH, headers, body);
        // A refusal may close the connection: the next call begins afresh.
        if answer.as_ref().map_or(true, |answer| answer.status != 200) {
            self.connection = None;
        }
        answer
    }

    /// Makes a call.
    pub fn call(&mut self, request: &SyncRequest) -> Result<Answer> {
        self.say(&[("content-type", "application/json")], serde_json::to_vec(request)?)
    }

    /// Makes a call that must succeed.
    pub fn sync(&mut self, request: &SyncRequest) -> Result<SyncAnswer> {
        self.call(request)?.read()
    }

    /// A quiet heartbeat that must succeed: what shows that the machine is still well served.
    pub fn heartbeat(&mut self, next: u64) -> Result<SyncAnswer> {
        self.sync(&self.request(next, next, vec![]))
    }
}

/// An event as raw JSON.
pub fn raw(event: &Event) -> Box<RawValue> {
    serde_json::value::to_raw_value(event).expect("an event is JSON")
}

/// Milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "tests compare with the wall clock of the machine they run on")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
