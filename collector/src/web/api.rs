//! What the REST API's answers have in common: JSON, refusals that name fields, the token that a change must carry.

use super::guard::{Ask, CSRF_HEADER};
use super::page::PageError;
use crate::ingest::json_path;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// A field that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the field, such as `pedagogical.hours.monday[0]`; empty is the whole body.
    pub field: String,
    /// What is wrong and what is accepted.
    pub problem: String,
}

impl Problem {
    /// One problem.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.problem) } else { write!(f, "{}: {}", self.field, self.problem) }
    }
}

/// A refusal that names fields.
#[derive(Serialize)]
struct Refused<'a, P> {
    error: RefusedBody<'a, P>,
}

#[derive(Serialize)]
struct RefusedBody<'a, P> {
    code: &'static str,
    message: String,
    problems: &'a [P],
}

/// JSON with this status.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Result<Response, PageError> {
    let text = serde_json::to_string(body).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as text");
        PageError::Failed
    })?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// JSON that is read, with the token that a change must carry in `x-csrf-token`.
pub fn shown<T: Serialize>(ask: &Ask, body: &T) -> Result<Response, PageError> {
    let mut response = json(StatusCode::OK, body)?;
    if let Some(token) = ask.who.as_ref().and_then(|w| w.csrf.parse().ok()) {
        response.headers_mut().insert(CSRF_HEADER, token);
    }
    Ok(response)
}

/// 400 with the fields that are wrong.
pub fn refused<P: Serialize + fmt::Display>(problems: &[P]) -> Result<Response, PageError> {
    told(StatusCode::BAD_REQUEST, "body_invalid", problems)
}

/// 409: well said, but what is stored stands against it.
pub fn conflict(problem: Problem) -> Result<Response, PageError> {
    told(StatusCode::CONFLICT, "conflict", &[problem])
}

fn told<P: Serialize + fmt::Display>(
    status: StatusCode,
    code: &'static str,
    problems: &[P],
) -> Result<Response, PageError> {
    let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    json(status, &Refused { error: RefusedBody { code, message, problems } })
}

/// The whole body, at most so many bytes.
pub async fn body(request: Request, most: usize) -> Result<Vec<u8>, PageError> {
    let bytes = axum::body::to_bytes(request.into_body(), most).await.map_err(|_| PageError::TooLarge)?;
    Ok(bytes.into())
}

/// The same as text.
pub async fn text(request: Request, most: usize) -> Result<String, PageError> {
    String::from_utf8(body(request, most).await?).map_err(|_| PageError::BadForm)
}

/// A body from its text; else the field at which reading stopped.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| {
        // What serde quotes may be anything that was typed.
        let words: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
        Problem::new(json_path::at(text.as_bytes(), error.line(), error.column()), words)
    })
}
