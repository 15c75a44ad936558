//! One port, three doors: who may come through which, and what a certificate is worth. Loopback only, needs no root.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use vigie_shared::error::ErrorCode;
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL};
use vigie_shared::{enrol, sync};
use vigie_tests::client::{Answer, Connection, Identity, Reach, config, shake};
use vigie_tests::collector::Collector;
use vigie_tests::fake::FakeMachine;
use vigie_tests::machine::faketime;

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn enrolled(collector: &Collector, host: &str) -> FakeMachine {
    let machine = FakeMachine::enrol(&collector.reach().unwrap(), &collector.token(1).unwrap(), host).unwrap();
    collector.approve_all().unwrap();
    machine
}

/// Nothing but a failed handshake or « no certificate » counts as refused.
fn is_refused(outcome: &anyhow::Result<Answer>) -> bool {
    match outcome {
        Err(_) => true,
        Ok(answer) => answer.status == 401 && answer.code() == Some(ErrorCode::CertificateMissing),
    }
}

/// A good call over `config`, as far as the certificate lets it.
fn knock(reach: &Reach, machine: &FakeMachine, config: &rustls::ClientConfig) -> anyhow::Result<Answer> {
    let body = serde_json::to_vec(&machine.request(1, 1, vec![])).unwrap();
    Connection::open(reach, config)?.post(sync::PATH, body)
}

#[test]
fn a_session_of_the_web_door_is_worth_nothing_on_the_agents_door() {
    let (_folder, collector) = Collector::ready().unwrap();
    let machine = enrolled(&collector, "poste1");
    let reach = collector.reach().unwrap();
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let say = if alpn == b"h2" { &b""[..] } else { ASK };
        let web = config(&machine.authority, &[alpn], None).unwrap();
        let first = shake(&reach, &web, say).unwrap();
        assert!(first.tickets > 0, "the web door gives tickets, else this test proves nothing: {first:?}");
        let again = shake(&reach, &web, say).unwrap();
        assert_eq!(again.kind, Some(rustls::HandshakeKind::Resumed), "its tickets are good on the web door");

        // The same verifier and session store (clones share them), so that the client does offer its ticket.
        let mut agents = web.clone();
        agents.alpn_protocols = vec![ALPN_AGENT.to_vec()];
        let body = serde_json::to_vec(&machine.request(1, 1, vec![])).unwrap();
        let call = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", sync::PATH, body.len());
        let outcome = shake(&reach, &agents, &[call.as_bytes(), &body].concat());

        match outcome {
            Err(error) => assert!(format!("{error:?}").contains("CertificateRequired"), "{error:?}"),
            Ok(outcome) => {
                assert_ne!(outcome.kind, Some(rustls::HandshakeKind::Resumed));
                assert!(outcome.heard.starts_with(b"HTTP/1.1 401"), "{}", String::from_utf8_lossy(&outcome.heard));
            }
        }
    }
}

#[test]
fn the_agents_door_gives_no_tickets_and_resumes_nothing() {
    let (_folder, collector) = Collector::ready().unwrap();
    let machine = enrolled(&collector, "poste1");
    let reach = collector.reach().unwrap();
    let agents = config(&machine.authority, &[ALPN_AGENT], Some(&machine.identity)).unwrap();

    let kinds: Vec<_> = (0..2).map(|_| shake(&reach, &agents, ASK).unwrap()).map(|s| (s.kind, s.tickets)).collect();

    assert_eq!(kinds, [(Some(rustls::HandshakeKind::Full), 0); 2]);
}

#[test]
fn only_a_certificate_of_our_authority_opens_the_agents_door() {
    let (_folder, collector) = Collector::ready().unwrap();
    let machine = enrolled(&collector, "poste1");
    let reach = collector.reach().unwrap();
    let named = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, machine.machine.to_string());
        params
    };
    let key = KeyPair::generate().unwrap();
    let self_made = named().self_signed(&key).unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let of_other = named().signed_by(&key, &other).unwrap();
    // The right certificate with a key that is not its own.
    let stolen = Identity { certificate: machine.identity.certificate.clone(), key: key.serialize_der() };

    let good = config(&machine.authority, &[ALPN_AGENT], Some(&machine.identity)).unwrap();
    assert_eq!(knock(&reach, &machine, &good).unwrap().status, 200, "the right certificate opens");
    let none = config(&machine.authority, &[ALPN_AGENT], None).unwrap();
    let outcome = knock(&reach, &machine, &none);
    assert!(is_refused(&outcome), "no certificate: {outcome:?}");
    for (what, pem) in [("self-made", self_made.pem()), ("another authority", of_other.pem())] {
        let identity = Identity::new(&pem, &key).unwrap();
        let config = config(&machine.authority, &[ALPN_AGENT], Some(&identity)).unwrap();
        let outcome = knock(&reach, &machine, &config);
        assert!(outcome.is_err(), "{what}: {outcome:?}");
    }
    // rustls itself may refuse to pair them: that is a refusal too.
    let outcome = config(&machine.authority, &[ALPN_AGENT], Some(&stolen)).and_then(|c| knock(&reach, &machine, &c));
    assert!(outcome.is_err(), "a certificate without its key: {outcome:?}");
    assert_eq!(knock(&reach, &machine, &good).unwrap().status, 200, "and the right one still opens");
}

#[test]
fn a_revoked_machine_is_refused_at_its_next_call_on_the_connection_it_holds() {
    let (_folder, collector) = Collector::ready().unwrap();
    let mut machine = enrolled(&collector, "poste1");
    let mut other = enrolled(&collector, "poste2");
    machine.heartbeat(1).unwrap();

    collector.admin(&["revoke", &machine.machine.to_string()]).unwrap();
    let answer = machine.call(&machine.request(1, 1, vec![])).unwrap();

    assert_eq!((answer.status, answer.code()), (403, Some(ErrorCode::CertificateRevoked)), "{}", answer.message());
    let answer = machine.call(&machine.request(1, 1, vec![])).unwrap();
    assert_eq!(answer.code(), Some(ErrorCode::CertificateRevoked), "on a new connection too");
    other.heartbeat(1).unwrap();
}

#[test]
fn a_machine_that_a_restored_backup_does_not_know_is_told_so() {
    let (_folder, mut collector) = Collector::ready().unwrap();
    let mut early = enrolled(&collector, "poste1");
    let (database, backup) = (collector.data().join("vigie.sqlite"), collector.data().join("backup.sqlite"));
    collector.store().unwrap().back_up(&backup).unwrap();
    let mut late = enrolled(&collector, "poste2");
    late.heartbeat(1).unwrap();
    collector.stop().unwrap();
    for beside in ["vigie.sqlite-wal", "vigie.sqlite-shm"] {
        let _ = std::fs::remove_file(collector.data().join(beside));
    }
    std::fs::rename(&backup, &database).unwrap();
    collector.start(None).unwrap();
    let reach = collector.reach().unwrap();
    early.reconnect(&reach);
    late.reconnect(&reach);

    let answer = late.call(&late.request(1, 1, vec![])).unwrap();

    assert_eq!((answer.status, answer.code()), (403, Some(ErrorCode::MachineUnknown)), "{}", answer.message());
    early.heartbeat(1).unwrap();
}

#[test]
fn an_expired_certificate_is_told_to_enrol_again() {
    let Some(library) = faketime() else {
        eprintln!("skipped: needs the Debian package libfaketime");
        return;
    };
    let (_folder, mut collector) = Collector::ready().unwrap();
    collector.stop().unwrap();
    // The collector issues the certificate 401 days ago; it lives 400 days.
    for (name, value) in
        [("LD_PRELOAD", library.as_str()), ("FAKETIME", "-401d"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
    {
        collector.set(name, value);
    }
    let token = collector.token(1).unwrap();
    collector.start(None).unwrap();
    let mut machine = enrol_in_the_past(&collector, &token);
    collector.stop().unwrap();
    collector.unset_all();
    collector.start(None).unwrap();
    machine.reconnect(&collector.reach().unwrap());
    collector.approve_all().unwrap();

    let answer = machine.call(&machine.request(1, 1, vec![])).unwrap();

    assert_eq!((answer.status, answer.code()), (403, Some(ErrorCode::CertificateExpired)), "{}", answer.message());
    enrolled(&collector, "poste2").heartbeat(1).unwrap();
}

fn enrol_in_the_past(collector: &Collector, token: &str) -> FakeMachine {
    FakeMachine::enrol_at(&collector.reach().unwrap(), token, "poste1", Some(401)).unwrap()
}

#[test]
fn each_door_serves_its_own_routes_only() {
    let (_folder, collector) = Collector::ready().unwrap();
    let machine = enrolled(&collector, "poste1");
    let reach = collector.reach().unwrap();
    let say = |alpn: &[u8], identity: Option<&Identity>, method: &str, path: &str| {
        let config = config(&machine.authority, &[alpn], identity).unwrap();
        Connection::open(&reach, &config).unwrap().send(method, path, &[], b"{}".to_vec()).unwrap().status
    };
    let own = Some(&machine.identity);

    // The web door may refuse a form without its token before it looks where it goes.
    assert!([403, 404].contains(&say(b"http/1.1", None, "POST", sync::PATH)), "sync on the web door");
    assert!([403, 404].contains(&say(b"http/1.1", own, "POST", sync::PATH)), "sync on the web door with a certificate");
    assert!([403, 404].contains(&say(b"http/1.1", None, "POST", enrol::PATH)), "enrolment on the web door");
    assert_eq!(say(b"http/1.1", None, "GET", sync::PATH), 404, "not even a page of that name");
    assert_eq!(say(ALPN_ENROL, None, "POST", sync::PATH), 404, "sync on the enrolment door");
    assert_eq!(say(ALPN_ENROL, None, "GET", "/login"), 404, "a page on the enrolment door");
    assert_eq!(say(ALPN_AGENT, own, "POST", enrol::PATH), 404, "enrolment on the agents' door");
    assert_eq!(say(ALPN_AGENT, own, "GET", "/healthz"), 404, "a page on the agents' door");
    assert_eq!(say(b"http/1.1", None, "GET", "/healthz"), 200);
}

#[test]
fn an_unknown_protocol_is_refused_and_offering_two_does_not_open_the_wrong_door() {
    let (_folder, collector) = Collector::ready().unwrap();
    let machine = enrolled(&collector, "poste1");
    let reach = collector.reach().unwrap();

    let unknown = config(&machine.authority, &[b"vigie-agent/9"], None).unwrap();
    assert!(shake(&reach, &unknown, ASK).is_err());

    // Asking for the web and the agents' door at once, without a certificate.
    let both = config(&machine.authority, &[b"http/1.1", ALPN_AGENT], None).unwrap();
    let outcome = knock(&reach, &machine, &both);
    assert!(outcome.as_ref().map_or(true, |answer| answer.status == 404 || is_refused(&outcome)), "{outcome:?}");
}
