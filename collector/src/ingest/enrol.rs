//! `POST /enrol/v1` and `POST /agent/v1/renew`: how a machine gets its first certificate and the next ones.
//!
//! The common name of a certificate is always the machine that the store says: the one just enrolled, or the one whose
//! certificate was shown. What the request names as its subject is never read, so nobody renews into another machine.

use super::api::Api;
use super::body;
use super::refusal::{Answer, good, of_store, refusal, refuse, refuse_until};
use crate::authority::{CertificateRequest, IssuedCertificate};
use crate::store::{Enrolment, NewCertificate, Peer};
use hyper::Request;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use vigie_shared::enrol::{EnrolAnswer, EnrolRequest, RenewAnswer, RenewRequest};
use vigie_shared::error::{ErrorCode, Refusal};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::MachineId;
use vigie_shared::token::EnrolmentToken;

/// Largest body of either call, bytes.
const BODY_MAX: usize = 64 << 10;
/// Longest host name kept, characters (RFC 1035).
const HOST_NAME_MAX: usize = 253;
/// Most disks and most addresses of interfaces kept.
const EVIDENCE_MAX: usize = 64;
/// Kinds that a machine may say it is; another one is a workstation until somebody knows better.
const KINDS: [&str; 4] = ["workstation", "laptop", "server", "nomade"];

/// Said for every token that opens nothing, whatever the reason: the difference would help only who guesses.
const UNKNOWN_TOKEN: &str = "this enrolment token is not known here, or not for this school: ask for a new one";

/// Answers an enrolment.
pub(super) async fn answer(api: &Api, address: IpAddr, request: Request<Incoming>) -> Answer {
    if let Some(wait) = api.refused.wait(&address, Instant::now()) {
        let text = "too many refused enrolments from this address; wait, and check the token";
        return refuse_until(refusal(ErrorCode::TooMany, text), seconds(wait));
    }
    match enrol(api, address, request).await {
        Ok(answer) => good(&answer),
        Err(refused) => {
            if refused.code != ErrorCode::Internal && refused.code != ErrorCode::Overloaded {
                api.refused.count(address, Instant::now());
                tracing::info!(%address, code = %refused.code.as_str(), "an enrolment was refused");
            }
            refuse(refused)
        }
    }
}

async fn enrol(api: &Api, address: IpAddr, request: Request<Incoming>) -> Result<EnrolAnswer, Refusal> {
    let (parts, incoming) = request.into_parts();
    let received = body::read(&parts.headers, incoming, BODY_MAX, &api.memory).await?;
    let (message, _memory) = received.message::<EnrolRequest>().await?;
    let token: EnrolmentToken = message
        .token
        .parse()
        .map_err(|error: vigie_shared::token::TokenError| refusal(ErrorCode::TokenInvalid, error.to_string()))?;
    if *token.authority_key_sha256() != api.authority.spki_sha256() {
        return Err(refusal(ErrorCode::TokenInvalid, UNKNOWN_TOKEN));
    }
    let wanted = wanted(&message.certificate_request)?;
    let now = api.clock.now();
    let enrolled = api
        .store
        .enrol(Enrolment {
            school: token.school(),
            secret_sha256: token.secret_sha256(),
            key_sha256: wanted.key_sha256(),
            host_name: host_name(&message.host_name),
            kind: kind(message.machine_kind.as_deref()),
            hardware: bounded(message.hardware.clean()),
            address,
            now,
        })
        .await
        .map_err(|error| match of_store(error, "enrol") {
            Refusal { code: ErrorCode::TokenInvalid, .. } => refusal(ErrorCode::TokenInvalid, UNKNOWN_TOKEN),
            other => other,
        })?;
    // Should the collector be killed between these steps, the machine asks again with the same key and is the same one.
    let issued = sign(api, enrolled.machine, &wanted).await?;
    tracing::info!(machine = %enrolled.machine, school = %token.school(), %address, quarantined = enrolled.quarantined,
        "a machine enrolled");
    Ok(EnrolAnswer {
        machine: enrolled.machine,
        certificate: issued.pem,
        authority: api.authority.certificate_pem(),
        not_before_ms: issued.not_before.as_millisecond(),
        not_after_ms: issued.not_after.as_millisecond(),
        quarantined: enrolled.quarantined,
        now_ms: api.clock.now().as_millisecond(),
    })
}

/// Answers a renewal. The certificate that was shown stays valid until its end.
pub(super) async fn renew(api: &Api, peer: &Peer, request: Request<Incoming>) -> Answer {
    if let Some(wait) = api.renewed.wait(&peer.machine, Instant::now()) {
        let text = "this machine asked for too many certificates; it keeps the one it has";
        return refuse_until(refusal(ErrorCode::TooMany, text), seconds(wait));
    }
    api.renewed.count(peer.machine, Instant::now());
    match next_certificate(api, peer, request).await {
        Ok(answer) => good(&answer),
        Err(refused) => refuse(refused),
    }
}

async fn next_certificate(api: &Api, peer: &Peer, request: Request<Incoming>) -> Result<RenewAnswer, Refusal> {
    let (parts, incoming) = request.into_parts();
    let received = body::read(&parts.headers, incoming, BODY_MAX, &api.memory).await?;
    let (message, _memory) = received.message::<RenewRequest>().await?;
    let machine = api.store.authorise(peer, api.clock.now()).await.map_err(|error| of_store(error, "renew"))?;
    let issued = sign(api, machine, &wanted(&message.certificate_request)?).await?;
    tracing::info!(%machine, "a machine renewed its certificate");
    Ok(RenewAnswer {
        certificate: issued.pem,
        not_before_ms: issued.not_before.as_millisecond(),
        not_after_ms: issued.not_after.as_millisecond(),
    })
}

fn wanted(pem: &str) -> Result<CertificateRequest, Refusal> {
    CertificateRequest::from_pem(pem).map_err(|error| refusal(ErrorCode::RequestInvalid, error.to_string()))
}

/// Signs, and keeps what was signed before it is given away: a certificate that the store does not know is refused.
async fn sign(api: &Api, machine: MachineId, wanted: &CertificateRequest) -> Result<IssuedCertificate, Refusal> {
    let issued = api.authority.issue_machine(machine, wanted, api.clock.now()).map_err(|error| {
        tracing::error!(%error, %machine, "a certificate could not be signed");
        refusal(ErrorCode::Internal, "the collector could not sign the certificate; try again later")
    })?;
    let certificate = NewCertificate {
        machine,
        serial: issued.serial.clone(),
        key_sha256: wanted.key_sha256(),
        not_before: issued.not_before,
        not_after: issued.not_after,
    };
    api.store.add_certificate(certificate).await.map_err(|error| of_store(error, "add_certificate"))?;
    Ok(issued)
}

fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Shown to people: no control characters, no more than a name can hold.
fn host_name(given: &str) -> String {
    let name: String = given.trim().chars().filter(|c| !c.is_control()).take(HOST_NAME_MAX).collect();
    if name.is_empty() { "?".to_owned() } else { name }
}

fn kind(given: Option<&str>) -> String {
    KINDS.into_iter().find(|kind| Some(*kind) == given).unwrap_or("workstation").to_owned()
}

fn bounded(mut hardware: HardwareEvidence) -> HardwareEvidence {
    let short = |value: Option<String>| value.map(|v| v.chars().take(128).collect());
    hardware.system_uuid = short(hardware.system_uuid);
    hardware.system_serial = short(hardware.system_serial);
    hardware.board_serial = short(hardware.board_serial);
    for set in [&mut hardware.disks, &mut hardware.macs] {
        *set = std::mem::take(set).into_iter().map(|v| v.chars().take(128).collect()).take(EVIDENCE_MAX).collect();
    }
    hardware
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_evidence_are_bounded_and_plain() {
        assert_eq!(host_name(" salle-12\u{7}\n "), "salle-12");
        assert_eq!(host_name("\u{1}"), "?");
        assert_eq!(host_name(&"x".repeat(1000)).len(), HOST_NAME_MAX);
        assert_eq!(kind(Some("nomade")), "nomade");
        assert_eq!(kind(Some("toaster")), "workstation");
        let disks = (0..1000).map(|n| format!("disk {n}")).collect();
        let hardware = HardwareEvidence { disks, board_serial: Some("é".repeat(500)), ..Default::default() };
        let kept = bounded(hardware);
        assert_eq!((kept.disks.len(), kept.board_serial.unwrap().chars().count()), (EVIDENCE_MAX, 128));
    }
}
