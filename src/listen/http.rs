// SPDX-License-Identifier: EUPL-1.2
//! The HTTP pages `/metrics`, `/healthz` and `/readyz`, for few and short requests.
//!
//! A request has a limit of time and size, and all of them together have a limit of connections: what stands at this
//! listener takes nothing from the listeners of mail.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::capacity::ConnectionLimit;
use super::log::Log;
use super::metrics::{Listener, Metrics};
use super::refusal::{Refusal, log_refusal};
use super::settings::Networks;

/// Connections at once, and those of one address: a probe and a collector need one each.
pub const CONNECTIONS: usize = 64;
const CONNECTIONS_PER_CLIENT: usize = 16;
/// For the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// For all of a connection, the answer included: the pages are short.
const WHOLE: Duration = Duration::from_secs(30);
/// Octets of a request's head, and its fields.
const HEAD_SIZE: usize = 16 * 1024;
const HEAD_FIELDS: usize = 64;
/// For the answers under way when the gateway stops.
const STOPPING: Duration = Duration::from_secs(2);

/// What is missing for taking mail, a short sentence each; empty while we are ready (decision D15). It is called at
/// every probe and answers from what is known: it waits for nothing.
pub type Missing = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Who asks.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

/// The health pages: for the address of the desk, or for their own.
pub fn health(missing: Missing) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(missing)
}

/// The metrics page, for this machine and for `clients`.
pub fn metrics(metrics: Arc<Metrics>, clients: Networks, log: Log) -> Router {
    Router::new().route("/metrics", get(metrics_page)).with_state(Arc::new(MetricsPage { metrics, clients, log }))
}

/// Serves pages until `shutdown` is cancelled; finishes the answers in progress.
pub async fn serve(listener: TcpListener, pages: Router, metrics: Arc<Metrics>, log: Log, shutdown: CancellationToken) {
    let limit = Arc::new(ConnectionLimit::new(CONNECTIONS, CONNECTIONS_PER_CLIENT));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "http: cannot accept a connection");
                // Out of file descriptors, most likely: a pause keeps the loop from eating the CPU.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let place = limit.enter().and_then(|mut place| place.is_for(peer).then_some(place));
        let Some(place) = place else {
            // Closed without a word: words are what it is short of.
            let refusal = Refusal { cause: &"too many connections", ..Refusal::of(Listener::Http, peer) };
            log_refusal(&refusal, &metrics, &log);
            continue;
        };
        let (pages, shutdown) = (pages.clone().layer(Extension(Peer(peer))), shutdown.clone());
        connections.spawn(async move {
            // A client that is too slow, or speaks no HTTP, is closed.
            let _ = timeout(WHOLE, answer(stream, pages, shutdown)).await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn answer(stream: TcpStream, pages: Router, shutdown: CancellationToken) -> Result<(), hyper::Error> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_SIZE).max_headers(HEAD_FIELDS);
    // One request each: whoever asks again connects again.
    http.keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    tokio::pin!(connection);
    tokio::select! {
        done = &mut connection => return done,
        () = shutdown.cancelled() => {}
    }
    timeout(STOPPING, connection).await.unwrap_or(Ok(()))
}

/// The process answers: it is alive.
async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(State(missing): State<Missing>) -> impl IntoResponse {
    let missing = missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
}

struct MetricsPage {
    metrics: Arc<Metrics>,
    clients: Networks,
    log: Log,
}

async fn metrics_page(
    State(page): State<Arc<MetricsPage>>,
    Extension(Peer(peer)): Extension<Peer>,
) -> impl IntoResponse {
    let plain = |kind| [(header::CONTENT_TYPE, kind)];
    if !peer.is_loopback() && !page.clients.contains(peer) {
        let cause = "not in [metrics] clients";
        let refusal = Refusal { code: 403, cause: &cause, at: "/metrics", ..Refusal::of(Listener::Http, peer) };
        log_refusal(&refusal, &page.metrics, &page.log);
        let words = "this page is for the networks in [metrics] clients\n".to_owned();
        return (StatusCode::FORBIDDEN, plain("text/plain; charset=utf-8"), words);
    }
    (StatusCode::OK, plain("text/plain; version=0.0.4; charset=utf-8"), page.metrics.render())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use hyper::service::Service;

    use super::*;
    use crate::listen::log::{self, Format, Level, LogSettings, Target};

    async fn seen_from(peer: &str, clients: &[&str]) -> (StatusCode, String) {
        let level = Level::parse("info").unwrap();
        let settings = LogSettings { format: Format::Human, level, target: Target::Stderr };
        let (log, _guard) = log::start(&settings, Box::new(std::io::sink())).unwrap();
        let counted = Arc::new(Metrics::default());
        let clients = Networks(clients.iter().map(|text| text.parse().unwrap()).collect());
        let pages = metrics(counted.clone(), clients, log).layer(Extension(Peer(peer.parse().unwrap())));
        let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
        let answer = TowerToHyperService::new(pages).call(request).await.unwrap();
        (answer.status(), counted.render())
    }

    #[tokio::test]
    async fn metrics_are_for_this_machine_and_its_clients() {
        for near in ["127.0.0.1", "127.8.8.8", "::1"] {
            assert_eq!(seen_from(near, &[]).await.0, StatusCode::OK, "{near}");
        }
        assert_eq!(seen_from("10.20.0.7", &["10.20.0.0/24"]).await.0, StatusCode::OK);
        for far in ["10.20.1.7", "2001:db8::1"] {
            let (status, page) = seen_from(far, &["10.20.0.0/24"]).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{far}");
            assert!(page.contains("octroi_refusals_total{listener=\"http\",code=\"403\"} 1\n"), "{page}");
        }
    }
}
