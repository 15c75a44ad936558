//! A loopback port of the host that leads into a namespace: bytes are passed on untouched, TLS included.

use crate::netns::Namespace;
use anyhow::Result;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// One forwarded port; closed when dropped.
pub struct Relay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Forwards a new loopback port to `to`, as reached from `inside`.
    pub fn start(inside: &Namespace, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (hand_over, accepted) = mpsc::channel::<TcpStream>();
        let stopped = stop.clone();
        let outer = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) if stream.set_nonblocking(false).is_ok() => {
                        let _ = hand_over.send(stream);
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(_) => {}
                }
            }
        });
        // Ends when the outer thread drops its end of the channel.
        let inner = inside.thread(move || {
            for near in accepted {
                if let Ok(far) = TcpStream::connect_timeout(&to, Duration::from_secs(5)) {
                    join(near, far);
                }
            }
        })?;
        Ok(Self { address, stop, threads: vec![outer, inner] })
    }

    /// Where to connect on the host.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Copies both ways until one side ends.
fn join(near: TcpStream, far: TcpStream) {
    let (Ok(near2), Ok(far2)) = (near.try_clone(), far.try_clone()) else { return };
    for (mut from, mut to) in [(near, far), (far2, near2)] {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
