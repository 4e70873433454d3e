//! HTTP/1.1 over one connection, as little of it as a device needs: what a full client costs is not the server's.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection that is used for one request after another.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes its options");
        Self { stream: BufReader::with_capacity(64 << 10, stream) }
    }

    /// Sends a request and passes the answer's body on, piece by piece. The answer has to be a success.
    pub async fn post(&mut self, request: &[u8], mut take: impl FnMut(&[u8])) {
        self.stream.get_mut().write_all(request).await.expect("the server reads");
        let status = self.line().await;
        let mut length = None;
        loop {
            let line = self.line().await;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
        let mut body = Vec::new();
        let success = status.contains(" 200 ");
        match length {
            Some(length) => self.piece(length, &mut body).await,
            None => {
                while self.chunk(&mut body).await {
                    if success {
                        take(&body);
                        body.clear();
                    }
                }
            }
        }
        assert!(success, "{status}: {}", String::from_utf8_lossy(&body));
        take(&body);
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("the server answers");
        assert!(!line.is_empty(), "the server closed the connection");
        line.trim_end().to_owned()
    }

    async fn piece(&mut self, length: usize, into: &mut Vec<u8>) {
        let start = into.len();
        into.resize(start + length, 0);
        self.stream.read_exact(&mut into[start..]).await.expect("the server answers to the end");
    }

    /// Reads a chunk; says whether there may be another one.
    async fn chunk(&mut self, into: &mut Vec<u8>) -> bool {
        let length = usize::from_str_radix(&self.line().await, 16).expect("a chunk has a length");
        self.piece(length, into).await;
        let mut end = [0; 2];
        self.stream.read_exact(&mut end).await.expect("a chunk has an end");
        length > 0
    }
}
