//! What all pages share: the frame around them, their errors, ways to other pages.

use super::guard::Ask;
use super::lang::Lang;
use super::{assets, words};
use crate::store::{Role, StoreError};
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use vigie_shared::error::ErrorCode;

/// The frame of a page.
pub struct Shell {
    /// Language.
    pub lang: Lang,
    /// Title of the window, without the name of the program.
    pub title: String,
    /// Which entry of the navigation is this page: `fleet`, `tickets`, `quarantine`, or empty.
    pub active: &'static str,
    /// Login of who looks, and the key of the role's word.
    pub user: Option<(String, &'static str)>,
    /// Token that forms carry.
    pub csrf: String,
    /// Path and query of this page.
    pub path: String,
    /// When it was made, in words.
    pub made: String,
    /// Text of the search box.
    pub query: String,
}

impl Shell {
    /// The frame for an answer to `ask`.
    pub fn new(ask: &Ask, title: String, active: &'static str) -> Self {
        let user = ask.who.as_ref().map(|w| (w.login.clone(), role_key(w.role)));
        Self {
            lang: ask.lang,
            title,
            active,
            user,
            csrf: ask.who.as_ref().map(|w| w.csrf.clone()).unwrap_or_default(),
            path: ask.path.clone(),
            made: words::full(ask.lang, ask.now, ask.now),
            query: String::new(),
        }
    }

    /// A message.
    pub fn say(&self, key: &str) -> String {
        self.lang.say(key)
    }

    /// Address of an asset, changed whenever its content is.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// When this page was made, for those who have no script.
    pub fn page_of(&self) -> String {
        self.lang.tell("footer-page-of", &[("moment", self.made.as_str().into())])
    }

    /// Where the switch of languages leads.
    pub fn switch(&self) -> String {
        format!("/langue/{}?retour={}", self.lang.other().code(), encode(&self.path))
    }
}

fn role_key(role: Role) -> &'static str {
    match role {
        Role::Supervisor => "role-supervisor",
        Role::Technician => "role-technician",
    }
}

/// A rendered page.
pub fn html<T: Template>(template: &T) -> Result<Response, PageError> {
    let body = template.render().map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        PageError::Failed
    })?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response())
}

/// An answer for programs.
pub fn json<T: serde::Serialize>(body: &T) -> Result<Response, PageError> {
    let text = serde_json::to_string(body).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as text");
        PageError::Failed
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageError {
    /// No such page, or no such school, machine, ticket.
    NotFound,
    /// Not with this role.
    Forbidden,
    /// Nobody is signed in, on a route for programs.
    SignInNeeded,
    /// The form does not carry our token.
    Forged,
    /// The form is larger than its bound.
    TooLarge,
    /// The form cannot be read.
    BadForm,
    /// Too many at once.
    Busy,
    /// The store or the program failed; the log says why.
    Failed,
}

impl PageError {
    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::Forged => StatusCode::FORBIDDEN,
            Self::SignInNeeded => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code, as programs and message keys know it.
    fn code(self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::NotFound,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::SignInNeeded => ErrorCode::SignInNeeded,
            Self::Forged => ErrorCode::from("form_expired"),
            Self::TooLarge => ErrorCode::BodyTooLarge,
            Self::BadForm => ErrorCode::BodyInvalid,
            Self::Busy => ErrorCode::Overloaded,
            Self::Failed => ErrorCode::Internal,
        }
    }

    /// The page that says so.
    pub fn page(self, ask: &Ask) -> Response {
        let key = self.code().as_str().replace('_', "-");
        let title = ask.lang.say(&format!("error-{key}"));
        let advice = ask.lang.say(&format!("error-{key}-advice"));
        let template = ErrorTemplate { s: Shell::new(ask, title, ""), advice };
        let mut response = html(&template).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
        *response.status_mut() = self.status();
        response
    }
}

/// A bare answer that the guard replaces by the page.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::Refused(_) | StoreError::Conflict(_) => Self::BadForm,
            StoreError::Failed(_) | StoreError::Away(_) | StoreError::Contended(_) => {
                tracing::error!(%error, "a page could not be read from the store");
                Self::Failed
            }
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorTemplate {
    s: Shell,
    advice: String,
}

/// Text as one value of a query (RFC 3986: all but unreserved characters escaped).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The path if it leads to a page of ours, else the first page: nobody is sent elsewhere after a sign-in.
pub fn own_path(path: &str) -> &str {
    let inside = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 512
        && !path.contains('\\')
        && path.bytes().all(|b| (0x21..0x7f).contains(&b));
    if inside { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_followed() {
        for good in ["/", "/tickets/0123?x=1", "/postes/ab?q=lib%20office"] {
            assert_eq!(own_path(good), good);
        }
        for bad in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil", "javascript:alert(1)", "/é"]
        {
            assert_eq!(own_path(bad), "/", "{bad}");
        }
    }

    #[test]
    fn a_query_value_stays_one_value() {
        assert_eq!(encode("/tickets?a=1&b=é#x"), "/tickets%3Fa%3D1%26b%3D%C3%A9%23x");
    }
}
