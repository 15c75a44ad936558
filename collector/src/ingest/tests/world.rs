//! A collector in this process: embedded store, engine, three doors on one port.

use super::client::{Got, Identity, config, connect, key_and_request, post, raw};
use crate::authority::{Authority, CertificateRequest, FileKey, random};
use crate::clock::{Clock, SystemClock};
use crate::directory::SchoolRow;
use crate::ingest::api::Api;
use crate::ingest::balancer::Balancers;
use crate::ingest::listener::{Bounds, Gate, Serves};
use crate::ingest::queue::{Queue, QueueBounds};
use crate::ingest::tls::{Tls, WebCertificate};
use crate::ingest::watermark::Watermark;
use crate::modes::decider;
use crate::store::sqlite;
use crate::store::{NewCertificate, NewNetwork, NewToken, Store};
use axum::Router;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vigie_shared::enrol::{EnrolAnswer, EnrolRequest};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::MachineId;
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL};
use vigie_shared::token::EnrolmentToken;
use vigie_shared::uai::Uai;

pub struct World {
    pub store: Arc<dyn Store>,
    pub authority: Arc<Authority>,
    pub address: SocketAddr,
    pub gate: Arc<Gate<Api>>,
    pub stop: watch::Sender<bool>,
    pub accepting: JoinHandle<()>,
    pub queue: Queue,
    pub watermark: Arc<Watermark>,
    pub data: TempDir,
}

pub fn school() -> Uai {
    "0959901W".parse().unwrap()
}

pub fn now() -> Timestamp {
    SystemClock::default().now()
}

pub fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

impl World {
    pub async fn start() -> Self {
        Self::with(Bounds::default(), QueueBounds::default(), Serves::All).await
    }

    pub async fn with(bounds: Bounds, queue_bounds: QueueBounds, serves: Serves) -> Self {
        Self::behind(&[], bounds, queue_bounds, serves).await
    }

    /// Behind balancers of these networks.
    pub async fn behind(balancers: &[&str], bounds: Bounds, queue_bounds: QueueBounds, serves: Serves) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(sqlite::open(&data.path().join("vigie.sqlite")).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let row = SchoolRow {
            uai: school(),
            name: "Collège des Tilleuls".to_owned(),
            kind: "Collège".to_owned(),
            town: "Ville-Exemple".to_owned(),
            postcode: "95000".to_owned(),
            academy: "Versailles".to_owned(),
            department: "Val-d'Oise".to_owned(),
            basin: None,
        };
        store.import_schools(vec![row], now()).await.unwrap();
        let authority = Arc::new(Authority::open_or_create(store.as_ref(), data.path(), now()).await.unwrap());
        let names = ["localhost", "127.0.0.1"].map(|n| n.to_owned().try_into().unwrap()).to_vec();
        let tls = Arc::new(Tls::new(&authority, names, WebCertificate::Own, now()).unwrap());
        let (stop, stopping) = watch::channel(false);
        let (queue, _) = Queue::start(store.clone(), decider().unwrap(), queue_bounds);
        let watermark = Watermark::new(clock.clone());
        let api = Api::new(store.clone(), clock, authority.clone(), queue.clone(), watermark.clone());
        let web = Router::new().route("/", get(|| async { "a page" }));
        let balancers = Balancers(balancers.iter().map(|net| net.parse().unwrap()).collect());
        let gate = Gate::new(tls, api, web.clone(), web, bounds, balancers, stopping);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let accepting = tokio::spawn(gate.clone().accept(socket, serves));
        Self { store, authority, address, gate, stop, accepting, queue, watermark, data }
    }

    /// The addresses of these tests are expected at the school.
    pub async fn expect_loopback(&self) {
        let network =
            NewNetwork { school: school(), kind: "pedagogical".to_owned(), cidr: "127.0.0.0/8".parse().unwrap() };
        self.store.add_network(network).await.unwrap();
    }

    pub fn config(&self, alpn: &[u8], identity: Option<&Identity>) -> Arc<ClientConfig> {
        Arc::new(config(self.authority.certificate(), alpn, identity))
    }

    /// One request on a fresh connection.
    pub async fn call(&self, alpn: &[u8], identity: Option<&Identity>, request: &[u8]) -> std::io::Result<Got> {
        raw(&mut connect(self.address, &self.config(alpn, identity)).await?, request).await
    }

    pub async fn agent(&self, identity: &Identity, request: &[u8]) -> Got {
        self.call(ALPN_AGENT, Some(identity), request).await.unwrap()
    }

    /// A token kept in the store.
    pub async fn token(&self, uses: u32, expires: Timestamp) -> EnrolmentToken {
        let token = EnrolmentToken::new(school(), random().unwrap(), self.authority.spki_sha256());
        let created = now().checked_sub(days(400)).unwrap();
        let kept = NewToken { school: school(), secret_sha256: token.secret_sha256(), uses, expires, created };
        self.store.create_token(kept).await.unwrap();
        token
    }

    pub async fn good_token(&self) -> String {
        self.token(10, now().checked_add(days(1)).unwrap()).await.to_string()
    }

    pub async fn enrol(&self, token: &str, certificate_request: &str) -> Got {
        let request = EnrolRequest {
            v: 1,
            token: token.to_owned(),
            certificate_request: certificate_request.to_owned(),
            host_name: "salle-12".to_owned(),
            machine_kind: Some("workstation".to_owned()),
            hardware: HardwareEvidence::default(),
        };
        self.enrol_raw(&serde_json::to_vec(&request).unwrap()).await
    }

    pub async fn enrol_raw(&self, body: &[u8]) -> Got {
        self.call(ALPN_ENROL, None, &post(vigie_shared::enrol::PATH, "", body)).await.unwrap()
    }

    /// A machine that came in through the enrolment door.
    pub async fn machine(&self) -> (MachineId, Identity) {
        let (key, request) = key_and_request();
        let answer = self.enrol(&self.good_token().await, &request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer: EnrolAnswer = answer.json();
        (answer.machine, Identity::new(&answer.certificate, key))
    }

    /// Another certificate for a machine, signed and kept as of `at`.
    pub async fn certificate_of(&self, machine: MachineId, at: Timestamp) -> Identity {
        let (key, request) = key_and_request();
        let request = CertificateRequest::from_pem(&request).unwrap();
        let issued = self.authority.issue_machine(machine, &request, at).unwrap();
        let kept = NewCertificate {
            machine,
            serial: issued.serial,
            key_sha256: request.key_sha256(),
            not_before: issued.not_before,
            not_after: issued.not_after,
        };
        self.store.add_certificate(kept).await.unwrap();
        Identity::new(&issued.pem, key)
    }
}

/// Another authority that looks the same.
pub fn foreign_authority() -> Authority {
    let data = tempfile::tempdir().unwrap();
    Authority::create(&FileKey::load_or_create(data.path()).unwrap(), now()).unwrap().0
}
