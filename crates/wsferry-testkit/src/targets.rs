//! Targets: TCP servers in this process, each with a behaviour of its own, that report what they
//! saw.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use crate::patience::soon;
use crate::stream::{Checker, Dice, Pattern};

/// How a stream ended, as its reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Fin,
    /// Cut.
    Rst,
}

impl End {
    /// The end that a read reports.
    ///
    /// # Panics
    /// When the error is another one than a reset.
    pub fn of(error: Option<&io::Error>) -> Self {
        match error {
            None => Self::Fin,
            Some(error) if error.kind() == io::ErrorKind::ConnectionReset => Self::Rst,
            // TLS that ends without its close_notify was cut, whatever TCP says.
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Rst,
            Some(error) => panic!("the stream ended with {error}"),
        }
    }
}

/// A TCP server on a free port. Each connection gets the behaviour, whose result is reported. It
/// lives as long as the test's runtime.
#[derive(Debug)]
pub struct Target<R> {
    address: SocketAddr,
    reports: mpsc::UnboundedReceiver<R>,
}

impl<R: Send + 'static> Target<R> {
    /// Starts one on 127.0.0.1.
    pub async fn start<F>(behaviour: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = R> + Send + 'static,
    {
        Self::start_on("127.0.0.1:0", behaviour).await
    }

    /// Starts one on an address.
    ///
    /// # Panics
    /// When it cannot be bound.
    pub async fn start_on<F>(
        address: &str,
        behaviour: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.expect("the target's port can be bound");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (report, reports) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let behaving = behaviour(stream);
                let report = report.clone();
                tokio::spawn(async move {
                    let _ = report.send(behaving.await); // a test may not want to know
                });
            }
        });
        Self { address, reports }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next report.
    ///
    /// # Panics
    /// When none comes.
    pub async fn report(&mut self) -> R {
        soon(self.reports.recv()).await.expect("the target lives as long as the test")
    }

    /// Whether a report is waiting.
    pub fn has_report(&self) -> bool {
        !self.reports.is_empty()
    }
}

/// A target whose connections the test handles itself: each is a report.
pub async fn by_hand() -> Target<TcpStream> {
    Target::start(|stream| async { stream }).await
}

/// A target that sends back what it gets, and FIN after FIN.
pub async fn echo() -> Target<()> {
    Target::start(echoing).await
}

/// Sends back what comes, and FIN after FIN.
pub async fn echoing(mut stream: TcpStream) {
    let (mut read, mut write) = stream.split();
    let _ = tokio::io::copy(&mut read, &mut write).await;
    let _ = write.shutdown().await;
}

/// A target that reads to the end and reports all it got.
pub async fn collect() -> Target<(Vec<u8>, End)> {
    Target::start(|stream| async move { read_all(stream).await }).await
}

/// All that comes, and how it ended.
pub async fn read_all(mut stream: impl AsyncRead + Unpin) -> (Vec<u8>, End) {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all).await;
    (all, End::of(read.err().as_ref()))
}

/// Reads to the end: how many bytes came, and how it ended.
pub async fn count(stream: &mut (impl AsyncRead + Unpin)) -> (u64, End) {
    let mut room = vec![0; 64 * 1024];
    let mut got = 0;
    loop {
        match stream.read(&mut room).await {
            Ok(0) => return (got, End::Fin),
            Ok(length) => got += length as u64,
            Err(error) => return (got, End::of(Some(&error))),
        }
    }
}

/// Sends `length` bytes of a stream in pieces of random sizes.
///
/// # Errors
/// What the socket says.
pub async fn send_stream(
    stream: &mut (impl AsyncWrite + Unpin),
    pattern: Pattern,
    length: u64,
    dice: &mut Dice,
) -> io::Result<()> {
    let mut at = 0;
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(usize::MAX);
        let piece = pattern.bytes(at, (1 + dice.size(256 * 1024)).min(left));
        stream.write_all(&piece).await?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Reads a stream to its end, at a moody pace, and checks it: how many bytes, and how it ended.
pub async fn check_stream(
    stream: &mut (impl AsyncRead + Unpin),
    pattern: Pattern,
    dice: &mut Dice,
) -> (u64, End) {
    let mut checker = Checker::new(pattern);
    let mut room = vec![0; 256 * 1024];
    loop {
        dawdle(dice).await;
        let most = 1 + dice.size(room.len() - 1);
        match stream.read(&mut room[..most]).await {
            Ok(0) => return (checker.at(), End::Fin),
            Ok(length) => checker.take(&room[..length]),
            Err(error) => return (checker.at(), End::of(Some(&error))),
        }
    }
}

/// Sometimes lets the others go first, for a while.
pub async fn dawdle(dice: &mut Dice) {
    if dice.roll(4) == 0 {
        for _ in 0..dice.size(64) {
            yield_now().await;
        }
    }
}

/// Ends a connection with RST.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket takes SO_LINGER");
    drop(stream);
}

/// An address that refuses connections.
///
/// # Panics
/// When no port can be bound.
pub async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be bound");
    listener.local_addr().expect("a bound socket has an address")
}

/// An address that does not answer: a listener that accepts nothing and whose queue is full.
#[derive(Debug)]
pub struct Unanswering {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Unanswering {
    /// Starts one.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        listener.bind(&any.into()).expect("a port can be bound");
        listener.listen(0).expect("it can listen");
        let address = listener.local_addr().ok().and_then(|address| address.as_socket());
        let address = address.expect("a bound socket has an address");
        let mut queued = Vec::new();
        // A queue of 0 takes one; the first one that is not answered proves that it is full.
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
        {
            queued.push(stream);
        }
        Self { address, _listener: listener, _queued: queued }
    }

    /// Where nobody answers.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}
