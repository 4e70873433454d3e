//! Ways from a phone to a server: in process, and over TCP with every byte counted.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use fieldmerge_engine::{Refused, Request};
use fieldmerge_protocol::problem::Problem;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// What comes back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Another status than success.
    Refused(Refused),
    /// The whole body of a successful answer.
    Whole(Vec<u8>),
    /// What came of the body of a successful answer before the link broke; often nothing.
    Cut(Vec<u8>),
    /// The server was not reached.
    Unreached,
}

/// A way to a server.
pub trait Link {
    /// Posts a request.
    fn post(&mut self, request: &Request) -> impl Future<Output = Reply>;
}

/// The path of a request.
pub fn path_of(request: &Request) -> String {
    format!("/v1/projects/{}/sync", request.project)
}

/// Calls the router without any network.
#[derive(Debug, Clone)]
pub struct InProcess(pub Router);

impl Link for InProcess {
    async fn post(&mut self, request: &Request) -> Reply {
        let http = axum::http::Request::post(path_of(request))
            .header(AUTHORIZATION, &request.authorization)
            .header(CONTENT_TYPE, request.content_type)
            .header(CONTENT_LENGTH, request.body.len())
            .body(Body::from(request.body.clone()))
            .expect("the parts of a request are plain");
        let answer = self.0.clone().oneshot(http).await.expect("the router answers everything");
        let (parts, body) = answer.into_parts();
        match body.collect().await {
            Ok(body) => reply(parts.status, &parts.headers, body.to_bytes().to_vec()),
            Err(_) => Reply::Cut(Vec::new()),
        }
    }
}

/// Reads a whole answer.
fn reply(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Reply {
    if status == StatusCode::OK {
        return Reply::Whole(body);
    }
    let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Reply::Refused(refused(status.as_u16(), wait, &body))
}

fn refused(status: u16, retry_after_seconds: Option<u32>, body: &[u8]) -> Refused {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    Refused {
        status,
        code: problem.as_ref().map(|problem| problem.code),
        server_ms: problem.and_then(|problem| problem.server_ms),
        retry_after_seconds,
    }
}

/// A TCP connection for each request, which is cut after so many bytes.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// The server.
    pub to: SocketAddr,
    /// Bytes of the request that leave before the link breaks; `None` for all.
    pub up: Option<usize>,
    /// Bytes of the answer that arrive before the link breaks; `None` for all.
    pub down: Option<usize>,
    /// Bytes that the last request took, head included.
    pub sent: usize,
    /// Whether these were all of it.
    pub whole: bool,
    /// Bytes of the last answer that arrived, head included.
    pub received: usize,
}

impl Wire {
    /// A link that holds.
    pub fn to(to: SocketAddr) -> Self {
        Self { to, up: None, down: None, sent: 0, whole: true, received: 0 }
    }

    /// Posts bytes; answers with the status, the head and the body, or with what came before the link broke.
    async fn exchange(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.to).await?;
        let up = self.up.unwrap_or(usize::MAX).min(request.len());
        // A server that dies while it reads has been reached.
        let _ = stream.write_all(&request[..up]).await;
        (self.sent, self.whole) = (up, up == request.len());
        let mut answer = Vec::new();
        if up == request.len() {
            let down = self.down.unwrap_or(usize::MAX) as u64;
            // A server that dies resets the connection: what came before it counts.
            let _ = stream.take(down).read_to_end(&mut answer).await;
        }
        self.received = answer.len();
        Ok(answer)
    }
}

impl Link for Wire {
    async fn post(&mut self, request: &Request) -> Reply {
        let bytes = bytes_of(request);
        self.received = 0;
        let Ok(answer) = self.exchange(&bytes).await else { return Reply::Unreached };
        match Answer::parse(&answer) {
            Some(answer) if !answer.complete && answer.status == 200 => Reply::Cut(answer.body),
            Some(answer) if answer.complete && answer.status == 200 => Reply::Whole(answer.body),
            Some(answer) if answer.complete => {
                Reply::Refused(refused(answer.status, answer.retry_after_seconds, &answer.body))
            }
            _ => Reply::Cut(Vec::new()),
        }
    }
}

/// The bytes of a request on the wire.
pub fn bytes_of(request: &Request) -> Vec<u8> {
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n\r\n",
        path_of(request),
        request.authorization,
        request.content_type,
        request.body.len()
    );
    [head.as_bytes(), &request.body].concat()
}

/// An HTTP answer as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, without its chunks.
    pub body: Vec<u8>,
    /// Whether all of it came.
    pub complete: bool,
    /// From `Retry-After`.
    pub retry_after_seconds: Option<u32>,
}

impl Answer {
    /// Reads the bytes of an answer; nothing before its head is complete.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        let header =
            |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|h| h.1);
        let rest = &bytes[end + 4..];
        let (body, complete) = match header("content-length").and_then(|length| length.parse::<usize>().ok())
        {
            Some(length) => (rest[..length.min(rest.len())].to_vec(), rest.len() >= length),
            None => unchunk(rest),
        };
        let retry_after_seconds = header("retry-after").and_then(|value| value.parse().ok());
        Some(Self { status, body, complete, retry_after_seconds })
    }
}

/// Takes the chunks of a body apart; says whether the last one came.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let length =
            std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(length) = length else { return (body, false) };
        rest = &rest[end + 2..];
        if length == 0 {
            return (body, rest.starts_with(b"\r\n"));
        }
        body.extend_from_slice(&rest[..length.min(rest.len())]);
        if rest.len() < length + 2 {
            return (body, false);
        }
        rest = &rest[length + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_of_an_answer_is_seen() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
        let sized = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 2\r\n\r\n{}";
        for whole in [chunked.as_slice(), sized] {
            for end in 0..whole.len() {
                assert!(Answer::parse(&whole[..end]).is_none_or(|answer| !answer.complete), "{end}");
            }
        }
        let answer = Answer::parse(chunked).expect("a head");
        assert_eq!(
            (answer.status, answer.body.as_slice(), answer.complete),
            (200, b"abc0123456789abcdef".as_slice(), true)
        );
        let answer = Answer::parse(sized).expect("a head");
        assert_eq!((answer.status, answer.retry_after_seconds, answer.complete), (429, Some(5), true));
    }
}
