//! Pages outside, fetched in clear to notice who answers in their place: portals, filters, block pages.
//!
//! Plain HTTP/1.1 GET; no redirects are followed: an unexpected one is the finding.

use super::portal::{self, Redirect};
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

/// Whether this is the true page, and if not, who answers.
async fn compare(target: &HttpTarget, response: Response<Incoming>) -> Result<(), Failure> {
    let status = response.status().as_u16();
    let host = host(&target.url).map(|(host, _)| host).unwrap_or_default();
    let mut seen = if status == target.status {
        format!("{status}, but not the text of the page")
    } else {
        format!("{status} instead of {}", target.status)
    };
    if status != target.status {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let redirect = location.filter(|_| response.status().is_redirection());
        match (status, redirect.map(|location| portal::redirect(&host, location))) {
            (portal::SIGN_IN_WANTED, _) => return Err(Failure::Portal(seen)),
            // A proxy that lost its own way out says so; it does not pretend to be the page.
            (502..=504, _) => return Err(Failure::Refused(format!("{status} from a proxy or the server"))),
            (_, Some(Redirect::Elsewhere(to))) => return Err(Failure::Portal(format!("{seen}, sent to {to}"))),
            (_, Some(Redirect::Block(to))) => return Err(Failure::Wrong(format!("{seen}, sent to {to}"))),
            (_, Some(Redirect::Home)) => return Err(Failure::Wrong(seen)),
            (_, None) => {}
        }
    } else if target.contains.is_empty() {
        return Ok(());
    }
    let page = match read(response.into_body()).await {
        Ok(page) => page,
        Err(failure) if status == target.status => return Err(failure),
        Err(_) => vec![],
    };
    let found = page.windows(target.contains.len().max(1)).any(|part| part == target.contains.as_bytes());
    if found && status == target.status {
        return Ok(());
    }
    if portal::wants_sign_in(&host, &page) {
        seen.push_str(", a page to sign in on");
        return Err(Failure::Portal(seen));
    }
    Err(Failure::Wrong(seen))
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A server on loopback that says these bytes to whoever asks, and what it was asked.
    async fn server(says: impl Into<Vec<u8>>) -> (u16, tokio::task::JoinHandle<String>) {
        let says = says.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0u8; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            // Who is asked for too much may hang up before the end.
            let _ = stream.write_all(&says).await;
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (port, task)
    }

    fn target(port: u16) -> HttpTarget {
        HttpTarget { url: format!("http://www.a.example:{port}/ok?x=1"), status: 200, contains: "success".into() }
    }

    async fn fetched(says: impl Into<Vec<u8>>) -> Step {
        let (port, _server) = server(says).await;
        fetch(&target(port), &["127.0.0.1".parse().unwrap()], port, PATIENCE).await
    }

    #[tokio::test]
    async fn the_true_page_is_ok_and_is_asked_for_by_name() {
        let (port, server) = server("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n").await;
        let step = fetch(&target(port), &["127.0.0.1".parse().unwrap()], port, PATIENCE).await;
        assert!(step.is_ok(), "{step:?}");
        let asked = server.await.unwrap().to_lowercase();
        assert!(asked.starts_with("get /ok?x=1 http/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: www.a.example:{port}\r\n")), "{asked}");
    }

    #[tokio::test]
    async fn a_portal_that_redirects_is_known_and_only_its_host_is_told() {
        let step = fetched(
            "HTTP/1.1 302 Found\r\nLocation: http://portal.example/login?user=somebody\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        assert_eq!(step.failure(), Some(&Failure::Portal("302 instead of 200, sent to portal.example".into())));
    }

    #[tokio::test]
    async fn a_network_that_wants_a_sign_in_says_so_by_its_status_or_its_page() {
        let step = fetched("HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(step.failure(), Some(&Failure::Portal("511 instead of 200".into())));
        let page = "<form><input type=\"password\"></form>";
        for status in ["200 OK", "403 Forbidden"] {
            let step = fetched(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{page}", page.len())).await;
            assert!(matches!(step.failure(), Some(Failure::Portal(_))), "{status}: {step:?}");
        }
    }

    #[tokio::test]
    async fn a_filter_that_sends_to_its_block_page_is_no_portal() {
        let step =
            fetched("HTTP/1.1 302 Found\r\nLocation: http://proxy.example/blocked.cgi\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(step.await.failure(), Some(&Failure::Wrong("302 instead of 200, sent to proxy.example".into())));
    }

    #[tokio::test]
    async fn a_block_page_with_the_right_status_is_a_wrong_answer() {
        let step = fetched("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nblocked").await;
        assert_eq!(step.failure(), Some(&Failure::Wrong("200, but not the text of the page".into())));
    }

    #[tokio::test]
    async fn a_proxy_without_a_way_out_is_no_portal() {
        let step = fetched("HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n").await;
        assert!(matches!(step.failure(), Some(Failure::Refused(why)) if why.starts_with("504")), "{step:?}");
    }

    #[tokio::test]
    async fn a_page_without_end_is_read_up_to_the_bound() {
        let mut says = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n".to_vec();
        says.extend(std::iter::repeat_n(b'x', 4 << 20));
        says.extend(b"success");
        let step = fetched(says).await;
        assert_eq!(step.failure(), Some(&Failure::Wrong("200, but not the text of the page".into())));
    }

    #[tokio::test]
    async fn a_head_without_end_and_what_is_not_http_are_wrong_answers() {
        let mut endless = b"HTTP/1.1 200 OK\r\n".to_vec();
        endless.extend(b"x-filler: 0123456789\r\n".repeat(20_000));
        assert!(fetched(endless).await.is_wrong());
        assert!(fetched("SSH-2.0-OpenSSH_9.2\r\n\r\n").await.is_wrong());
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_refuses_and_one_that_waits_is_silent() {
        let step = fetched("").await;
        assert_eq!(step.failure(), Some(&Failure::Refused("closed without an answer".into())));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let step = fetch(&target(port), &["127.0.0.1".parse().unwrap()], port, Duration::from_millis(100)).await;
        assert_eq!(step.failure(), Some(&Failure::Silent));
    }

    #[test]
    fn only_plain_pages_have_a_host() {
        assert_eq!(host("http://a.example/x"), Some(("a.example".into(), 80)));
        assert_eq!(host("http://a.example:8080"), Some(("a.example".into(), 8080)));
        assert_eq!(host("http://[2001:db8::7]:81/"), Some(("[2001:db8::7]".into(), 81)));
        assert_eq!(host("https://a.example/"), None);
        assert_eq!(host("file:///etc/passwd"), None);
    }
}
