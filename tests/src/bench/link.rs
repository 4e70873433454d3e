//! A link that counts: every byte that passes between a device and the server, heads of HTTP included.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// From the device.
    pub up: u64,
    /// To the device.
    pub down: u64,
}

#[derive(Debug, Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
}

/// A listening link; it is gone when dropped.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Link {
    /// Opens a link to a server.
    pub async fn open(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let counters = Arc::new(Counters::default());
        let counting = Arc::clone(&counters);
        let task = tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                tokio::spawn(pass(device, server, Arc::clone(&counting)));
            }
        });
        Self { address, counters, task }
    }

    /// Where a device connects.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has passed since the last call.
    pub fn take(&self) -> Traffic {
        let up = self.counters.up.swap(0, Ordering::SeqCst);
        Traffic { up, down: self.counters.down.swap(0, Ordering::SeqCst) }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(device: TcpStream, server: SocketAddr, counters: Arc<Counters>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&device, &server] {
        // Where this fails the bytes are the same, only slower.
        let _ = stream.set_nodelay(true);
    }
    let (device_read, device_write) = device.into_split();
    let (server_read, server_write) = server.into_split();
    // Whichever direction ends first takes the other with it.
    tokio::select! {
        () = copy(device_read, server_write, &counters.up) => {}
        () = copy(server_read, device_write, &counters.down) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counter: &AtomicU64) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read) = from.read(&mut buffer).await {
        counter.fetch_add(read as u64, Ordering::SeqCst);
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
