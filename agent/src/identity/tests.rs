//! Enrolment against a real listener: what is trusted, what is sent, and what a lost answer costs.

use super::enrolment::{Candidate, EnrolmentError, enrol};
use super::*;
use crate::clock::tests::FixedClock;
use crate::sync::tls::ClockWindow;
use crate::testing::{Authority, Collector, Handler, Life, NOW_MS, Reply, USUAL};
use rcgen::CertificateSigningRequestParams;
use std::collections::BTreeSet;
use std::sync::Arc;
use vigie_shared::enrol::EnrolRequest;
use vigie_shared::token::EnrolmentToken;

fn window(wall_ms: i64) -> Arc<ClockWindow> {
    Arc::new(ClockWindow::new(Arc::new(FixedClock::at_wall(wall_ms)), None))
}

fn candidate(collector: &Collector, token: EnrolmentToken) -> Candidate {
    Candidate {
        collector: collector.address.parse().unwrap(),
        token,
        host_name: "salle12-pc03".into(),
        machine_kind: Some("workstation".into()),
        hardware: HardwareEvidence { board_serial: Some("PF1A2B3C".into()), ..Default::default() },
    }
}

fn signing(authority: &Arc<Authority>) -> Handler {
    let authority = Arc::clone(authority);
    Arc::new(move |seen, _| {
        let request: EnrolRequest = serde_json::from_slice(&seen.body).unwrap();
        Reply::Json(serde_json::to_string(&authority.enrolment_answer(&request.certificate_request)).unwrap())
    })
}

/// Enrols with a token of `expected` at a collector whose leaf is signed by `signer` and whose chain shows `shown`.
async fn attempt(
    expected: &Arc<Authority>,
    signer: &Arc<Authority>,
    shown: &[&Authority],
    life: Life,
    wall_ms: i64,
) -> (Result<Identity, EnrolmentError>, Collector, StateFolder, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path());
    let collector = Collector::start(signer, shown, life, signing(expected)).await;
    let result = enrol(candidate(&collector, expected.token()), &state, &window(wall_ms)).await;
    (result, collector, state, folder)
}

#[tokio::test]
async fn a_machine_is_enrolled_and_its_identity_kept() {
    let ours = Arc::new(Authority::new("ours"));
    let (result, collector, state, _folder) = attempt(&ours, &ours, &[&ours], USUAL, NOW_MS).await;

    let identity = result.unwrap();
    assert_eq!(Identity::load(&state).unwrap(), identity);
    assert!(identity.quarantined);
    assert!(!state.enrolment_key().exists(), "the pending key is gone");
    let seen = collector.seen();
    assert_eq!((seen.len(), seen[0].alpn.as_slice(), seen[0].has_certificate), (1, b"vigie-enrol/1".as_slice(), false));
    let request: EnrolRequest = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(request.token, ours.token().to_string());
}

#[tokio::test]
async fn the_token_never_leaves_for_another_authority() {
    let (ours, other) = (Arc::new(Authority::new("ours")), Arc::new(Authority::new("other")));
    let (result, collector, state, _folder) = attempt(&ours, &other, &[&other], USUAL, NOW_MS).await;

    let error = result.unwrap_err().to_string();
    assert!(error.contains("not the collector that the token was made for"), "{error}");
    assert_eq!(collector.seen().len(), 0, "the other collector received nothing");
    assert!(!state.identity().exists());
}

#[tokio::test]
async fn showing_our_authority_beside_a_foreign_leaf_is_not_enough() {
    let (ours, other) = (Arc::new(Authority::new("ours")), Arc::new(Authority::new("other")));
    let (result, collector, ..) = attempt(&ours, &other, &[&ours, &other], USUAL, NOW_MS).await;
    assert!(result.is_err());
    assert_eq!(collector.seen().len(), 0);
}

#[tokio::test]
async fn an_expired_certificate_of_the_collector_is_refused_and_named() {
    let ours = Arc::new(Authority::new("ours"));
    let (result, collector, ..) = attempt(&ours, &ours, &[&ours], ((2025, 1, 1), (2026, 11, 2)), NOW_MS).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("has expired") && error.contains("renew it on the collector"), "{error}");
    assert_eq!(collector.seen().len(), 0);
}

#[tokio::test]
async fn a_machine_in_2010_enrols_with_a_collector_of_the_future() {
    let ours = Arc::new(Authority::new("ours"));
    let life = ((2027, 6, 1), (2028, 6, 1));
    let (result, ..) = attempt(&ours, &ours, &[&ours], life, 1_262_304_000_000).await;
    assert!(result.is_ok(), "{result:?}");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let ours = Arc::new(Authority::new("ours"));
    let good = signing(&ours);
    let handler: Handler = Arc::new(move |seen, nth| if nth == 0 { Reply::Hang } else { good(seen, nth) });
    let collector = Collector::start(&ours, &[&ours], USUAL, handler).await;
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path());

    let lost = enrol(candidate(&collector, ours.token()), &state, &window(NOW_MS)).await;
    assert!(lost.unwrap_err().to_string().contains("did not answer"));
    let identity = enrol(candidate(&collector, ours.token()), &state, &window(NOW_MS)).await.unwrap();

    let keys: BTreeSet<_> = collector
        .seen()
        .iter()
        .map(|seen| serde_json::from_slice::<EnrolRequest>(&seen.body).unwrap().certificate_request)
        .map(|pem| CertificateSigningRequestParams::from_pem(&pem).unwrap())
        .map(|request| rcgen::PublicKeyData::subject_public_key_info(&request.public_key))
        .collect();
    assert_eq!((collector.seen().len(), keys.len()), (2, 1));
    assert!(key::belongs(&identity.certificate, &key::from_pem(&identity.key).unwrap()));
}

#[tokio::test]
async fn what_a_copied_disk_brought_along_is_forgotten_and_own_events_are_kept() {
    let ours = Arc::new(Authority::new("ours"));
    let collector = Collector::start(&ours, &[&ours], USUAL, signing(&ours)).await;
    for (serial, kept) in [("PF9Z8Y7X", false), ("PF1A2B3C", true)] {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path());
        let hardware = HardwareEvidence { board_serial: Some(serial.into()), ..Default::default() };
        Identity { hardware, ..ours.identity(&state, &collector.address) }.save(&state).unwrap();
        std::fs::create_dir(state.spool()).unwrap();
        std::fs::write(state.spool().join("event"), b"of somebody").unwrap();

        enrol(candidate(&collector, ours.token()), &state, &window(NOW_MS)).await.unwrap();

        assert_eq!(state.spool().join("event").exists(), kept, "{serial}");
    }
}

#[tokio::test]
async fn a_refusal_says_its_code_and_what_to_do() {
    let ours = Arc::new(Authority::new("ours"));
    let body = br#"{"error":{"code":"token_exhausted","message":"all 10 uses are taken"}}"#.to_vec();
    let handler: Handler = Arc::new(move |_, _| Reply::Raw { status: 403, headers: vec![], body: body.clone() });
    let collector = Collector::start(&ours, &[&ours], USUAL, handler).await;
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path());
    let error = enrol(candidate(&collector, ours.token()), &state, &window(NOW_MS)).await.unwrap_err().to_string();
    assert!(error.contains("token_exhausted") && error.contains("ask for a new one"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_key_is_not_kept() {
    let ours = Arc::new(Authority::new("ours"));
    let signer = Arc::clone(&ours);
    let handler: Handler = Arc::new(move |_, _| {
        let stranger = rcgen::KeyPair::generate().unwrap();
        let answer = signer.enrolment_answer(&key::request(&stranger).unwrap());
        Reply::Json(serde_json::to_string(&answer).unwrap())
    });
    let collector = Collector::start(&ours, &[&ours], USUAL, handler).await;
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path());
    let error = enrol(candidate(&collector, ours.token()), &state, &window(NOW_MS)).await.unwrap_err();
    assert!(matches!(error, EnrolmentError::Answer(_)), "{error}");
    assert!(!state.identity().exists());
}
