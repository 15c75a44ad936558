//! Answers of the machines' doors: small JSON, `content-length` and nothing else a quiet heartbeat would pay for.

use crate::store::StoreError;
use axum::body::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use vigie_shared::error::{ErrorBody, ErrorCode, Refusal};

/// An answer whose body is whole.
pub type Answer = Response<Full<Bytes>>;

/// When to try again if nothing better is known, seconds.
const LATER_S: u32 = 15;

/// A refusal with its code and message.
pub fn refusal(code: ErrorCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

/// The HTTP status of a code, as [`ErrorCode`] documents it.
pub fn status(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::CertificateMissing | ErrorCode::SignInNeeded => StatusCode::UNAUTHORIZED,
        ErrorCode::CertificateExpired
        | ErrorCode::CertificateRevoked
        | ErrorCode::MachineUnknown
        | ErrorCode::TokenInvalid
        | ErrorCode::TokenExpired
        | ErrorCode::TokenExhausted
        | ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::MachineDeleted => StatusCode::GONE,
        ErrorCode::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::BodyInvalid
        | ErrorCode::BodyTooDeep
        | ErrorCode::BodyNotZstd
        | ErrorCode::SequenceInvalid
        | ErrorCode::RequestInvalid => StatusCode::BAD_REQUEST,
        ErrorCode::SchemaUnsupported => StatusCode::UPGRADE_REQUIRED,
        ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A good answer.
pub fn good(body: &impl Serialize) -> Answer {
    match serde_json::to_vec(body) {
        Ok(bytes) => Response::new(Full::new(Bytes::from(bytes))),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            refuse(refusal(ErrorCode::Internal, "the collector could not write its answer; try again later"))
        }
    }
}

/// An answer that refuses; one that refuses for now says when to try again.
pub fn refuse(refusal: Refusal) -> Answer {
    let status = status(&refusal.code);
    let later = matches!(refusal.code, ErrorCode::Overloaded | ErrorCode::TooMany);
    // Cannot fail: two short texts.
    let bytes = serde_json::to_vec(&ErrorBody { error: refusal }).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if later {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(LATER_S));
    }
    answer
}

/// An answer that refuses for so many seconds.
pub fn refuse_until(refusal: Refusal, seconds: u32) -> Answer {
    let mut answer = refuse(refusal);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// The answer to a call that the store failed on. When its database is away this collector also closes the connection,
/// so that the agent comes back through the balancer, to one that has it.
pub fn refuse_of_store(error: StoreError, during: &'static str) -> Answer {
    let away = matches!(error, StoreError::Away(_));
    let mut answer = refuse(of_store(error, during));
    if away {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// The refusal that an agent is told for an error of the store. What is internal is logged, not told.
pub fn of_store(error: StoreError, during: &'static str) -> Refusal {
    match error {
        StoreError::Refused(refusal) => refusal,
        StoreError::Away(_) | StoreError::Contended(_) => {
            tracing::error!(%error, during, "the database did not keep this; the agent keeps what it sent and tries again");
            refusal(
                ErrorCode::Overloaded,
                "the collector's database does not answer; nothing was lost, try again later",
            )
        }
        other => {
            tracing::error!(error = %other, during, "the store failed; the agent keeps what it sent and tries again");
            refusal(ErrorCode::Internal, "the collector could not keep this; nothing was lost, try again later")
        }
    }
}
