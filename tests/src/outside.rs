//! The servers outside: a DNS server that knows one name, an HTTP page, a TCP port. Ping is answered by the kernel.
//!
//! They are threads that have entered the outside namespace; they end with the world.

use crate::netns::Namespace;
use crate::world::{RESOLVER, TARGET, TARGET_NAME};
use anyhow::Result;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use vigie_shared::policy::{DnsTarget, HttpTarget, InternetPolicy};

/// Text of the true page.
pub const PAGE: &str = "temoin vigie";
const PATIENCE: Duration = Duration::from_millis(200);

/// The running servers.
pub struct Services {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Services {
    /// Starts all of them in `outside`.
    pub fn start(outside: &Namespace) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for server in [dns as fn(&AtomicBool), page, port] {
            let stop = stop.clone();
            threads.push(outside.thread(move || server(&stop))?);
        }
        Ok(Self { stop, threads })
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The check `internet` aimed at these servers, looked at every `every_s` seconds.
pub fn policy(every_s: u32) -> InternetPolicy {
    InternetPolicy {
        every_s,
        timeout_ms: 1000,
        dns: vec![DnsTarget {
            name: TARGET_NAME.into(),
            within: vec![format!("{TARGET}/32").parse().expect("a network")],
        }],
        icmp: vec![TARGET.parse().expect("an address")],
        tcp: vec![format!("{TARGET}:443")],
        http: vec![HttpTarget { url: format!("http://{TARGET}/temoin"), status: 200, contains: PAGE.into() }],
        ..InternetPolicy::default()
    }
}

fn dns(stop: &AtomicBool) {
    let socket = UdpSocket::bind((RESOLVER, 53)).expect("the DNS port of the outside namespace");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut query = [0; 512];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((length, from)) = socket.recv_from(&mut query)
            && let Some(answer) = dns_answer(&query[..length])
        {
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// Answers one question (RFC 1035): the address of the one known name for type A, nothing for other types, NXDOMAIN
/// for other names.
fn dns_answer(query: &[u8]) -> Option<Vec<u8>> {
    let (id, mut at, mut labels) = (query.get(..2)?, 12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    let known = labels.join(".") == TARGET_NAME;
    let answered = known && kind == 1;
    let mut answer = Vec::with_capacity(at + 20);
    answer.extend_from_slice(id);
    answer.extend_from_slice(&[0x81, if known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(answered), 0, 0, 0, 0]);
    answer.extend_from_slice(query.get(12..at + 4)?);
    if answered {
        let address: Ipv4Addr = TARGET.parse().ok()?;
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    Some(answer)
}

fn page(stop: &AtomicBool) {
    serve(80, stop, |stream| {
        let mut request = [0; 2048];
        let _ = stream.read(&mut request);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", PAGE.len());
        let _ = stream.write_all(format!("{head}{PAGE}").as_bytes());
    });
}

fn port(stop: &AtomicBool) {
    serve(443, stop, |_| {});
}

fn serve(port: u16, stop: &AtomicBool, answer: fn(&mut TcpStream)) {
    let address = SocketAddr::new(TARGET.parse().expect("an address"), port);
    let listener = TcpListener::bind(address).expect("a port of the outside namespace");
    listener.set_nonblocking(true).expect("a listener that does not block");
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_write_timeout(Some(PATIENCE));
                answer(&mut stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_name_has_an_address() {
        let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(b"\x06temoin\x07example\x00\x00\x01\x00\x01");

        let known = dns_answer(&query).unwrap();
        query[13] = b'x';
        let unknown = dns_answer(&query).unwrap();

        assert_eq!(known[..8], [0, 7, 0x81, 0x80, 0, 1, 0, 1]);
        assert!(known.ends_with(&[198, 51, 100, 80]));
        assert_eq!(unknown[..8], [0, 7, 0x81, 0x83, 0, 1, 0, 0]);
    }
}
