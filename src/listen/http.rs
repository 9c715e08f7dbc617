// SPDX-License-Identifier: EUPL-1.2
//! The HTTP pages `/metrics`, `/healthz` and `/readyz`.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// What is missing for taking mail, a short sentence each; empty while we are ready (decision D15). It is called at
/// every probe and answers from what is known: it waits for nothing.
pub type Missing = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// The health pages: for the address of the desk, or for their own.
pub fn health(missing: Missing) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(missing)
}

/// The metrics page.
pub fn metrics(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(metrics_page)).with_state(metrics)
}

/// Serves pages until `shutdown` is cancelled; finishes the answers in progress.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, pages: Router, shutdown: CancellationToken) -> io::Result<()> {
    axum::serve(listener, pages).with_graceful_shutdown(shutdown.cancelled_owned()).await
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

async fn metrics_page(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}
