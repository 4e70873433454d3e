//! A link that breaks: passes bytes between a phone and the server until so many have gone up, then cuts both ways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A listening link; it is gone when dropped.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    allowance: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    /// Opens a link at this address to a server on this machine.
    pub async fn open(at: SocketAddr, server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let allowance = Arc::new(AtomicI64::new(i64::MAX));
        let left = Arc::clone(&allowance);
        let task = tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                tokio::spawn(pass(phone, server, Arc::clone(&left)));
            }
        });
        Ok(Self { address, allowance, task })
    }

    /// Where the phone connects.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many more bytes pass, up and down together, before every connection is cut.
    pub fn allow(&self, bytes: i64) {
        self.allowance.store(bytes, Ordering::SeqCst);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(phone: TcpStream, server: SocketAddr, left: Arc<AtomicI64>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (phone_read, phone_write) = phone.into_split();
    let (server_read, server_write) = server.into_split();
    // Whichever direction ends first takes the other with it.
    tokio::select! {
        () = copy(phone_read, server_write, &left) => {}
        () = copy(server_read, phone_write, &left) => {}
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    left: &AtomicI64,
) {
    let mut buffer = [0; 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        let bytes = i64::try_from(read).unwrap_or(i64::MAX);
        let allowed = left.fetch_sub(bytes, Ordering::SeqCst).clamp(0, bytes);
        let passed = usize::try_from(allowed).unwrap_or_default();
        if read == 0 || to.write_all(&buffer[..passed]).await.is_err() || passed < read {
            return;
        }
    }
}
