//! A socket that waits only when it is told to, and the loop that runs the client's futures on it.
//!
//! The client library is asynchronous; its callers here are threads that may block, and one statement follows the other.
//! So there is no runtime and no task: the futures are polled where they are wanted, and when nothing moves any more the
//! thread waits in `read`, for a bounded time. One statement is one `write` and one `read`, and a connection can be used
//! and dropped anywhere, inside a runtime or not.

use std::io::{self, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket of either kind, blocking.
pub enum Socket {
    /// Over a network.
    Tcp(TcpStream),
    /// Inside this machine.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    fn set_read_timeout(&self, after: Duration) -> io::Result<()> {
        // Zero would mean for ever.
        let after = Some(after.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(after),
            #[cfg(unix)]
            Self::Unix(socket) => socket.set_read_timeout(after),
        }
    }

    /// A write that takes longer fails.
    pub fn set_write_timeout(&self, after: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_write_timeout(Some(after)),
            #[cfg(unix)]
            Self::Unix(socket) => socket.set_write_timeout(Some(after)),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            #[cfg(unix)]
            Self::Unix(socket) => socket.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            #[cfg(unix)]
            Self::Unix(socket) => socket.write(bytes),
        }
    }
}

/// What the loop tells its socket.
#[derive(Default)]
struct Permit {
    /// One read may wait this long.
    wait: Option<Duration>,
    /// It waited, and nothing came.
    expired: bool,
}

/// The loop's end of a [`Link`].
#[derive(Clone, Default)]
pub struct Control(Arc<Mutex<Permit>>);

impl Control {
    /// The next read may wait.
    fn allow(&self, wait: Duration) {
        *self.permit() = Permit { wait: Some(wait), expired: false };
    }

    /// Takes the permission back; answers whether a read waited in vain.
    fn end(&self) -> bool {
        std::mem::take(&mut *self.permit()).expired
    }

    fn permit(&self) -> std::sync::MutexGuard<'_, Permit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket as the client library sees it.
pub struct Link {
    socket: Socket,
    control: Control,
}

impl Link {
    /// A socket and the handle that lets it wait.
    pub fn new(socket: Socket) -> (Self, Control) {
        let control = Control::default();
        (Self { socket, control: control.clone() }, control)
    }
}

impl AsyncRead for Link {
    fn poll_read(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(wait) = self.control.permit().wait.take() else { return Poll::Pending };
        let until = Instant::now() + wait;
        loop {
            self.socket.set_read_timeout(until.saturating_duration_since(Instant::now()))?;
            match self.socket.read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.control.permit().expired = true;
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing can be sent")));
                }
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The socket is closed when it is dropped.
        Poll::Ready(Ok(()))
    }
}

/// Tells that something moved: a future has to be polled again before anybody waits.
#[derive(Default)]
struct Moved(AtomicBool);

impl Wake for Moved {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Nothing came within the time allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stalled;

/// The loop.
pub struct Loop {
    control: Control,
    moved: Arc<Moved>,
    waker: Waker,
}

/// What drives the messages of a connection; ready when the connection has ended.
pub trait Drive {
    /// Sends and receives what is possible.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Loop {
    /// A loop over the socket of this handle.
    pub fn new(control: Control) -> Self {
        let moved = Arc::new(Moved::default());
        Self { control, waker: moved.clone().into(), moved }
    }

    /// Runs a future that reads the socket itself, for at most `patience` in all.
    pub fn run<F: Future>(&self, future: F, patience: Duration) -> Result<F::Output, Stalled> {
        let (mut future, mut cx) = (pin!(future), Context::from_waker(&self.waker));
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stalled);
            }
            self.control.allow(left);
            let polled = future.as_mut().poll(&mut cx);
            let expired = self.control.end();
            match polled {
                Poll::Ready(output) => return Ok(output),
                Poll::Pending if expired => return Err(Stalled),
                Poll::Pending => {}
            }
        }
    }

    /// Runs a future that waits for messages of a connection; each message may take `patience`. The connection may end in
    /// between: the future is told so by the connection itself.
    pub fn run_on<F: Future>(
        &self,
        connection: &mut impl Drive,
        future: F,
        patience: Duration,
    ) -> Result<F::Output, Stalled> {
        let (mut future, mut cx) = (pin!(future), Context::from_waker(&self.waker));
        loop {
            self.moved.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Ok(output);
            }
            let ended = connection.drive(&mut cx).is_ready();
            if self.moved.0.load(Ordering::Relaxed) {
                continue;
            }
            if ended {
                return Err(Stalled);
            }
            if self.wait(connection, patience).is_err() {
                return Err(Stalled);
            }
        }
    }

    /// Waits for one message of a connection at most this long.
    pub fn wait(&self, connection: &mut impl Drive, patience: Duration) -> Result<(), Stalled> {
        let mut cx = Context::from_waker(&self.waker);
        self.control.allow(patience);
        let ended = connection.drive(&mut cx).is_ready();
        let expired = self.control.end();
        if expired && !ended { Err(Stalled) } else { Ok(()) }
    }
}
