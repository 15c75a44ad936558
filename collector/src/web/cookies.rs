//! Cookies: reading one, writing one.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};

/// The value of a cookie, if it is sent exactly once with a plain value.
pub fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(key, value)| (key == name).then_some(value));
    let value = found.next()?;
    // Two cookies of one name come from two places; which one is ours cannot be told.
    found.next().is_none().then_some(value)
}

/// A cookie that scripts cannot read, of this host and all its paths. `max_age_s` 0 takes it away.
pub fn set(name: &str, value: &str, max_age_s: i64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_set_twice_is_nobodys() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=1; b=2; a=3".parse().unwrap());
        assert_eq!(get(&headers, "b"), Some("2"));
        assert_eq!(get(&headers, "a"), None);
        assert_eq!(get(&headers, "c"), None);
    }
}
