//! Signing in and out. An unknown login and a wrong password get the same answer in the same time; an account takes
//! five wrong tries in a quarter of an hour, then has to wait.

use super::guard::Ask;
use super::page::{PageError, Shell, html, own_path};
use super::{Web, session};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;
use serde::Deserialize;

/// Path of the page.
pub const PATH: &str = "/connexion";
/// Wrong tries an account takes within [`WINDOW`].
const TRIES: u32 = 5;
/// The time in which they count, and the wait after them.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Longest login, bytes.
const LOGIN_MAX: usize = 64;

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    suite: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInTemplate {
    s: Shell,
    next: String,
    login: String,
    token: String,
    problem: Option<String>,
    no_users: bool,
}

/// The form.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    headers: HeaderMap,
    Query(next): Query<Next>,
) -> Result<Response, PageError> {
    if ask.who.is_some() {
        return Ok(Redirect::to(own_path(&next.suite)).into_response());
    }
    form(&web, &ask, &headers, &next.suite, None, StatusCode::OK).await
}

async fn form(
    web: &Web,
    ask: &Ask,
    headers: &HeaderMap,
    next: &str,
    problem: Option<&str>,
    status: StatusCode,
) -> Result<Response, PageError> {
    let held = session::sign_in_token(&web.context, headers);
    let token = match held {
        Some(token) => token.to_owned(),
        None => session::random_token()?,
    };
    let template = SignInTemplate {
        s: Shell::new(ask, ask.lang.say("sign-in-title"), ""),
        next: own_path(next).to_owned(),
        login: ask.field("login").chars().take(LOGIN_MAX).collect(),
        token: token.clone(),
        problem: problem.map(|key| ask.lang.say(key)),
        no_users: !web.context.store.has_users().await?,
    };
    let mut response = html(&template)?;
    *response.status_mut() = status;
    if let Some(cookie) = session::keep_sign_in_token(&web.context, &token) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The form, filled in.
pub async fn enter(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let next = ask.field("suite").to_owned();
    let outcome = judge(&web, &ask, ask.field("login").trim(), ask.field("password")).await?;
    let refuse = |problem, status| form(&web, &ask, &headers, &next, Some(problem), status);
    let login = match outcome {
        Outcome::Right(login) => login,
        Outcome::Wrong => return refuse("sign-in-wrong", StatusCode::UNAUTHORIZED).await,
        Outcome::TooMany => return refuse("sign-in-too-many", StatusCode::TOO_MANY_REQUESTS).await,
        Outcome::Busy => return refuse("sign-in-busy", StatusCode::SERVICE_UNAVAILABLE).await,
    };
    // Whatever session the browser held ends here: nobody can have planted it.
    if let Some(old) = session::secret_of(&web.context, &headers) {
        web.context.store.end_session(&old).await?;
    }
    let mut response = Redirect::to(own_path(&next)).into_response();
    if let Some(cookie) = session::begin(&web.context, &login).await? {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    tracing::info!(%login, "signed in");
    Ok(response)
}

enum Outcome {
    Right(String),
    Wrong,
    TooMany,
    Busy,
}

async fn judge(web: &Web, ask: &Ask, login: &str, password: &str) -> Result<Outcome, PageError> {
    let store = &web.context.store;
    if login.is_empty() || login.len() > LOGIN_MAX || login.chars().any(char::is_control) {
        // No account has such a login: nothing to count, but the same time to answer.
        return Ok(match web.passwords.verify(password.to_owned(), None).await {
            Ok(_) => Outcome::Wrong,
            Err(_) => Outcome::Busy,
        });
    }
    let since = ask.now.checked_sub(WINDOW).unwrap_or(ask.now);
    if store.failed_sign_ins(login, false, since, ask.now).await? >= TRIES {
        return Ok(Outcome::TooMany);
    }
    // Counted before it is judged, so that tries sent together cannot slip through together; success forgets it.
    if store.failed_sign_ins(login, true, since, ask.now).await? > TRIES {
        return Ok(Outcome::TooMany);
    }
    let user = store.user(login).await?;
    let hash = user.as_ref().map(|u| u.password_hash.clone());
    match (web.passwords.verify(password.to_owned(), hash).await, user) {
        (Ok(true), Some(user)) => {
            store.clear_failed_sign_ins(login).await?;
            Ok(Outcome::Right(user.login))
        }
        (Ok(_), _) => {
            tracing::debug!("a sign-in was refused");
            Ok(Outcome::Wrong)
        }
        (Err(_), _) => Ok(Outcome::Busy),
    }
}

/// Signing out.
pub async fn leave(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    if let Some(visitor) = &ask.who {
        web.context.store.end_session(&visitor.secret_sha256).await?;
    }
    let mut response = Redirect::to(PATH).into_response();
    if let Some(cookie) = session::gone(&web.context) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
