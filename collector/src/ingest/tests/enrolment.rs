//! How machines get in, and how they do not.

use super::client::{Identity, key_and_request, post};
use super::world::{World, days, foreign_authority, now, school};
use crate::authority::random;
use crate::ingest::verifier;
use rcgen::{CertificateParams, DnType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use vigie_shared::enrol::{EnrolAnswer, PATH, RenewAnswer, RenewRequest};
use vigie_shared::id::MachineId;
use vigie_shared::limits::ALPN_ENROL;
use vigie_shared::sync::RENEW_PATH;
use vigie_shared::token::EnrolmentToken;

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_machine_enrols_and_its_certificate_says_who_it_is() {
    let world = World::start().await;
    let (_, request) = key_and_request();
    let answer: EnrolAnswer = world.enrol(&world.good_token().await, &request).await.json();
    let certificate = CertificateDer::from_pem_slice(answer.certificate.as_bytes()).unwrap();
    assert_eq!(verifier::peer(&certificate).unwrap().machine, answer.machine);
    let authority = CertificateDer::from_pem_slice(answer.authority.as_bytes()).unwrap();
    assert_eq!(&authority, world.authority.certificate());
    assert_eq!((answer.not_after_ms - answer.not_before_ms) / 1000, 400 * 86_400 + 300);
    assert!(answer.quarantined, "nobody expects this address yet");

    world.expect_loopback().await;
    let answer: EnrolAnswer = world.enrol(&world.good_token().await, &key_and_request().1).await.json();
    assert!(!answer.quarantined, "now its address is expected");
}

#[tokio::test]
async fn a_lost_answer_asked_again_is_the_same_machine_and_one_use() {
    let world = World::start().await;
    let token = world.token(1, now().checked_add(days(1)).unwrap()).await.to_string();
    let (_, request) = key_and_request();
    let first: EnrolAnswer = world.enrol(&token, &request).await.json();
    let again: EnrolAnswer = world.enrol(&token, &request).await.json();
    assert_eq!(first.machine, again.machine);
    let other = world.enrol(&token, &key_and_request().1).await;
    assert_eq!(other.refusal(), is(403, "token_exhausted"));
}

#[tokio::test]
async fn tokens_that_open_nothing_are_answered_alike() {
    let world = World::start().await;
    let (_, request) = key_and_request();
    let unknown = EnrolmentToken::new(school(), random().unwrap(), world.authority.spki_sha256());
    let foreign = EnrolmentToken::new(school(), random().unwrap(), foreign_authority().spki_sha256());
    let known = world.token(1, now().checked_add(days(1)).unwrap()).await;
    let wrong_school = {
        // The right secret with another school: what a pupil who edits a token would try.
        let text = known.to_string();
        let bytes = data_encoding::BASE32_NOPAD.decode(text.rsplit('-').next().unwrap().as_bytes()).unwrap();
        let secret: [u8; 16] = bytes[..16].try_into().unwrap();
        EnrolmentToken::new("0959902X".parse().unwrap(), secret, world.authority.spki_sha256())
    };
    let mut messages = std::collections::BTreeSet::new();
    for token in [unknown, foreign, wrong_school] {
        let answer = world.enrol(&token.to_string(), &request).await;
        assert_eq!(answer.refusal(), is(403, "token_invalid"));
        messages.insert(answer.message());
    }
    assert_eq!(messages.len(), 1, "{messages:?}");

    let altered = known.to_string().replace("0959901W", "0959902X");
    assert_eq!(world.enrol(&altered, &request).await.refusal(), is(403, "token_invalid"));
    assert_eq!(world.enrol("", &request).await.refusal(), is(403, "token_invalid"));
    assert_eq!(world.enrol(&known.to_string(), &request).await.status, 200, "the token itself is still good");
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let world = World::start().await;
    let token = world.token(1, now().checked_sub(days(1)).unwrap()).await.to_string();
    assert_eq!(world.enrol(&token, &key_and_request().1).await.refusal(), is(403, "token_expired"));
}

#[tokio::test]
async fn a_bad_request_takes_no_use_of_the_token() {
    let world = World::start().await;
    let token = world.token(1, now().checked_add(days(1)).unwrap()).await.to_string();
    let (_, request) = key_and_request();
    assert_eq!(world.enrol(&token, "rubbish").await.refusal(), is(400, "certificate_request_invalid"));
    assert_eq!(world.enrol_raw(b"{\"v\":1}").await.refusal(), is(400, "body_invalid"));
    assert_eq!(world.enrol_raw(b"{\"v\":2}").await.refusal(), is(426, "schema_unsupported"));
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", (64 << 10) + 1);
    let large = world.call(ALPN_ENROL, None, head.as_bytes()).await.unwrap();
    assert_eq!(large.refusal(), is(413, "body_too_large"));
    assert_eq!(world.enrol(&token, &request).await.status, 200);
}

#[tokio::test]
async fn too_many_refusals_from_one_address_are_stopped_for_a_while() {
    let world = World::start().await;
    for _ in 0..10 {
        assert_eq!(world.enrol_raw(b"rubbish").await.refusal(), is(400, "body_invalid"));
    }
    let answer = world.enrol(&world.good_token().await, &key_and_request().1).await;
    assert_eq!(answer.refusal(), is(429, "too_many_requests"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_renewal_names_the_machine_that_asks_whatever_its_request_says_and_the_old_one_stays_valid() {
    let world = World::start().await;
    let (id, machine) = world.machine().await;
    let (other, _) = world.machine().await;
    let (key, _) = key_and_request();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, other.to_string());
    let certificate_request = params.serialize_request(&key).unwrap().pem().unwrap();
    let body = serde_json::to_vec(&RenewRequest { v: 1, certificate_request }).unwrap();

    let answer = world.agent(&machine, &post(RENEW_PATH, "", &body)).await;

    let renewed = Identity::new(&answer.json::<RenewAnswer>().certificate, key);
    assert_eq!(verifier::peer(&renewed.chain[0]).unwrap().machine, id);
    let next = || {
        let request = RenewRequest { v: 1, certificate_request: key_and_request().1 };
        post(RENEW_PATH, "", &serde_json::to_vec(&request).unwrap())
    };
    assert_eq!(world.agent(&renewed, &next()).await.status, 200);
    assert_eq!(world.agent(&machine, &next()).await.status, 200, "frozen machines come back with the old one");
}

#[tokio::test]
async fn one_machine_cannot_fill_the_store_with_certificates() {
    let world = World::start().await;
    let (_, machine) = world.machine().await;
    let request = RenewRequest { v: 1, certificate_request: key_and_request().1 };
    let body = post(RENEW_PATH, "", &serde_json::to_vec(&request).unwrap());
    for _ in 0..10 {
        assert_eq!(world.agent(&machine, &body).await.status, 200);
    }
    assert_eq!(world.agent(&machine, &body).await.refusal(), is(429, "too_many_requests"));
    let (_, another) = world.machine().await;
    assert_eq!(world.agent(&another, &body).await.status, 200);
}

#[tokio::test]
async fn a_certificate_whose_name_is_no_machine_is_nobody() {
    let world = World::start().await;
    let names = ["localhost".to_owned().try_into().unwrap()];
    let server = world.authority.issue_server(&names, now()).unwrap();
    assert_eq!(verifier::peer(&server.certificate), None);
    let (_, machine) = world.machine().await;
    assert!(verifier::peer(&machine.chain[0]).is_some_and(|peer| peer.machine != MachineId::new()));
}
