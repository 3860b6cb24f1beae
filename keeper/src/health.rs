//! Metrics and health over HTTP: `/metrics`, `/healthz` (the process lives), `/readyz` (its book is whole and young).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{header, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// Why a keeper is not ready, or that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The first snapshot, or one after a gap, is not whole yet.
    Loading,
    /// The newest data is this many slots old, of at most so many.
    Stale {
        /// Slots behind.
        slots: u64,
        /// The limit.
        most: u64,
    },
    /// Everything is known, and lately.
    Ready,
    /// It was told to stop.
    Stopping,
}

impl Readiness {
    /// The answer of `/readyz`.
    pub fn answer(&self) -> (StatusCode, String) {
        match self {
            Self::Ready => (StatusCode::OK, "ready\n".to_owned()),
            Self::Loading => unavailable("loading: the snapshot is not whole yet\n".to_owned()),
            Self::Stale { slots, most } => unavailable(format!(
                "stale: the newest data is {slots} slots old, of at most {most}\n"
            )),
            Self::Stopping => unavailable("stopping\n".to_owned()),
        }
    }
}

fn unavailable(text: String) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    readiness: watch::Receiver<Readiness>,
}

/// Binds the address; port 0 takes a free one.
///
/// Errors: those of the operating system, as where another process listens there.
pub async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Answers until `stop` ends.
///
/// Errors: those of the listener.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: watch::Receiver<Readiness>,
    stop: impl std::future::Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(shown_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(shown_readiness))
        .with_state(Shared { metrics, readiness });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

async fn shown_metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text())
}

async fn shown_readiness(State(shared): State<Shared>) -> impl IntoResponse {
    shared.readiness.borrow().answer()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn fetched(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_follows_readiness_and_metrics_are_served_throughout() {
        let (listener, address) = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (sender, receiver) = watch::channel(Readiness::Loading);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let metrics = Arc::new(Metrics::default());
        metrics.slot.set(77);
        let server = tokio::spawn(serve(listener, metrics, receiver, async {
            drop(stopped.await);
        }));
        let stale = Readiness::Stale {
            slots: 151,
            most: 150,
        };
        let states = [
            (Readiness::Loading, 503, "loading"),
            (Readiness::Ready, 200, "ready"),
            (stale, 503, "151 slots old, of at most 150"),
            (Readiness::Stopping, 503, "stopping"),
        ];
        for (state, code, text) in states {
            sender.send_replace(state);
            let ready = fetched(address, "/readyz").await;
            assert!(ready.starts_with(&format!("HTTP/1.1 {code}")), "{ready}");
            assert!(ready.contains(text), "{ready}");
            let health = fetched(address, "/healthz").await;
            assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"));
            let shown = fetched(address, "/metrics").await;
            assert!(shown.contains("openmetrics-text") && shown.contains("margin_keeper_slot 77"));
        }
        assert!(fetched(address, "/other").await.starts_with("HTTP/1.1 404"));
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}
