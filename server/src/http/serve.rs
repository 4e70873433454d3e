//! Accepts connections, and lets those under way finish when the server is told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::state::App;

/// How long a client may take to send the headers of a request, or stay idle between two.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the router on the listener until `stop` is ready, then lets requests under way finish, for as long as the
/// configuration says.
pub async fn serve(app: App, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let connections = Connections::new(&app);
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = Arc::clone(&connections.places).acquire_owned();
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = async { (place.await, listener.accept().await) } => accepted,
        };
        match accepted {
            (Ok(place), Ok((stream, peer))) => connections.spawn(&app, stream, peer, router.clone(), place),
            (_, Err(error)) => pause_after(&error).await,
            (Err(_), _) => break,
        }
    }
    app.stop();
    drop(listener);
    connections.drain(app.config().drain_timeout).await;
}

struct Connections {
    builder: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    places: Arc<Semaphore>,
}

impl Connections {
    fn new(app: &App) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEADER_TIMEOUT);
        let places = Arc::new(Semaphore::new(app.config().max_connections));
        Self { builder, graceful: GracefulShutdown::new(), places }
    }

    fn spawn(
        &self,
        app: &App,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
        place: tokio::sync::OwnedSemaphorePermit,
    ) {
        // Answers are written in parts that should leave at once; where this fails they leave a little later.
        let _ = stream.set_nodelay(true);
        let service = router.map_request(move |request: hyper::Request<Incoming>| with_peer(request, peer));
        let connection =
            self.builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let watched = self.graceful.watch(connection.into_owned());
        let open = app.metrics().connections.clone();
        open.inc();
        tokio::spawn(async move {
            if watched.await.is_err() {
                tracing::debug!("a connection ended in the middle");
            }
            open.dec();
            drop(place);
        });
    }

    async fn drain(self, timeout: Duration) {
        let open = self.graceful.count();
        tracing::info!(connections.open = open, "stopping: requests under way may finish");
        if tokio::time::timeout(timeout, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("stopped before all requests had finished");
        }
    }
}

/// Tells the handlers who asks.
fn with_peer(request: hyper::Request<Incoming>, peer: SocketAddr) -> Request {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// Where the system has no room for one more connection, trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    let of_the_peer = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !of_the_peer {
        tracing::error!(error.chain = %error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Ready when the process is told to stop: SIGTERM, or ctrl-c.
pub async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            let _ = interrupt.await;
            return;
        };
        tokio::select! {
            _ = interrupt => (),
            _ = terminate.recv() => (),
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
