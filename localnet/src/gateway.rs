//! The gateway before the WebSocket server: gives every notification the slot that a validator would give it.
//!
//! surfpool states in all notifications of a subscription the slot in which the subscription began, so a client that keeps the newer of
//! two states would keep an old one. The gateway passes on everything else as it is.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use surfpool_core::surfnet::locker::SurfnetSvmLocker;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

use crate::chain::HOST;
use crate::error::Error;

/// For connections to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The gateway's threads; they end when it is dropped.
pub(crate) struct Gateway {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Gateway {
    /// Serves on a port that is bound already, for the server at another.
    pub fn start(
        listener: TcpListener,
        port: u16,
        locker: SurfnetSvmLocker,
    ) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Chain(format!("no gateway: {error}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("gateway")
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) });
        let listener = listener.map_err(failed)?;
        runtime.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        tokio::spawn(serve(client, port, locker.clone()));
                    }
                    // as when there are too many open files: later there may be fewer
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Ok(Self {
            runtime: Some(runtime),
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // in a thread of its own: whoever drops it may be inside a runtime, which forbids waiting
            let ending = std::thread::spawn(move || runtime.shutdown_timeout(PATIENCE));
            // one that panicked has ended too
            let _ = ending.join();
        }
    }
}

/// Passes messages on in both directions until either side ends.
async fn serve(client: TcpStream, port: u16, locker: SurfnetSvmLocker) {
    let url = format!("ws://{HOST}:{port}");
    let (Ok(client), Ok((server, _))) = (accept_async(client).await, connect_async(url).await)
    else {
        return; // neither a WebSocket nor a running chain: nobody to answer
    };
    let (mut to_client, mut from_client) = client.split();
    let (mut to_server, mut from_server) = server.split();
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            if to_server.send(message).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        while let Some(Ok(message)) = from_server.next().await {
            let message = match message {
                Message::Text(text) => Message::text(dated(&text, &locker).await),
                other => other,
            };
            if to_client.send(message).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
    // the side that is still there learns that the other has gone
    let _ = tokio::join!(to_client.close(), to_server.close());
}

/// A notification with the slot of now; anything else unchanged.
async fn dated(text: &str, locker: &SurfnetSvmLocker) -> String {
    if !text.contains("Notification\"") {
        return text.into();
    }
    let Ok(mut message) = serde_json::from_str::<Value>(text) else {
        return text.into();
    };
    let Some(slot) = message.pointer_mut("/params/result/context/slot") else {
        return text.into();
    };
    *slot = locker.0.read().await.latest_epoch_info.absolute_slot.into();
    message.to_string()
}
