//! A bad link: passes bytes between devices and a server as slowly, as late and as briefly as a link in the field does,
//! and counts them. Real programs talk over real sockets through it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// A link that was late may catch up so much: timers are not exact.
const SLACK: Duration = Duration::from_millis(20);
/// How many pieces may be under way in each direction of a connection.
const UNDER_WAY: usize = 64;

/// What a link is like. All its connections share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Bytes a second from the device; `None` for as many as the machine can.
    pub up: Option<u64>,
    /// Bytes a second to the device.
    pub down: Option<u64>,
    /// How long a byte takes from end to end; a connection takes two of these to open.
    pub delay: Duration,
    /// Every connection is cut whenever so much time has passed since these conditions began.
    pub cut_every: Option<Duration>,
}

impl Conditions {
    /// GPRS: 40 kbit/s both ways, 300 ms.
    pub const GPRS: Self =
        Self { up: Some(5_000), down: Some(5_000), delay: Duration::from_millis(300), cut_every: None };
}

/// Bytes that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// From the device.
    pub up: u64,
    /// To the device.
    pub down: u64,
}

/// A direction.
#[derive(Debug)]
struct Pipe {
    passed: AtomicU64,
    /// How many more bytes pass before every connection is cut.
    allowance: AtomicI64,
    /// When the last byte so far has left the narrow place.
    free_at: Mutex<Instant>,
}

#[derive(Debug)]
struct Shared {
    server: Mutex<SocketAddr>,
    conditions: watch::Sender<Conditions>,
    /// Counts the cuts.
    cuts: watch::Sender<u64>,
    stalled_until: Mutex<Instant>,
    up: Pipe,
    down: Pipe,
}

/// A listening link; it is gone, with its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

impl Proxy {
    /// Opens a link to a server.
    pub async fn open(server: SocketAddr, conditions: Conditions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            conditions: watch::Sender::new(conditions),
            cuts: watch::Sender::new(0),
            stalled_until: Mutex::new(Instant::now()),
            up: Pipe::default(),
            down: Pipe::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        let cutting = tokio::spawn(cut_in_time(Arc::clone(&shared)));
        Self { address, shared, tasks: [accepting, cutting] }
    }

    /// Where a device connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// New connections go to another server, the former ones are cut.
    pub fn lead_to(&self, server: SocketAddr) {
        *lock(&self.shared.server) = server;
        self.shared.cut();
    }

    /// What has passed since the last call.
    pub fn take(&self) -> Traffic {
        let taken = |pipe: &Pipe| pipe.passed.swap(0, Ordering::SeqCst);
        Traffic { up: taken(&self.shared.up), down: taken(&self.shared.down) }
    }

    /// The link becomes another one: the connections of the former are cut.
    pub fn become_like(&self, conditions: Conditions) {
        self.shared.conditions.send_replace(conditions);
        self.shared.cut();
    }

    /// Cuts every connection; new ones may be made.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// How often it was cut.
    pub fn cuts(&self) -> u64 {
        *self.shared.cuts.borrow()
    }

    /// Lets so many more bytes pass in each direction before every connection is cut; `None` for any number.
    pub fn allow(&self, up: Option<u32>, down: Option<u32>) {
        let set = |pipe: &Pipe, bytes: Option<u32>| {
            pipe.allowance.store(bytes.map_or(i64::MAX, i64::from), Ordering::SeqCst);
        };
        set(&self.shared.up, up);
        set(&self.shared.down, down);
    }

    /// For so long nothing passes.
    pub fn stall(&self, time: Duration) {
        *lock(&self.shared.stalled_until) = Instant::now() + time;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Default for Pipe {
    fn default() -> Self {
        let (passed, allowance) = (AtomicU64::new(0), AtomicI64::new(i64::MAX));
        Self { passed, allowance, free_at: Mutex::new(Instant::now()) }
    }
}

impl Pipe {
    /// When so many bytes have left the narrow place, if they enter it now.
    fn leave_at(&self, bytes: usize, rate: Option<u64>) -> Instant {
        let now = Instant::now();
        let Some(rate) = rate else { return now };
        let mut free_at = lock(&self.free_at);
        let begins = (*free_at).max(now.checked_sub(SLACK).unwrap_or(now));
        *free_at = begins + Duration::from_micros(bytes as u64 * 1_000_000 / rate.max(1));
        *free_at
    }

    /// How many of these bytes may pass.
    fn allowed(&self, bytes: usize) -> usize {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let left = self.allowance.load(Ordering::SeqCst);
        if left == i64::MAX {
            return usize::try_from(bytes).unwrap_or_default();
        }
        let left = self.allowance.fetch_sub(bytes, Ordering::SeqCst);
        usize::try_from(left.clamp(0, bytes)).unwrap_or_default()
    }
}

impl Shared {
    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((device, _)) = listener.accept().await {
        let server = *lock(&shared.server);
        connections.spawn(pass(device, server, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// Cuts whenever the conditions want it.
async fn cut_in_time(shared: Arc<Shared>) {
    let mut conditions = shared.conditions.subscribe();
    loop {
        let every = conditions.borrow_and_update().cut_every;
        let wait = async {
            match every {
                Some(every) => sleep(every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => shared.cut(),
            changed = conditions.changed() => if changed.is_err() { return },
        }
    }
}

async fn pass(device: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    let passing = async {
        let delay = shared.conditions.borrow().delay;
        sleep(2 * delay).await;
        let Ok(server) = TcpStream::connect(server).await else { return };
        for stream in [&device, &server] {
            // Where this fails the bytes are the same, only slower.
            let _ = stream.set_nodelay(true);
        }
        let (device_read, device_write) = device.into_split();
        let (server_read, server_write) = server.into_split();
        // Whichever direction ends first takes the other with it.
        tokio::select! {
            () = copy(device_read, server_write, &shared, &shared.up, |conditions| conditions.up) => {}
            () = copy(server_read, device_write, &shared, &shared.down, |conditions| conditions.down) => {}
        }
    };
    tokio::select! {
        () = passing => {}
        _ = cuts.changed() => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    pipe: &Pipe,
    rate: fn(&Conditions) -> Option<u64>,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let entering = async move {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let conditions = *shared.conditions.borrow();
            // Pieces of about 20 ms, so that a cut falls anywhere.
            let piece = rate(&conditions).map_or(buffer.len() as u64, |rate| (rate / 50).clamp(64, 16 << 10));
            let piece = usize::try_from(piece).unwrap_or(buffer.len());
            let Ok(read @ 1..) = from.read(&mut buffer[..piece]).await else { return };
            let allowed = pipe.allowed(read);
            let leaves = pipe.leave_at(allowed, rate(&conditions));
            sleep_until(leaves).await;
            let arrives = leaves + conditions.delay;
            if sender.send((arrives, buffer[..allowed].to_vec())).await.is_err() || allowed < read {
                return;
            }
        }
    };
    let arriving = async {
        while let Some((arrives, bytes)) = receiver.recv().await {
            sleep_until(arrives).await;
            loop {
                let stalled = *lock(&shared.stalled_until);
                if stalled <= Instant::now() {
                    break;
                }
                sleep_until(stalled).await;
            }
            pipe.passed.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(entering, arriving);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says so many bytes and closes.
    async fn talker(bytes: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // Whoever hears it may be cut off.
                let _ = stream.write_all(&vec![7; bytes]).await;
            }
        });
        address
    }

    async fn heard(proxy: &Proxy) -> usize {
        let mut stream = TcpStream::connect(proxy.address()).await.expect("the link listens");
        let mut bytes = Vec::new();
        // What came before a cut counts.
        let _ = stream.read_to_end(&mut bytes).await;
        bytes.len()
    }

    #[tokio::test]
    async fn bytes_pass_at_their_rate_and_are_counted() {
        let slow =
            Conditions { down: Some(200_000), delay: Duration::from_millis(10), ..Conditions::default() };
        let proxy = Proxy::open(talker(40_000).await, slow).await;
        let begun = Instant::now();
        assert_eq!(heard(&proxy).await, 40_000);
        // 200 ms for the bytes and 30 ms for three ways; never faster than that but for the slack.
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
        assert_eq!(proxy.take(), Traffic { up: 0, down: 40_000 });
    }

    #[tokio::test]
    async fn a_link_is_cut_at_a_byte_and_in_time() {
        let proxy = Proxy::open(talker(100_000).await, Conditions::default()).await;
        proxy.allow(None, Some(12_345));
        assert_eq!(heard(&proxy).await, 12_345);
        proxy.allow(None, None);
        assert_eq!(heard(&proxy).await, 100_000);
        let slow = Conditions {
            down: Some(100_000),
            cut_every: Some(Duration::from_millis(100)),
            ..Conditions::default()
        };
        proxy.become_like(slow);
        let cut = heard(&proxy).await;
        assert!(cut < 100_000 && proxy.cuts() >= 1, "{cut}");
    }
}
