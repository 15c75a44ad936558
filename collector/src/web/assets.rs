//! Style sheet, script and picture: embedded, addressed by their content, kept by browsers for good.

use super::page::PageError;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use vigie_shared::digest::Digest;

struct Asset {
    name: &'static str,
    kind: &'static str,
    body: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset { name: "vigie.css", kind: "text/css; charset=utf-8", body: include_str!("../../assets/vigie.css") },
    Asset { name: "live.js", kind: "text/javascript; charset=utf-8", body: include_str!("../../assets/live.js") },
    Asset { name: "vigie.svg", kind: "image/svg+xml", body: include_str!("../../assets/vigie.svg") },
];

/// The address of an asset, changed whenever its content is.
pub fn address(name: &str) -> String {
    match ASSETS.iter().find(|a| a.name == name) {
        Some(asset) => format!("/static/{name}?v={}", Digest::of(asset.body.as_bytes())),
        None => String::new(),
    }
}

/// An asset.
pub async fn show(Path(name): Path<String>) -> Result<Response, PageError> {
    let asset = ASSETS.iter().find(|a| a.name == name).ok_or(PageError::NotFound)?;
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.body).into_response())
}
