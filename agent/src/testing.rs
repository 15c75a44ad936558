//! A collector for tests: a real TLS 1.3 listener on loopback with an authority of its own, whose answers each test
//! decides. It keeps what it received.

use crate::settings::StateFolder;
use crate::sync::tls::{provider, public_key_sha256};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use vigie_shared::enrol::EnrolAnswer;
use vigie_shared::id::MachineId;
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL};
use vigie_shared::token::EnrolmentToken;

/// The present of the tests, milliseconds since 1970.
pub const NOW_MS: i64 = 1_795_446_879_000;
/// The life of an agent's certificate: 400 days since yesterday.
pub const FROM_MS: i64 = NOW_MS - 86_400_000;
pub const TO_MS: i64 = FROM_MS + 400 * 86_400_000;

/// A certificate authority.
pub struct Authority {
    pub certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// From and to, as (year, month, day).
pub type Life = ((i32, u8, u8), (i32, u8, u8));
pub const USUAL: Life = ((2026, 1, 1), (2028, 1, 1));

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    pub fn token(&self) -> EnrolmentToken {
        let pin = public_key_sha256(self.certificate.der()).unwrap();
        EnrolmentToken::new("0959901W".parse().unwrap(), [7; 16], pin)
    }

    fn server_leaf(&self, life: Life) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let ((y, m, d), (y2, m2, d2)) = life;
        parameters.not_before = rcgen::date_time_ymd(y, m, d);
        parameters.not_after = rcgen::date_time_ymd(y2, m2, d2);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// The certificate for a request (PEM in, PEM out).
    pub fn sign(&self, request: &str) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(request).unwrap();
        request.params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        request.params.not_after = rcgen::date_time_ymd(2028, 1, 1);
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        request.signed_by(&self.issuer).unwrap().pem()
    }

    pub fn enrolment_answer(&self, request: &str) -> EnrolAnswer {
        EnrolAnswer {
            machine: MachineId::new(),
            certificate: self.sign(request),
            authority: self.certificate.pem(),
            not_before_ms: FROM_MS,
            not_after_ms: TO_MS,
            quarantined: true,
            now_ms: NOW_MS,
        }
    }

    /// An identity of this authority, kept in `state`, for a collector at `address`.
    pub fn identity(&self, state: &StateFolder, address: &str) -> crate::identity::Identity {
        state.make().unwrap();
        let pair = crate::identity::key::pending(&state.enrolment_key()).unwrap();
        let answer = self.enrolment_answer(&crate::identity::key::request(&pair).unwrap());
        crate::identity::Identity {
            collector: address.parse().unwrap(),
            machine: answer.machine,
            school: "0959901W".parse().unwrap(),
            certificate: answer.certificate,
            key: pair.serialize_pem(),
            authority: answer.authority,
            not_before_ms: answer.not_before_ms,
            not_after_ms: answer.not_after_ms,
            hardware: Default::default(),
            quarantined: false,
        }
    }
}

/// One request as received.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub alpn: Vec<u8>,
    pub has_certificate: bool,
    pub connection: usize,
    pub headers: BTreeMap<String, String>,
    /// Decompressed.
    pub body: Vec<u8>,
}

/// What to answer.
pub enum Reply {
    Json(String),
    Raw {
        status: u16,
        headers: Vec<(&'static str, &'static str)>,
        body: Vec<u8>,
    },
    /// Close the connection without a word.
    Hang,
}

/// Decides the answer to the n-th request (from 0).
pub type Handler = Arc<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

/// A running collector.
pub struct Collector {
    pub address: String,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    /// Listens with a leaf of `signer`; the chain shown also holds the certificates of `shown`.
    pub async fn start(signer: &Authority, shown: &[&Authority], life: Life, handler: Handler) -> Self {
        let (leaf, key) = signer.server_leaf(life);
        let mut chain = vec![leaf];
        chain.extend(shown.iter().map(|a| a.certificate.der().clone()));
        let mut roots = RootCertStore::empty();
        roots.add(signer.certificate.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![ALPN_AGENT.to_vec(), ALPN_ENROL.to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), handler, Arc::clone(&seen)));
        Self { address, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, handler: Handler, seen: Arc<Mutex<Vec<Seen>>>) {
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (acceptor, handler, seen) = (acceptor.clone(), Arc::clone(&handler), Arc::clone(&seen));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let tls = stream.get_ref().1;
            let alpn = tls.alpn_protocol().unwrap_or_default().to_vec();
            let has_certificate = tls.peer_certificates().is_some_and(|c| !c.is_empty());
            let service = service_fn(move |request: Request<Incoming>| {
                let (handler, seen, alpn) = (Arc::clone(&handler), Arc::clone(&seen), alpn.clone());
                async move {
                    let received = receive(request, alpn, has_certificate, connection).await;
                    let nth = {
                        let mut all = seen.lock().unwrap();
                        all.push(received.clone());
                        all.len() - 1
                    };
                    answer(handler(&received, nth))
                }
            });
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn receive(request: Request<Incoming>, alpn: Vec<u8>, has_certificate: bool, connection: usize) -> Seen {
    let (head, body) = request.into_parts();
    let headers: BTreeMap<_, _> =
        head.headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    let mut body = body.collect().await.unwrap().to_bytes().to_vec();
    if headers.get("content-encoding").is_some_and(|e| e == "zstd") {
        body = zstd::bulk::decompress(&body, 16 << 20).unwrap();
    }
    Seen { path: head.uri.path().to_owned(), alpn, has_certificate, connection, headers, body }
}

fn answer(reply: Reply) -> Result<Response<Full<Bytes>>, std::io::Error> {
    match reply {
        Reply::Json(text) => Ok(Response::new(Full::new(text.into()))),
        Reply::Raw { status, headers, body } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::new(body.into())).unwrap())
        }
        Reply::Hang => Err(std::io::Error::other("hang up")),
    }
}
