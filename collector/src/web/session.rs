//! Sessions: 32 random bytes in a cookie, their SHA-256 in the store, 12 hours at most.

use super::{Context, cookies};
use crate::store::{NewSession, Role, StoreError};
use axum::http::{HeaderMap, HeaderValue};
use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use ring::rand::{SecureRandom, SystemRandom};

/// How long a session lasts whatever happens: a working day.
pub const LIFE_S: i64 = 12 * 3600;
/// How long a sign-in page may stay open before its form is refused.
pub const SIGN_IN_PAGE_LIFE_S: i64 = 3600;

/// Somebody signed in.
#[derive(Clone)]
pub struct Visitor {
    /// Login.
    pub login: String,
    /// Role at the time of this request.
    pub role: Role,
    /// Token that forms carry.
    pub csrf: String,
    /// What the store knows the session by.
    pub secret_sha256: [u8; 32],
}

/// Names of the cookies. The prefix `__Host-` makes browsers refuse them from elsewhere; it demands TLS.
fn name(context: &Context, plain: &'static str, host: &'static str) -> &'static str {
    if context.secure_cookies { host } else { plain }
}

fn session_cookie(context: &Context) -> &'static str {
    name(context, "vigie", "__Host-vigie")
}

fn sign_in_cookie(context: &Context) -> &'static str {
    name(context, "vigie-avant", "__Host-vigie-avant")
}

/// 32 random bytes as 43 characters.
pub fn random_token() -> Result<String, StoreError> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Failed("the system gives no random bytes".to_owned()))?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

fn sha256(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}

/// Whether two tokens are the same, in a time that does not tell where they differ.
pub fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && sha256(one).iter().zip(sha256(other)).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Who sent these headers, if a session in force says so.
pub async fn visitor(context: &Context, headers: &HeaderMap) -> Result<Option<Visitor>, StoreError> {
    let Some(secret_sha256) = secret_of(context, headers) else { return Ok(None) };
    let session = context.store.session(&secret_sha256, context.clock.now()).await?;
    Ok(session.map(|s| Visitor { login: s.login, role: s.role, csrf: s.csrf, secret_sha256 }))
}

/// What the store knows the session of these headers by, whether it is in force or not.
pub fn secret_of(context: &Context, headers: &HeaderMap) -> Option<[u8; 32]> {
    let secret = cookies::get(headers, session_cookie(context))?;
    (secret.len() == 43).then(|| sha256(secret))
}

/// Begins a session and answers its cookie.
pub async fn begin(context: &Context, login: &str) -> Result<Option<HeaderValue>, StoreError> {
    let (secret, created) = (random_token()?, context.clock.now());
    let expires = created.checked_add(SignedDuration::from_secs(LIFE_S)).unwrap_or(created);
    let session =
        NewSession { secret_sha256: sha256(&secret), login: login.to_owned(), csrf: random_token()?, created, expires };
    context.store.create_session(session).await?;
    Ok(cookies::set(session_cookie(context), &secret, LIFE_S, context.secure_cookies))
}

/// The cookie that takes a session away from the browser.
pub fn gone(context: &Context) -> Option<HeaderValue> {
    cookies::set(session_cookie(context), "", 0, context.secure_cookies)
}

/// The token of the sign-in page that the browser holds.
pub fn sign_in_token<'a>(context: &Context, headers: &'a HeaderMap) -> Option<&'a str> {
    cookies::get(headers, sign_in_cookie(context)).filter(|token| token.len() == 43)
}

/// The cookie with the token of the sign-in page; the form carries the same.
pub fn keep_sign_in_token(context: &Context, token: &str) -> Option<HeaderValue> {
    cookies::set(sign_in_cookie(context), token, SIGN_IN_PAGE_LIFE_S, context.secure_cookies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, other) = (random_token().unwrap(), random_token().unwrap());
        assert_eq!(one.len(), 43);
        assert!(!same(&one, &other) && same(&one, &one.clone()));
        assert!(!same("", ""), "a missing token is never right");
    }
}
