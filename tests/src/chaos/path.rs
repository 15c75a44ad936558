//! The relay between agents and collectors: one port outside, a way for each agent (known by its address) that can be
//! made to misbehave. It sees TLS only, so what it damages must be noticed and what it repeats must count once.

use crate::netns::Namespace;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// Patience for a collector that does not accept.
const CONNECT: Duration = Duration::from_secs(1);
/// A call that is held back is delivered after this even if none overtakes it.
const OVERTAKING: Duration = Duration::from_secs(8);
/// What belongs to one call comes without a longer pause.
const PAUSE: Duration = Duration::from_millis(40);
/// Patience for the answer to a call that nobody waits for any more.
const LATE_ANSWER: Duration = Duration::from_secs(3);

/// How a way misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Not at all.
    #[default]
    None,
    /// Connections end, new ones too.
    Cut,
    /// Everything is this late.
    Delayed(Duration),
    /// An answer is dropped together with its connection.
    Duplicated,
    /// An answer is dropped and the connection stays open.
    AnswerLost,
    /// A call is held back until a later one was answered.
    Reordered,
    /// A bit is flipped: of what the agent says, or of what it hears.
    Corrupted {
        /// Of what the agent says.
        said: bool,
    },
    /// Half of what was to be passed on, then the end.
    Truncated {
        /// Of what the agent says.
        said: bool,
    },
}

/// One agent's way.
#[derive(Debug)]
pub struct Way {
    trouble: watch::Sender<Trouble>,
    bites: AtomicU64,
    answers: watch::Sender<u64>,
}

impl Default for Way {
    fn default() -> Self {
        Self { trouble: watch::Sender::default(), bites: AtomicU64::new(0), answers: watch::Sender::default() }
    }
}

impl Way {
    /// Makes it misbehave from now on; what was begun ends as it began.
    pub fn set(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }

    /// How often a trouble has struck.
    pub fn bites(&self) -> u64 {
        self.bites.load(Ordering::Relaxed)
    }

    fn bite(&self) {
        self.bites.fetch_add(1, Ordering::Relaxed);
    }
}

/// The relay; closed when dropped.
pub struct Paths {
    address: SocketAddr,
    ways: Arc<BTreeMap<IpAddr, Arc<Way>>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Paths {
    /// Listens on `on` (port 0 takes a free one) in `inside` for these agents and leads to `doors` in turn.
    pub fn start(inside: &Namespace, on: SocketAddr, agents: &[IpAddr], doors: Vec<SocketAddr>) -> Result<Self> {
        let ways: BTreeMap<_, _> = agents.iter().map(|address| (*address, Arc::new(Way::default()))).collect();
        let ways = Arc::new(ways);
        let (stop, stopping) = watch::channel(false);
        let (bound, address) = mpsc::channel();
        let known = ways.clone();
        let thread = inside.thread(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let served = runtime.and_then(|runtime| runtime.block_on(serve(on, bound, known, doors, stopping)));
            if let Err(error) = served {
                eprintln!("the relay failed: {error}");
            }
        })?;
        let address = address.recv().context("the relay does not listen")?;
        Ok(Self { address, ways, stop, thread: Some(thread) })
    }

    /// Where agents call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The way of the agent with this address.
    pub fn way(&self, agent: IpAddr) -> Result<&Way> {
        self.ways.get(&agent).map(AsRef::as_ref).with_context(|| format!("no way for {agent}"))
    }
}

impl Drop for Paths {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    on: SocketAddr,
    bound: mpsc::Sender<SocketAddr>,
    ways: Arc<BTreeMap<IpAddr, Arc<Way>>>,
    doors: Vec<SocketAddr>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = TcpListener::bind(on).await?;
    let _ = bound.send(listener.local_addr()?);
    let doors = Arc::new(Doors { doors, next: AtomicUsize::new(0) });
    loop {
        let (near, from) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = stop.changed() => return Ok(()),
        };
        // Whoever is not known (an enrolment from elsewhere) has a way without trouble.
        let way = ways.get(&from.ip()).cloned().unwrap_or_default();
        let doors = doors.clone();
        // A connection that breaks is what this is for.
        tokio::spawn(async move { drop(carry(near, &way, &doors).await) });
    }
}

/// The collectors, taken in turn; one that does not accept is passed over, as a balancer does.
struct Doors {
    doors: Vec<SocketAddr>,
    next: AtomicUsize,
}

impl Doors {
    async fn connect(&self) -> io::Result<TcpStream> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut last = io::ErrorKind::NotFound.into();
        for place in 0..self.doors.len() {
            let door = self.doors[(first + place) % self.doors.len()];
            match timeout(CONNECT, TcpStream::connect(door)).await {
                Ok(Ok(stream)) => return stream.set_nodelay(true).map(|()| stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }
}

/// Carries one connection. When the agent speaks after the collector has, it speaks within the session: what the
/// collector says after that is an answer.
async fn carry(mut near: TcpStream, way: &Way, doors: &Doors) -> io::Result<()> {
    let mut trouble = way.trouble.subscribe();
    if *trouble.borrow_and_update() == Trouble::Cut {
        way.bite();
        return Ok(());
    }
    near.set_nodelay(true)?;
    let mut far = doors.connect().await?;
    let (mut greeted, mut called, mut deaf) = (false, false, false);
    let (mut said, mut heard) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        tokio::select! {
            read = near.read(&mut said) => {
                let said = match read? { 0 => return Ok(()), n => &mut said[..n] };
                let now = *trouble.borrow();
                if now == Trouble::Reordered && greeted && called {
                    return overtaken(near, far, said, way).await;
                }
                called = greeted;
                if !pass(said, &mut far, now, true, way).await? {
                    return Ok(());
                }
            }
            read = far.read(&mut heard) => {
                let heard = match read? { 0 => return Ok(()), n => &mut heard[..n] };
                greeted = true;
                let now = *trouble.borrow();
                if called && now == Trouble::Duplicated {
                    way.bite();
                    return Ok(());
                }
                if called && now == Trouble::AnswerLost && !deaf {
                    way.bite();
                    deaf = true;
                }
                if deaf {
                    continue;
                }
                if !pass(heard, &mut near, now, false, way).await? {
                    return Ok(());
                }
                if called {
                    way.answers.send_modify(|count| *count += 1);
                }
            }
            _ = trouble.changed() => {
                if *trouble.borrow() == Trouble::Cut {
                    way.bite();
                    return Ok(());
                }
            }
        }
    }
}

/// Passes bytes on as the trouble allows; answers whether the connection goes on.
async fn pass(bytes: &mut [u8], to: &mut TcpStream, trouble: Trouble, said: bool, way: &Way) -> io::Result<bool> {
    match trouble {
        Trouble::Delayed(late) => {
            way.bite();
            tokio::time::sleep(late).await;
        }
        Trouble::Corrupted { said: which } if which == said => {
            way.bite();
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 0x20;
            }
        }
        Trouble::Truncated { said: which } if which == said => {
            way.bite();
            to.write_all(&bytes[..bytes.len() / 2]).await?;
            to.shutdown().await?;
            return Ok(false);
        }
        _ => {}
    }
    to.write_all(bytes).await?;
    Ok(true)
}

/// Takes a whole call, ends the agent's connection, and delivers the call once a later one was answered.
async fn overtaken(mut near: TcpStream, mut far: TcpStream, first: &[u8], way: &Way) -> io::Result<()> {
    let mut call = first.to_vec();
    let mut more = vec![0; 16 << 10];
    while let Ok(read) = timeout(PAUSE, near.read(&mut more)).await {
        match read? {
            0 => break,
            n => call.extend_from_slice(&more[..n]),
        }
    }
    let mut answers = way.answers.subscribe();
    answers.borrow_and_update();
    drop(near);
    let _ = timeout(OVERTAKING, answers.changed()).await;
    way.bite();
    far.write_all(&call).await?;
    let _ = timeout(LATE_ANSWER, far.read(&mut more)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// Says "hello" to whoever connects, then answers every byte with "!" and keeps all it heard, in order.
    async fn collector(heard: mpsc::Sender<u8>) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = heard.clone();
                tokio::spawn(async move {
                    let hello = stream.read_u8().await.unwrap();
                    heard.send(hello).unwrap();
                    stream.write_all(b"h").await.unwrap();
                    while let Ok(byte) = stream.read_u8().await {
                        heard.send(byte).unwrap();
                        stream.write_all(b"!").await.unwrap();
                    }
                });
            }
        });
        address
    }

    struct Agent {
        stream: TcpStream,
    }

    impl Agent {
        async fn connect(relay: SocketAddr) -> Self {
            let mut agent = Self { stream: TcpStream::connect(relay).await.unwrap() };
            assert_eq!(agent.say(b'H').await, Some(b'h'));
            assert_eq!(agent.say(b'f').await, Some(b'!'), "the end of the handshake");
            agent
        }

        async fn say(&mut self, byte: u8) -> Option<u8> {
            self.stream.write_all(&[byte]).await.ok()?;
            timeout(Duration::from_secs(5), self.stream.read_u8()).await.ok()?.ok()
        }
    }

    async fn relay(way: &Arc<Way>, door: SocketAddr) -> SocketAddr {
        let ways = Arc::new(BTreeMap::from([(IpAddr::from(Ipv4Addr::LOCALHOST), way.clone())]));
        let (bound, address) = mpsc::channel();
        let (stop, stopping) = watch::channel(false);
        let on = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        tokio::spawn(async move {
            let _stop = stop;
            serve(on, bound, ways, vec![door], stopping).await
        });
        tokio::task::spawn_blocking(move || address.recv().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_dropped_answer_belongs_to_a_call_that_was_carried_out() {
        let (heard, log) = mpsc::channel();
        let way = Arc::new(Way::default());
        let relay = relay(&way, collector(heard).await).await;
        let mut agent = Agent::connect(relay).await;

        way.set(Trouble::Duplicated);
        assert_eq!(agent.say(b'1').await, None);
        way.set(Trouble::None);
        assert_eq!(Agent::connect(relay).await.say(b'1').await, Some(b'!'));

        assert_eq!(log.try_iter().collect::<Vec<_>>(), b"Hf1Hf1");
        assert_eq!(way.bites(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_call_that_is_held_back_comes_after_a_later_one() {
        let (heard, log) = mpsc::channel();
        let way = Arc::new(Way::default());
        let relay = relay(&way, collector(heard).await).await;
        let mut agent = Agent::connect(relay).await;

        way.set(Trouble::Reordered);
        assert_eq!(agent.say(b'1').await, None);
        way.set(Trouble::None);
        let mut again = Agent::connect(relay).await;
        assert_eq!(again.say(b'2').await, Some(b'!'));

        let mut order = Vec::new();
        while !order.contains(&b'1') {
            order.push(tokio::task::block_in_place(|| log.recv_timeout(Duration::from_secs(5))).unwrap());
        }
        let place = |byte| order.iter().position(|b| *b == byte);
        assert!(place(b'2') < place(b'1') || place(b'H') < place(b'1'), "{order:?}");
    }

    #[tokio::test]
    async fn damage_is_damage_and_a_cut_is_a_cut() {
        let (heard, log) = mpsc::channel();
        let way = Arc::new(Way::default());
        let relay = relay(&way, collector(heard).await).await;
        let mut agent = Agent::connect(relay).await;

        way.set(Trouble::Corrupted { said: true });
        assert_eq!(agent.say(b'1').await, Some(b'!'));
        assert_eq!(log.try_iter().last(), Some(b'1' ^ 0x20));
        way.set(Trouble::Cut);
        assert_eq!(agent.say(b'2').await, None);
        let mut refused = TcpStream::connect(relay).await.unwrap();
        assert_eq!(refused.read(&mut [0]).await.unwrap_or(0), 0, "the end, at once");
    }
}
