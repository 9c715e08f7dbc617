// SPDX-License-Identifier: EUPL-1.2
//! `/metrics`, `/healthz` and `/readyz` over a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use octroi::listen::metrics::Metrics;
use octroi::listen::settings::Networks;
use octroi::listen::{http, log};
use octroi::policy::verdict::Disposition;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn readiness_follows_the_store_and_life_does_not() {
    let away = Arc::new(AtomicBool::new(false));
    let theirs = away.clone();
    let missing: http::Missing = Arc::new(move || match theirs.load(Ordering::SeqCst) {
        true => vec!["the store cannot be written".to_owned()],
        false => Vec::new(),
    });
    let metrics = Arc::new(Metrics::default());
    metrics.mail(Disposition::Pass);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (log, _guard) = quiet_log();
    let pages = http::health(missing).merge(http::metrics(metrics.clone(), Networks::default(), log.clone()));
    let server = tokio::spawn(http::serve(listener, pages, metrics, log, stop.clone()));

    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    away.store(true, Ordering::SeqCst);
    let answer = get(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the store cannot be written"), "{answer}");
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let page = get(address, "/metrics").await;
    assert!(page.contains("text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("octroi_mails_total{disposition=\"pass\"} 1\n"));
    assert!(get(address, "/elsewhere").await.starts_with("HTTP/1.1 404"));
    stop.cancel();
    server.await.unwrap();
}

fn quiet_log() -> (log::Log, log::Guard) {
    let level = log::Level::parse("info").unwrap();
    let settings = log::LogSettings { format: log::Format::Human, level, target: log::Target::Stderr };
    log::start(&settings, Box::new(std::io::sink())).unwrap()
}
