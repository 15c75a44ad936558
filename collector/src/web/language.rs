//! The switch of languages.

use super::Web;
use super::cookies;
use super::lang::{COOKIE, Lang};
use super::page::{PageError, own_path};
use axum::extract::{Path, Query, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// How long the choice is kept, seconds: a year.
const LIFE_S: i64 = 365 * 86_400;

/// Where to go back to.
#[derive(Deserialize)]
pub struct Back {
    #[serde(default)]
    retour: String,
}

/// Keeps the language and goes back. A preference of the browser, not a change of the fleet: a plain link will do.
pub async fn choose(
    State(web): State<Web>,
    Path(code): Path<String>,
    Query(back): Query<Back>,
) -> Result<Response, PageError> {
    let lang = Lang::parse(&code).ok_or(PageError::NotFound)?;
    let mut response = Redirect::to(own_path(&back.retour)).into_response();
    if let Some(cookie) = cookies::set(COOKIE, lang.code(), LIFE_S, web.context.secure_cookies) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
