//! Enrolment: a token buys a certificate. Nothing is sent before the collector proved to hold the authority's key that
//! the token names.

use super::{Identity, key};
use crate::settings::StateFolder;
use crate::sync::address::CollectorAddress;
use crate::sync::link::{Body, CallError, Link};
use crate::sync::tls::{ClockWindow, agent_config, enrolment_config, public_key_sha256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;
use vigie_shared::enrol::{EnrolAnswer, EnrolRequest, PATH};
use vigie_shared::error::ErrorCode;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::limits::SCHEMA;
use vigie_shared::token::EnrolmentToken;

/// What a machine brings to be enrolled.
pub struct Candidate {
    /// Where the collector is.
    pub collector: CollectorAddress,
    /// The token of the technician.
    pub token: EnrolmentToken,
    /// Name on the network, shown only.
    pub host_name: String,
    /// What the machine takes itself for (`workstation`, `laptop`, …), where it can tell.
    pub machine_kind: Option<String>,
    /// Hardware evidence.
    pub hardware: HardwareEvidence,
}

/// Why a machine was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The key, or the folder it is kept in.
    #[error(transparent)]
    Key(#[from] key::KeyError),
    /// The collector could not be reached, proved, or refused.
    #[error("{error}{}", advice(error))]
    Call {
        /// What happened.
        error: CallError,
    },
    /// It answered something that cannot be right.
    #[error("the collector's answer is not right ({0}); nothing was kept. Tell the people who run the collector")]
    Answer(String),
    /// The identity could not be written.
    #[error(
        "the identity cannot be kept in {path} ({source}); make the state folder writable, then enrol again: it counts once"
    )]
    Keep {
        /// Where.
        path: String,
        /// The system's words.
        source: std::io::Error,
    },
}

/// Enrols this machine and keeps its identity. Repeated after a lost answer it counts once: the key is kept until then.
pub async fn enrol(
    candidate: Candidate,
    state: &StateFolder,
    window: &Arc<ClockWindow>,
) -> Result<Identity, EnrolmentError> {
    let keep = |source| EnrolmentError::Keep { path: state.path().display().to_string(), source };
    state.make().map_err(keep)?;
    let pair = key::pending(&state.enrolment_key())?;
    let pin = *candidate.token.authority_key_sha256();
    let config = enrolment_config(pin, window).map_err(|e| EnrolmentError::Answer(e.to_string()))?;
    let request = EnrolRequest {
        v: SCHEMA,
        token: candidate.token.to_string(),
        certificate_request: key::request(&pair)?,
        host_name: candidate.host_name,
        machine_kind: candidate.machine_kind,
        hardware: candidate.hardware.clone(),
    };
    let body = serde_json::to_vec(&request).map_err(|e| EnrolmentError::Answer(e.to_string()))?;
    let mut link = Link::new(candidate.collector.clone(), config);
    let answer: EnrolAnswer =
        link.call(PATH, &Body::json(body).typed()).await.map_err(|error| EnrolmentError::Call { error })?;
    verify(&answer, &pair, pin)?;
    let identity = Identity {
        collector: candidate.collector,
        machine: answer.machine,
        school: candidate.token.school(),
        certificate: answer.certificate,
        key: pair.serialize_pem(),
        authority: answer.authority,
        not_before_ms: answer.not_before_ms,
        not_after_ms: answer.not_after_ms,
        hardware: candidate.hardware,
        quarantined: answer.quarantined,
    };
    agent_config(&identity.certificate, &identity.key, &identity.authority, window)
        .map_err(|e| EnrolmentError::Answer(e.to_string()))?;
    let copied = Identity::load(state).is_ok_and(|old| old.hardware.contradicts(&identity.hardware));
    identity.save(state).map_err(keep)?;
    if copied {
        forget_other_machine(state);
    }
    // The identity holds the key now; a left-over only costs a file.
    drop(std::fs::remove_file(state.enrolment_key()));
    Ok(identity)
}

/// What a copied disk brought along happened to another machine.
fn forget_other_machine(state: &StateFolder) {
    drop(std::fs::remove_dir_all(state.spool()));
    for path in [state.policy(), state.status(), state.networks(), state.renewal_key()] {
        drop(std::fs::remove_file(path));
    }
}

fn verify(answer: &EnrolAnswer, pair: &rcgen::KeyPair, pin: [u8; 32]) -> Result<(), EnrolmentError> {
    let wrong = |what: &str| Err(EnrolmentError::Answer(what.to_owned()));
    if !key::belongs(&answer.certificate, pair) {
        return wrong("the certificate is not for this machine's key");
    }
    match CertificateDer::from_pem_slice(answer.authority.as_bytes()) {
        Ok(authority) if public_key_sha256(&authority) == Some(pin) => {}
        _ => return wrong("the authority is not the one that the token names"),
    }
    if answer.not_after_ms <= answer.not_before_ms {
        return wrong("the certificate ends before it begins");
    }
    Ok(())
}

/// What to do about a refusal.
fn advice(error: &CallError) -> &'static str {
    let CallError::Refused { refusal, .. } = error else { return "" };
    match refusal.code {
        ErrorCode::TokenInvalid => ". Ask for a new token for this school",
        ErrorCode::TokenExpired => ". The token is past its end date: ask for a new one",
        ErrorCode::TokenExhausted => ". The token has no uses left: ask for a new one",
        ErrorCode::TooMany | ErrorCode::Overloaded => ". Try again in a few minutes",
        ErrorCode::SchemaUnsupported => ". Install the version of the agent that goes with this collector",
        _ => "",
    }
}
