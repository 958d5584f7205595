//! A TCP proxy that misbehaves on command: the faulty network between a client and a server.

use bytes::{Bytes, BytesMut};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Which way bytes flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Changes bytes on their way; one is made for every connection and direction.
pub type Filter = Box<dyn FnMut(&[u8]) -> Bytes + Send>;

/// What happens to the bytes of one direction.
#[derive(Clone, Default)]
pub struct Rules {
    /// Wait before each piece.
    pub delay: Duration,
    /// A random wait up to this on top.
    pub jitter: Duration,
    /// At most this rate, bytes a second.
    pub rate: Option<u64>,
    /// Takes bytes and passes none on; no end of file either. A connection that lost bytes is reset
    /// by the first that comes after: no stream goes on with a gap.
    pub black_hole: bool,
    /// Passes one byte at a time.
    pub single_bytes: bool,
    /// Flips a bit of every so many-th byte.
    pub corrupt_every: Option<u64>,
    /// Makes a filter for each connection that starts from now on.
    pub filter: Option<Arc<dyn Fn() -> Filter + Send + Sync>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Reset, as by a crash or a firewall.
    Reset,
    /// End of file in this direction only.
    HalfClose(Direction),
}

/// Listens on a port of its own and passes everything on to a server, until told otherwise. Of
/// several servers each connection gets the next that lets it in, as from a service's address.
pub struct Proxy {
    /// Where clients connect.
    pub address: SocketAddr,
    to_server: watch::Sender<Rules>,
    to_client: watch::Sender<Rules>,
    shared: Arc<Shared>,
    _listener: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// One for every connection that lives.
    connections: Mutex<Vec<watch::Sender<Option<End>>>>,
    refuses: Mutex<bool>,
    /// Where new connections lead, tried in turn.
    servers: Mutex<Vec<String>>,
    all: CancellationToken,
}

impl Proxy {
    /// A proxy to `server` (`host:port`) that as yet does no harm.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(server: &str) -> Self {
        Self::before(&[server]).await
    }

    /// A proxy to several servers of one service.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(servers: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let to_server = watch::Sender::new(Rules::default());
        let to_client = watch::Sender::new(Rules::default());
        let shared = Arc::new(Shared::default());
        *shared.servers.lock().expect("no panic under this lock") =
            servers.iter().map(|server| (*server).to_owned()).collect();
        let task = accept(listener, shared.clone(), [to_server.subscribe(), to_client.subscribe()]);
        let _listener = AbortOnDropHandle::new(tokio::spawn(task));
        Self { address, to_server, to_client, shared, _listener }
    }

    /// Rules of one direction from now on, for living connections too.
    pub fn set(&self, direction: Direction, rules: Rules) {
        match direction {
            Direction::ToServer => self.to_server.send_replace(rules),
            Direction::ToClient => self.to_client.send_replace(rules),
        };
    }

    /// The same rules both ways.
    pub fn set_both(&self, rules: Rules) {
        self.set(Direction::ToServer, rules.clone());
        self.set(Direction::ToClient, rules);
    }

    /// Passes everything on again and accepts connections.
    pub fn heal(&self) {
        self.set_both(Rules::default());
        self.refuse(false);
    }

    /// Resets every connection; new ones are accepted.
    pub fn cut(&self) {
        self.end_all(End::Reset);
    }

    /// Sends the end of file in one direction of every connection; the other goes on.
    pub fn half_close(&self, direction: Direction) {
        self.end_all(End::HalfClose(direction));
    }

    fn end_all(&self, end: End) {
        let connections = self.shared.connections.lock().expect("no panic under this lock");
        for connection in connections.iter() {
            connection.send_replace(Some(end));
        }
    }

    /// Leads new connections to this server alone, as a service does whose address has moved.
    pub fn redirect(&self, server: &str) {
        *self.shared.servers.lock().expect("no panic under this lock") = vec![server.to_owned()];
    }

    /// Resets new connections at once, or no longer.
    pub fn refuse(&self, on: bool) {
        *self.shared.refuses.lock().expect("no panic under this lock") = on;
    }

    /// Connections that live.
    pub fn connections(&self) -> usize {
        let mut connections = self.shared.connections.lock().expect("no panic under this lock");
        connections.retain(|connection| !connection.is_closed());
        connections.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.all.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, rules: [watch::Receiver<Rules>; 2]) {
    let mut accepted = 0;
    while let Ok((client, _)) = listener.accept().await {
        if *shared.refuses.lock().expect("no panic under this lock") {
            let _reset = client.set_zero_linger();
            continue;
        }
        let (sender, end) = watch::channel(None);
        {
            let mut connections = shared.connections.lock().expect("no panic under this lock");
            connections.retain(|connection| !connection.is_closed());
            connections.push(sender);
        }
        let mut servers = shared.servers.lock().expect("no panic under this lock").clone();
        let length = servers.len();
        servers.rotate_left(accepted % length);
        accepted += 1;
        let (rules, all) = (rules.clone(), shared.all.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ended = connection(client, &servers, rules, end) => {}
                () = all.cancelled() => {}
            }
        });
    }
}

/// Passes bytes both ways until both directions have ended, or one was reset.
async fn connection(
    mut client: TcpStream,
    servers: &[String],
    [to_server, to_client]: [watch::Receiver<Rules>; 2],
    end: watch::Receiver<Option<End>>,
) -> io::Result<()> {
    let mut upstream = first_that_answers(servers).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let (client_read, client_write) = client.split();
    let (server_read, server_write) = upstream.split();
    let up = pump(client_read, server_write, to_server, Direction::ToServer, end.clone());
    let down = pump(server_read, client_write, to_client, Direction::ToClient, end);
    // A reset is an error and ends both at once; an end of file waits for the other direction.
    let ended = tokio::try_join!(up, down);
    if ended.is_err() {
        client.set_zero_linger()?;
        upstream.set_zero_linger()?;
    }
    ended.map(drop)
}

async fn first_that_answers(servers: &[String]) -> io::Result<TcpStream> {
    let mut refused = io::ErrorKind::NotConnected.into();
    for server in servers {
        match TcpStream::connect(server).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    rules: watch::Receiver<Rules>,
    direction: Direction,
    mut end: watch::Receiver<Option<End>>,
) -> io::Result<()> {
    let mut filter = rules.borrow().filter.as_ref().map(|make| make());
    let mut buffer = BytesMut::with_capacity(16 << 10);
    let mut passed = 0;
    let (mut closed, mut swallowed) = (false, false);
    loop {
        tokio::select! {
            ending = next_end(&mut end) => match ending {
                Some(End::HalfClose(which)) if which == direction && !closed => {
                    to.shutdown().await?;
                    closed = true;
                }
                Some(End::HalfClose(_)) => {}
                Some(End::Reset) | None => return Err(io::ErrorKind::ConnectionReset.into()),
            },
            read = from.read_buf(&mut buffer) => {
                let now = rules.borrow().clone();
                if read? == 0 {
                    if !now.black_hole && !closed {
                        to.shutdown().await?;
                    }
                    return Ok(());
                }
                let piece = buffer.split();
                swallowed |= now.black_hole;
                if now.black_hole || closed {
                    continue;
                }
                if swallowed {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                let piece = match &mut filter {
                    Some(filter) => filter(&piece),
                    None => piece.freeze(),
                };
                pass(&mut to, piece, &now, &mut passed).await?;
            }
        }
    }
}

/// How the connection is told to end; `None` when its proxy is gone.
async fn next_end(end: &mut watch::Receiver<Option<End>>) -> Option<End> {
    end.changed().await.ok()?;
    *end.borrow_and_update()
}

/// Writes one piece as the rules say. `passed` counts the connection's bytes so far.
async fn pass(
    to: &mut WriteHalf<'_>,
    piece: Bytes,
    rules: &Rules,
    passed: &mut u64,
) -> io::Result<()> {
    let wait = rules.delay + rules.jitter.mul_f64(rand::random::<f64>());
    if !wait.is_zero() {
        sleep(wait).await;
    }
    if let Some(rate) = rules.rate {
        sleep(Duration::from_secs_f64(piece.len() as f64 / rate.max(1) as f64)).await;
    }
    let mut piece = BytesMut::from(piece);
    if let Some(every) = rules.corrupt_every.filter(|every| *every > 0) {
        for (offset, byte) in (*passed + 1..).zip(piece.iter_mut()) {
            if offset % every == 0 {
                *byte ^= 0x10;
            }
        }
    }
    *passed += piece.len() as u64;
    if rules.single_bytes {
        for byte in &piece {
            to.write_u8(*byte).await?;
        }
        return Ok(());
    }
    to.write_all(&piece).await
}

/// A filter for [`Direction::ToClient`] of an AMQP 0-9-1 connection that loses every
/// confirmation (`basic.ack`, class 60 method 80) and passes every other frame on. Frames are
/// type (1), channel (2), size (4), payload, end (1): AMQP 0-9-1, section 4.2.3.
pub fn dropping_confirms() -> Filter {
    let mut pending = BytesMut::new();
    Box::new(move |bytes| {
        pending.extend_from_slice(bytes);
        let mut out = BytesMut::new();
        while pending.len() >= 7 {
            let size = u32::from_be_bytes([pending[3], pending[4], pending[5], pending[6]]);
            let whole = 7 + size as usize + 1;
            if pending.len() < whole {
                break;
            }
            let frame = pending.split_to(whole);
            let is_confirm = frame[0] == 1 && frame[7..].starts_with(&[0, 60, 0, 80]);
            if !is_confirm {
                out.extend_from_slice(&frame);
            }
        }
        out.freeze()
    })
}
