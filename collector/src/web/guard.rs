//! What stands before every route: who is it, may they, is the form ours, in which language to answer.

use super::access::{self, Need};
use super::lang::Lang;
use super::page::PageError;
use super::session::{self, Visitor};
use super::{Web, sign_in};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;

/// Largest form, bytes.
const FORM_MAX: usize = 16 << 10;
/// Largest form that carries a ticket policy, bytes: its text, most characters of which may be escaped.
const POLICY_FORM_MAX: usize = 3 * crate::helpdesk::ticket_policy::JSON_MAX + FORM_MAX;
/// Name of the field that carries the token against request forgery.
pub const CSRF_FIELD: &str = "csrf";
/// Name of the header that carries it where a program sends something else than a form.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// A request as handlers see it.
#[derive(Clone)]
pub struct Ask {
    /// Language of the answer.
    pub lang: Lang,
    /// Who asks, if signed in.
    pub who: Option<Visitor>,
    /// Path and query.
    pub path: String,
    /// When.
    pub now: Timestamp,
    /// Fields of the form, for a POST whose token was right.
    pub form: Arc<Vec<(String, String)>>,
}

impl Ask {
    /// A field of the form; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The login of who asks, for histories.
    pub fn login(&self) -> &str {
        self.who.as_ref().map(|w| w.login.as_str()).unwrap_or_default()
    }
}

/// The guard of one route.
pub async fn guard(State((web, need)): State<(Web, Need)>, request: Request, next: Next) -> Response {
    let mut ask = Ask {
        lang: Lang::of(request.headers()),
        who: None,
        path: request.uri().path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default(),
        now: web.context.clock.now(),
        form: Arc::default(),
    };
    let answer = match admit(&web, need, &mut ask, request).await {
        Ok(mut request) => {
            request.extensions_mut().insert(ask.clone());
            next.run(request).await
        }
        Err(Turned::Away(response)) => response,
        Err(Turned::Down(error)) => error.into_response(),
    };
    match answer.extensions().get::<PageError>() {
        Some(error) => error.page(&ask),
        None => answer,
    }
}

/// Why a request does not reach its handler.
enum Turned {
    /// Led elsewhere.
    Away(Response),
    /// Refused with a page.
    Down(PageError),
}

async fn admit(web: &Web, need: Need, ask: &mut Ask, request: Request) -> Result<Request, Turned> {
    if need != Need::Nothing {
        ask.who = session::visitor(&web.context, request.headers()).await.map_err(|e| Turned::Down(e.into()))?;
    }
    let allowed = match (&ask.who, need) {
        (Some(visitor), _) => access::allows(visitor.role, need),
        (None, Need::Nothing | Need::SignIn) => true,
        (None, Need::Metrics) => is_local(&request),
        (None, _) => false,
    };
    if !allowed {
        return Err(match (&ask.who, need) {
            (Some(_), _) => Turned::Down(PageError::Forbidden),
            (None, need) if need.is_for_programs() => Turned::Down(PageError::SignInNeeded),
            (None, _) => Turned::Away(to_sign_in(request.method(), &ask.path)),
        });
    }
    match *request.method() {
        Method::GET | Method::HEAD => return Ok(request),
        Method::POST if !need.is_for_programs() => {}
        // What a program sends: the body is its handler's to read, the token comes in a header.
        _ => {
            let header = request.headers().get(CSRF_HEADER).and_then(|v| v.to_str().ok()).unwrap_or_default();
            let ours = ask.who.as_ref().is_some_and(|visitor| session::same(&visitor.csrf, header));
            return if ours { Ok(request) } else { Err(Turned::Down(PageError::Forged)) };
        }
    }
    let expected = match (&ask.who, need) {
        (_, Need::SignIn) => session::sign_in_token(&web.context, request.headers()).map(str::to_owned),
        (Some(visitor), _) => Some(visitor.csrf.clone()),
        (None, _) => None,
    };
    let (parts, body) = request.into_parts();
    let most = if matches!(need, Need::TicketPolicy | Need::SoftwarePolicy) { POLICY_FORM_MAX } else { FORM_MAX };
    ask.form = Arc::new(read_form(&parts.headers, body, most).await.map_err(Turned::Down)?);
    match expected {
        Some(token) if session::same(&token, ask.field(CSRF_FIELD)) => Ok(Request::from_parts(parts, Body::empty())),
        _ => Err(Turned::Down(PageError::Forged)),
    }
}

async fn read_form(headers: &HeaderMap, body: Body, most: usize) -> Result<Vec<(String, String)>, PageError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(PageError::Forged);
    }
    let bytes = axum::body::to_bytes(body, most).await.map_err(|_| PageError::TooLarge)?;
    let form = axum::http::Request::post("/")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(bytes))
        .map_err(|_| PageError::BadForm)?;
    let form = <axum::Form<Vec<(String, String)>> as axum::extract::FromRequest<()>>::from_request(form, &()).await;
    form.map(|axum::Form(fields)| fields).map_err(|_| PageError::BadForm)
}

/// To the sign-in page, and back to a page that was only looked at.
fn to_sign_in(method: &Method, path: &str) -> Response {
    let to = if method == Method::GET && path != "/" {
        format!("{}?suite={}", sign_in::PATH, super::page::encode(path))
    } else {
        sign_in::PATH.to_owned()
    };
    Redirect::to(&to).into_response()
}

/// Whether the caller is this very host and no proxy speaks for somebody else.
fn is_local(request: &Request) -> bool {
    let loopback =
        request.extensions().get::<ConnectInfo<SocketAddr>>().is_some_and(|ConnectInfo(peer)| peer.ip().is_loopback());
    loopback && !["forwarded", "x-forwarded-for", "via"].iter().any(|name| request.headers().contains_key(*name))
}

/// The headers of every answer.
pub async fn protect(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    put(
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    put("x-content-type-options", "nosniff");
    put("x-frame-options", "DENY");
    put("referrer-policy", "same-origin");
    put("cross-origin-opener-policy", "same-origin");
    put("cross-origin-resource-policy", "same-origin");
    put("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    if web.context.secure_cookies {
        put("strict-transport-security", "max-age=31536000");
    }
    // A page shown after sign-out by the button "back" would still tell the state of the fleet.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// What answers a path that no route has.
pub async fn nowhere() -> Response {
    PageError::NotFound.into_response()
}

/// What answers a method that a path does not take.
pub async fn not_that_way() -> Response {
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}
