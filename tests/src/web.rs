//! A browser without eyes: signs in on the plain listener as a person does, and reads pages.

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// One browser session.
pub struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

/// A page as received.
#[derive(Debug)]
pub struct Page {
    /// Status.
    pub status: u16,
    /// Where it redirects to, if it does.
    pub location: Option<String>,
    /// Text.
    pub text: String,
}

impl Browser {
    /// A browser that knows nobody yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// The same visitor, with the same cookies, at another collector.
    pub fn elsewhere(&self, address: SocketAddr) -> Self {
        Self { address, cookies: self.cookies.clone() }
    }

    /// Signs in.
    pub fn sign_in(&mut self, login: &str, password: &str) -> Result<()> {
        let form = self.get("/connexion")?;
        let csrf = field(&form.text, "csrf").context("the sign-in form has no field csrf")?;
        let fields = [("login", login), ("password", password), ("csrf", &csrf)];
        let done = self.post("/connexion", &fields)?;
        if !(300..400).contains(&done.status) {
            bail!("sign-in answered {}: {}", done.status, done.text);
        }
        Ok(())
    }

    /// Reads a page.
    pub fn get(&mut self, path: &str) -> Result<Page> {
        self.send("GET", path, String::new())
    }

    /// Sends a form.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.send("POST", path, body.join("&"))
    }

    /// Opens the stream of changes (`/live`) and waits until it says that it is up to date.
    pub fn live(&self) -> Result<Live> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        let head = format!(
            "GET /live HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\ncookie: {}\r\n\r\n",
            self.address,
            self.cookie()
        );
        stream.write_all(head.as_bytes())?;
        let mut live = Live { stream, said: String::new() };
        while !live.message(PATIENCE)?.contains("event: here") {}
        Ok(live)
    }

    fn cookie(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn send(&mut self, method: &str, path: &str, body: String) -> Result<Page> {
        let origin = format!("http://{}", self.address);
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("accept-language", "fr")
            .header("cookie", self.cookie());
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded").header("origin", origin);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let address = self.address;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let exchange = async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let (head, body) = sender.send_request(request).await?.into_parts();
            anyhow::Ok((head, body.collect().await?.to_bytes()))
        };
        let (head, body) = runtime
            .block_on(async { tokio::time::timeout(PATIENCE, exchange).await })
            .with_context(|| format!("{method} {path}: no answer in time"))??;
        for value in head.headers.get_all("set-cookie") {
            if let Some((name, value)) = value.to_str()?.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        let location = head.headers.get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Page { status: head.status.as_u16(), location, text: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// An open stream of changes.
pub struct Live {
    stream: TcpStream,
    said: String,
}

impl Live {
    /// Waits until a message tells a school's version above `version`.
    pub fn wait_version_above(&mut self, version: u64, bound: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            let left =
                bound.checked_sub(begun.elapsed()).with_context(|| format!("no version above {version} was told"))?;
            let message = self.message(left)?;
            if changes(&message).into_iter().any(|told| told > version) {
                return Ok(());
            }
        }
    }

    /// The next message (WHATWG HTML 9.2: lines up to an empty one).
    fn message(&mut self, bound: Duration) -> Result<String> {
        let begun = Instant::now();
        loop {
            if let Some(end) = self.said.find("\n\n") {
                return Ok(self.said.drain(..end + 2).collect());
            }
            let left = bound.saturating_sub(begun.elapsed());
            if left.is_zero() {
                bail!("the stream said nothing for {:.1} s", bound.as_secs_f32());
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => bail!("the stream ended"),
                Ok(length) => self.said.push_str(&String::from_utf8_lossy(&bytes[..length])),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Versions of schools in a message `changed`; none in any other.
fn changes(message: &str) -> Vec<u64> {
    if !message.contains("event: changed") {
        return Vec::new();
    }
    let data = message.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
    let told: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let schools = told["schools"].as_object().into_iter().flatten();
    schools.filter_map(|(_, version)| version.as_u64()).collect()
}

/// Value of a form field.
pub fn field(page: &str, name: &str) -> Option<String> {
    let tag = page.split('<').find(|tag| tag.starts_with("input") && tag.contains(&format!("name=\"{name}\"")))?;
    Some(tag.split("value=\"").nth(1)?.split('"').next()?.to_owned())
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_field_is_found_whatever_the_order_of_its_attributes() {
        let page = r#"<form><input type="text" name="login"><input value="a1" name="csrf" type="hidden"></form>"#;
        assert_eq!(field(page, "csrf").as_deref(), Some("a1"));
        assert_eq!(field(page, "other"), None);
        assert_eq!(escape("é&="), "%C3%A9%26%3D");
    }

    #[test]
    fn versions_are_read_from_messages_of_change_only() {
        let message = "2f\r\nevent: changed\ndata: {\"many\":false,\"schools\":{\"a\":7,\"b\":2}}\n\n";
        assert_eq!(changes(message), [7, 2]);
        assert_eq!(changes("event: here\ndata: {}\n\n"), Vec::<u64>::new());
    }
}
