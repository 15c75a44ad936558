//! Who may come through which door.

use super::client::{Identity, config, connect, get, key_and_request, post, raw};
use super::world::{World, days, foreign_authority, now};
use crate::authority::CertificateRequest;
use crate::ingest::api::Api;
use crate::ingest::connection::{self, Caller};
use crate::ingest::listener::{Bounds, Serves};
use crate::ingest::queue::QueueBounds;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::HandshakeKind;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use vigie_shared::enrol::RenewRequest;
use vigie_shared::error::ErrorCode;
use vigie_shared::id::MachineId;
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL};
use vigie_shared::sync::RENEW_PATH;

fn renewal() -> Vec<u8> {
    let (_, certificate_request) = key_and_request();
    post(RENEW_PATH, "", &serde_json::to_vec(&RenewRequest { v: 1, certificate_request }).unwrap())
}

#[tokio::test]
async fn a_route_of_one_door_is_unknown_on_the_others() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let (sync, enrol) = (vigie_shared::sync::PATH, vigie_shared::enrol::PATH);

    for path in ["/", "/healthz", enrol] {
        assert_eq!(world.agent(&machine, &post(path, "", b"{}")).await.refusal(), (404, "not_found".to_owned()));
    }
    for path in ["/", sync, RENEW_PATH] {
        let answer = world.call(ALPN_ENROL, None, &post(path, "", b"{}")).await.unwrap();
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()));
    }
    for alpn in [b"http/1.1".as_slice(), b""] {
        for path in [sync, RENEW_PATH, enrol] {
            assert_eq!(world.call(alpn, None, &post(path, "", b"{}")).await.unwrap().status, 404, "{path}");
        }
        assert_eq!(world.call(alpn, None, &get("/")).await.unwrap().body, b"a page");
    }
    // The right method on the right door is what makes the difference.
    assert_eq!(world.agent(&machine, &renewal()).await.status, 200);
    assert_eq!(world.agent(&machine, &get(RENEW_PATH)).await.status, 404);
}

#[tokio::test]
async fn an_unknown_protocol_is_refused() {
    let world = World::start().await;
    assert!(world.call(b"vigie-agent/2", None, &get("/")).await.is_err());
}

#[tokio::test]
async fn the_agents_door_wants_a_certificate_of_this_authority_for_a_client() {
    let world = World::start().await;
    let refused = |identity: Option<Identity>| {
        let config = config(world.authority.certificate(), ALPN_AGENT, identity.as_ref());
        let address = world.address;
        async move {
            let Ok(mut stream) = connect(address, &Arc::new(config)).await else { return true };
            raw(&mut stream, &renewal()).await.is_err()
        }
    };
    assert!(refused(None).await, "no certificate");

    let (key, request) = key_and_request();
    let request = CertificateRequest::from_pem(&request).unwrap();
    let foreign = foreign_authority().issue_machine(MachineId::new(), &request, now()).unwrap();
    assert!(refused(Some(Identity::new(&foreign.pem, key))).await, "of another authority");

    let names = ["localhost".to_owned().try_into().unwrap()];
    let server = world.authority.issue_server(&names, now()).unwrap();
    let key = KeyPair::try_from(server.key.secret_der()).unwrap();
    assert!(refused(Some(Identity { chain: vec![server.certificate], key })).await, "of a server");

    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::default().self_signed(&key).unwrap();
    assert!(refused(Some(Identity { chain: vec![own.der().clone()], key })).await, "signed by itself");
}

#[tokio::test]
async fn a_machine_cannot_sign_for_another() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, MachineId::new().to_string());
    let issuer = Issuer::from_ca_cert_der(&machine.chain[0], machine.key).unwrap();
    let forged = params.signed_by(&key, &issuer).unwrap().der().clone();
    let identity = Identity { chain: vec![forged, machine.chain[0].clone()], key };
    assert!(world.call(ALPN_AGENT, Some(&identity), &renewal()).await.is_err());
}

/// Shows a certificate without holding its key.
#[derive(Debug)]
struct Pretender(Arc<CertifiedKey>);

impl ResolvesClientCert for Pretender {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let other = KeyPair::generate().unwrap().serialize_der();
    let key =
        rustls::crypto::ring::sign::any_ecdsa_type(&rustls::pki_types::PrivateKeyDer::Pkcs8(other.into())).unwrap();
    let mut config = config(world.authority.certificate(), ALPN_AGENT, None);
    config.client_auth_cert_resolver = Arc::new(Pretender(Arc::new(CertifiedKey::new(machine.chain.clone(), key))));
    let served = match connect(world.address, &Arc::new(config)).await {
        Ok(mut stream) => raw(&mut stream, &renewal()).await.is_ok(),
        Err(_) => false,
    };
    assert!(!served);
    assert_eq!(world.agent(&machine, &renewal()).await.status, 200, "with its key it is served");
}

#[tokio::test]
async fn expired_revoked_and_unknown_machines_get_a_coded_answer_rather_than_a_failed_handshake() {
    let world = World::start().await;
    let (id, machine) = world.machine().await;
    let old = world.certificate_of(id, now().checked_sub(days(401)).unwrap()).await;
    assert_eq!(world.agent(&old, &renewal()).await.refusal(), (403, "certificate_expired".to_owned()));
    let early = world.certificate_of(id, now().checked_add(days(30)).unwrap()).await;
    assert_eq!(world.agent(&early, &renewal()).await.status, 200, "a collector whose clock lags still serves");

    let (key, request) = key_and_request();
    let request = CertificateRequest::from_pem(&request).unwrap();
    let never_kept = world.authority.issue_machine(id, &request, now()).unwrap();
    let never_kept = Identity::new(&never_kept.pem, key);
    assert_eq!(world.agent(&never_kept, &renewal()).await.refusal(), (403, "machine_unknown".to_owned()));

    let decider = crate::modes::decider().unwrap();
    world.store.revoke(id, "test", now(), decider).await.unwrap();
    assert_eq!(world.agent(&machine, &renewal()).await.refusal(), (403, "certificate_revoked".to_owned()));
}

#[tokio::test]
async fn a_web_session_resumed_on_the_agents_door_is_refused() {
    let world = World::start().await;
    // Resumption needs the same verifier and session store: clones of one configuration share both.
    let web = config(world.authority.certificate(), b"http/1.1", None);
    let mut agent = web.clone();
    agent.alpn_protocols = vec![ALPN_AGENT.to_vec()];
    let (web, agent) = (Arc::new(web), Arc::new(agent));
    let visit = async |config: &Arc<rustls::ClientConfig>| {
        let mut stream = connect(world.address, config).await?;
        let kind = stream.get_ref().1.handshake_kind();
        raw(&mut stream, &get("/")).await.map(|got| (kind, got.status))
    };

    assert_eq!(visit(&web).await.unwrap(), (Some(HandshakeKind::Full), 200));
    assert_eq!(visit(&web).await.unwrap(), (Some(HandshakeKind::Resumed), 200), "control: tickets do work");
    assert!(visit(&agent).await.is_err(), "the same session store on the agents' door");
    assert_eq!(visit(&web).await.unwrap().1, 200);
}

#[tokio::test]
async fn machines_doors_never_resume() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    for (alpn, identity) in [(ALPN_AGENT, Some(&machine)), (ALPN_ENROL, None)] {
        let config = world.config(alpn, identity);
        for _ in 0..2 {
            let mut stream = connect(world.address, &config).await.unwrap();
            assert_eq!(raw(&mut stream, &get("/")).await.unwrap().status, 404);
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
        }
    }
}

#[tokio::test]
async fn the_handler_itself_refuses_a_missing_certificate() {
    let world = World::start().await;
    let api: Arc<Api> = world.gate.handler();
    let (mut ours, theirs) = tokio::io::duplex(4096);
    let caller = Arc::new(Caller { peer: Err(ErrorCode::CertificateMissing), address: "127.0.0.1".parse().unwrap() });
    let stop = world.stop.subscribe();
    tokio::spawn(connection::agent(theirs, caller, api, stop));
    let answer = raw(&mut ours, &renewal()).await.unwrap();
    assert_eq!(answer.refusal(), (401, "certificate_missing".to_owned()));
}

#[tokio::test]
async fn a_socket_for_machines_serves_no_pages_and_the_reverse() {
    let machines = World::with(Bounds::default(), QueueBounds::default(), Serves::Machines).await;
    assert!(machines.call(b"http/1.1", None, &get("/")).await.is_err());
    let (_, machine) = machines.machine().await;
    assert_eq!(machines.agent(&machine, &renewal()).await.status, 200);

    let web = World::with(Bounds::default(), QueueBounds::default(), Serves::Web).await;
    assert_eq!(web.call(b"http/1.1", None, &get("/")).await.unwrap().status, 200);
    for alpn in [ALPN_AGENT, ALPN_ENROL] {
        assert!(web.call(alpn, None, &get("/")).await.is_err());
    }
}
