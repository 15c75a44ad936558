//! The error body of every door: `{"error":{"code":"…","message":"…"}}` with an HTTP status.
//!
//! Codes are stable: programs decide on the code, people read the message.

use crate::open_enum::open_enum;
use serde::{Deserialize, Serialize};

open_enum!(
    /// Stable codes of refusals.
    ErrorCode {
        /// 401: no client certificate was presented.
        CertificateMissing => "certificate_missing",
        /// 403: the certificate is past its end date; enrol again.
        CertificateExpired => "certificate_expired",
        /// 403: the certificate or its machine was revoked by a person.
        CertificateRevoked => "certificate_revoked",
        /// 403: the certificate is ours but its machine was never known or belongs to another.
        MachineUnknown => "machine_unknown",
        /// 410: the machine was deleted; the agent may enrol again.
        MachineDeleted => "machine_deleted",
        /// 403: the enrolment token is unknown, altered, or made for another school.
        TokenInvalid => "token_invalid",
        /// 403: the enrolment token is past its end date.
        TokenExpired => "token_expired",
        /// 403: the enrolment token has no uses left.
        TokenExhausted => "token_exhausted",
        /// 400: the body is not JSON, or a field has the wrong type; the message names the field.
        BodyInvalid => "body_invalid",
        /// 413: the body is larger than its bound.
        BodyTooLarge => "body_too_large",
        /// 400: the JSON nests deeper than its bound.
        BodyTooDeep => "body_too_deep",
        /// 400: the body is announced as zstd and is not, or wants a larger window than allowed.
        BodyNotZstd => "body_not_zstd",
        /// 426: the schema is older or newer than what this collector reads; events are kept by the agent.
        SchemaUnsupported => "schema_unsupported",
        /// 400: event numbers contradict each other; the message says how.
        SequenceInvalid => "sequence_invalid",
        /// 400: the certificate request is not readable or not signed by its own key.
        RequestInvalid => "certificate_request_invalid",
        /// 503: the queue is full; try again after the header Retry-After.
        Overloaded => "overloaded",
        /// 429: too many attempts.
        TooMany => "too_many_requests",
        /// 404: no such route on this door.
        NotFound => "not_found",
        /// 500: the collector failed; the agent keeps its events.
        Internal => "internal",
        /// 403: the caller may not do this.
        Forbidden => "forbidden",
        /// 401: nobody is signed in.
        SignInNeeded => "sign_in_needed",
    }
);

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable code.
    pub code: ErrorCode,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// The body of an answer that refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The refusal.
    pub error: Refusal,
}
