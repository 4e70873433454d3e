//! The link to the server: HTTP with JSON for enrolment and bundles for sync.

use std::sync::Arc;
use std::time::Duration;

use fieldmerge_engine::{Refused, Request, Transferred};
use fieldmerge_protocol::api::{EnrolAnswer, EnrolRequest};
use fieldmerge_protocol::problem::Problem;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};

use crate::error::Error;
use crate::upload::{Progress, Upload};

/// A server says something at least every ten seconds; a link on which nothing moves for so long is dead.
const SILENCE: Duration = Duration::from_secs(45);
const CONNECT: Duration = Duration::from_secs(30);
/// The most bytes of a problem document that are read.
const MAX_PROBLEM_BYTES: usize = 64 << 10;

/// An HTTP client with its connections.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client,
}

impl Transport {
    pub(crate) fn new() -> Result<Self, Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .user_agent(concat!("fieldmerge/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::Link)?;
        Ok(Self { client })
    }

    /// Offers the device's key for a one-time code.
    pub(crate) async fn enrol(&self, address: &str, offer: &EnrolRequest) -> Result<EnrolAnswer, Error> {
        let body = serde_json::to_vec(offer).map_err(|_| Error::BadAnswer)?;
        let request =
            self.client.post(url(address, "v1/enrol")?).header(header::CONTENT_TYPE, "application/json");
        let response = request.body(body).timeout(SILENCE).send().await.map_err(Error::Link)?;
        if response.status().is_success() {
            let body = response.bytes().await.map_err(Error::Link)?;
            return serde_json::from_slice(&body)
                .map_err(|_| Error::NoServer { address: address.to_owned() });
        }
        let retry_after = retry_after(&response);
        let status = response.status().as_u16();
        match problem(response).await {
            Some(problem) => Err(Error::Problem { problem: Box::new(problem), retry_after }),
            None => Err(Error::Status { address: address.to_owned(), status, retry_after }),
        }
    }

    /// Sends a sync request; the answer's body is still to be read. How the body of the request leaves stands in
    /// `progress`.
    pub(crate) async fn send(
        &self,
        address: &str,
        request: Request,
        progress: &Arc<Progress>,
    ) -> Result<Answer, Error> {
        let to = url(address, &format!("v1/projects/{}/sync", request.project))?;
        let sending = self
            .client
            .post(to)
            .header(header::AUTHORIZATION, request.authorization)
            .header(header::CONTENT_TYPE, request.content_type)
            .body(reqwest::Body::wrap(Upload::new(request.body, Arc::clone(progress))))
            .send();
        let sent = tokio::select! {
            sent = sending => sent.map_err(Error::Link)?,
            () = progress.silence(SILENCE) => return Ok(Answer::Silence),
        };
        if sent.status() == StatusCode::OK {
            return Ok(Answer::Body(sent));
        }
        Ok(Answer::Refused(refusal(sent).await))
    }

    /// Begins a request with a token.
    pub(crate) fn request(&self, method: Method, address: &str, path: &str) -> Result<RequestBuilder, Error> {
        Ok(self.client.request(method, url(address, path)?))
    }

    /// The head of the answer to a request about an attachment. A link that fails before it is a cut.
    pub(crate) async fn answer(
        &self,
        request: RequestBuilder,
        progress: &Arc<Progress>,
    ) -> Result<Response, Transferred> {
        tokio::select! {
            sent = request.send() => {
                sent.map_err(|error| Transferred::Cut { bytes: 0, reached: !error.is_connect() })
            }
            () = progress.silence(SILENCE) => Err(Transferred::Cut { bytes: 0, reached: true }),
        }
    }
}

/// What a server that refuses says.
pub(crate) async fn refusal(answer: Response) -> Refused {
    let retry_after_seconds = retry_after(&answer);
    let status = answer.status().as_u16();
    let problem = problem(answer).await;
    Refused {
        status,
        code: problem.as_ref().map(|problem| problem.code),
        server_ms: problem.and_then(|problem| problem.server_ms),
        retry_after_seconds,
    }
}

/// What a server says to a sync request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Success: a bundle, to be read piece by piece.
    Body(Response),
    /// Anything else.
    Refused(Refused),
    /// Nothing moved for too long.
    Silence,
}

/// The next piece of an answer; nothing at its end. A link that is silent for too long is cut.
pub(crate) async fn next_piece(answer: &mut Response) -> Result<Option<Vec<u8>>, Cut> {
    match tokio::time::timeout(SILENCE, answer.chunk()).await {
        Ok(Ok(piece)) => Ok(piece.map(|piece| piece.to_vec())),
        Ok(Err(_)) | Err(_) => Err(Cut),
    }
}

/// The link broke within an answer.
#[derive(Debug)]
pub(crate) struct Cut;

fn url(address: &str, path: &str) -> Result<Url, Error> {
    let base = Url::parse(address).map_err(|_| Error::BadAddress)?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(Error::BadAddress);
    }
    let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| Error::BadAddress)
}

fn retry_after(response: &Response) -> Option<u32> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// The problem document of a refusal, if there is one that this build understands.
async fn problem(mut response: Response) -> Option<Problem> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = next_piece(&mut response).await {
        body.extend_from_slice(&piece);
        if body.len() > MAX_PROBLEM_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&body).ok()
}
