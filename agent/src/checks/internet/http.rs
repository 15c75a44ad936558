//! Pages outside, fetched in clear to notice who answers in their place: portals, filters, block pages.
//!
//! Plain HTTP/1.1 GET; no redirects are followed: an unexpected one is the finding.

use super::step::{Failure, Step};
use super::tcp;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;
use vigie_shared::policy::HttpTarget;

/// Most of a page that is read, bytes.
const PAGE_MAX: usize = 64 << 10;
/// Largest head of an answer, bytes.
const HEAD_MAX: usize = 16 << 10;

/// Host and port of the page, when its address is one.
pub fn host(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let plain = uri.scheme_str() == Some("http");
    let host = uri.host().filter(|host| plain && !host.is_empty())?.to_owned();
    Some((host, uri.port_u16().unwrap_or(80)))
}

/// Fetches the page from these addresses and compares. `patience` is for the connection, and again for the page.
pub async fn fetch(target: &HttpTarget, addresses: &[IpAddr], port: u16, patience: Duration) -> Step {
    let begun = Instant::now();
    let answer = async {
        let stream = tcp::connect(addresses, port, patience).await?;
        match tokio::time::timeout(patience, talk(target, TokioIo::new(stream))).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Silent),
        }
    };
    match answer.await {
        Ok(()) => Step::ok(&target.url, target.status.to_string()),
        Err(failure) => Step::failed(&target.url, failure),
    }
    .took(begun.elapsed())
}

async fn talk(target: &HttpTarget, io: TokioIo<tokio::net::TcpStream>) -> Result<(), Failure> {
    let request = request(&target.url).map_err(Failure::Refused)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_MAX);
    let (mut sender, connection) = builder.handshake(io).await.map_err(|error| told(&error))?;
    // The connection moves the bytes; when it ends first, what was read is still on its way to the reader.
    let connection = async {
        let _ended = connection.await;
        std::future::pending::<Infallible>().await
    };
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| told(&error))?;
        compare(target, response).await
    };
    tokio::select! {
        answer = exchange => answer,
        never = connection => match never {},
    }
}

fn request(url: &str) -> Result<Request<Empty<Bytes>>, String> {
    let uri: Uri = url.parse().map_err(|_| format!("« {url} » is not an address"))?;
    let authority = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(HOST, authority)
        .header(USER_AGENT, "vigie")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| error.to_string())
}

/// Whether this is the true page.
async fn compare(target: &HttpTarget, response: Response<Incoming>) -> Result<(), Failure> {
    let status = response.status().as_u16();
    if status != target.status {
        // A proxy that lost its own way out says so; it does not pretend to be the page.
        return Err(match status {
            502..=504 => Failure::Refused(format!("{status} from a proxy or the server")),
            _ => Failure::Wrong(format!("{status} instead of {}{}", target.status, redirect(&response))),
        });
    }
    if target.contains.is_empty() {
        return Ok(());
    }
    let page = read(response.into_body()).await?;
    let found = page.windows(target.contains.len()).any(|part| part == target.contains.as_bytes());
    if found { Ok(()) } else { Err(Failure::Wrong(format!("{status}, but not the text of the page"))) }
}

/// Where a redirect leads: the host only, the rest may be personal.
fn redirect(response: &Response<Incoming>) -> String {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let uri = location.and_then(|text| text.parse::<Uri>().ok());
    uri.and_then(|uri| uri.host().map(|host| format!(", sent to {host}"))).unwrap_or_default()
}

/// The first [`PAGE_MAX`] bytes of a page.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| told(&error))?;
        if let Some(data) = frame.data_ref() {
            page.extend_from_slice(data.get(..data.len().min(PAGE_MAX - page.len())).unwrap_or_default());
        }
        if page.len() >= PAGE_MAX {
            break;
        }
    }
    Ok(page)
}

fn told(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        Failure::Wrong("not HTTP".to_owned())
    } else {
        Failure::Refused("closed without an answer".to_owned())
    }
}
