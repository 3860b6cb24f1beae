//! One WebSocket connection with subscriptions: notifications in the order of arrival, bounded in size and in number.
//!
//! Everything that makes a connection useless is an error that ends it: the caller opens another and takes a snapshot. That is
//! so for a close, a refused subscription, silence, and more notifications than fit the buffer while a snapshot is under way. A
//! single notification that cannot be read is counted and passed over: a later snapshot finds what it told.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use portfolio_margin_interface::{Pubkey, ID};
use serde::Deserialize;
use serde_json::{json, Value};
use solana_account_decoder_client_types::UiAccount;
use solana_commitment_config::CommitmentConfig;
use tokio::net::TcpStream;
use tokio::time::{timeout, Instant};
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{connect_async_with_config, MaybeTlsStream, WebSocketStream};

use crate::model::{Origin, Update};
use crate::wire::{self, Kind, MAX_ACCOUNT_BYTES};

/// Longest message that is accepted, bytes: an account in base64 with room for its envelope.
const MAX_MESSAGE: usize = MAX_ACCOUNT_BYTES * 2;
/// Events that wait at the most: an hour of prices, or a whole house changing ten times while a snapshot is taken.
const MAX_BUFFERED: usize = 100_000;

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Accounts of the program of one kind, of the house.
    Program(Kind),
    /// One account.
    Account(Pubkey),
    /// Slots: what shows that the server lives.
    Slot,
}

/// What a connection tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An account changed.
    Update(Update),
    /// A slot was processed.
    Slot(u64),
    /// Something that could not be read.
    Garbage,
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// There is no connection.
    #[error("no WebSocket connection to {server}: {error}")]
    Connect {
        /// Scheme, host and port: the rest of a URL often is an API key.
        server: String,
        /// Why.
        error: Box<SocketError>,
    },
    /// Nothing came within the time.
    #[error("the WebSocket server said nothing for {0:?}")]
    Silent(Duration),
    /// The connection broke.
    #[error("the WebSocket connection broke: {0}")]
    Broken(Box<SocketError>),
    /// The server closed it.
    #[error("the WebSocket server closed the connection")]
    Closed,
    /// A subscription was refused.
    #[error("the server refused to subscribe to {topic:?}: {answer}")]
    Refused {
        /// What was asked for.
        topic: Topic,
        /// What it answered.
        answer: String,
    },
    /// More came than is kept.
    #[error("{0} notifications wait: the keeper reads more slowly than the server tells")]
    Flooded(usize),
}

#[derive(Deserialize)]
struct Incoming {
    id: Option<u64>,
    result: Option<Value>,
    error: Option<Value>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Params {
    result: Value,
    subscription: u64,
}

#[derive(Deserialize)]
struct Notified<T> {
    context: NotifiedContext,
    value: T,
}

#[derive(Deserialize)]
struct NotifiedContext {
    slot: u64,
}

#[derive(Deserialize)]
struct Keyed {
    pubkey: String,
    account: UiAccount,
}

#[derive(Deserialize)]
struct SlotInfo {
    slot: u64,
}

/// Where to subscribe and how long to wait.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// `ws://` or `wss://`.
    pub url: String,
    /// Whose accounts.
    pub house: Pubkey,
    /// How certain a change is to be told.
    pub commitment: CommitmentConfig,
    /// Longest wait for the connection, an answer, or the next event.
    pub patience: Duration,
}

/// An open connection.
pub struct Session {
    config: SessionConfig,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    /// Asked for and not answered yet, by the request's id.
    asked: BTreeMap<u64, Topic>,
    /// What each subscription is about.
    topics: BTreeMap<u64, Topic>,
    /// Notifications whose subscription has not been answered yet: a server may tell before it answers.
    early: Vec<Params>,
    ready: VecDeque<Event>,
    heard_at: Instant,
}

impl Session {
    /// Connects and subscribes; returns once every subscription is in force.
    pub async fn open(config: SessionConfig, topics: &[Topic]) -> Result<Self, SubscribeError> {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connect = connect_async_with_config(config.url.as_str(), Some(limits), true);
        let connected = timeout(config.patience, connect).await;
        let connected = connected.map_err(|_| SubscribeError::Silent(config.patience))?;
        let (socket, _) = connected.map_err(|error| SubscribeError::Connect {
            server: server_of(&config.url),
            error: Box::new(error),
        })?;
        let mut session = Self {
            config,
            socket,
            next_id: 0,
            asked: BTreeMap::new(),
            topics: BTreeMap::new(),
            early: vec![],
            ready: VecDeque::new(),
            heard_at: Instant::now(),
        };
        session.subscribe(topics).await?;
        Ok(session)
    }

    /// Subscribes to more, and returns once it is in force; events that come meanwhile are kept.
    pub async fn subscribe(&mut self, topics: &[Topic]) -> Result<(), SubscribeError> {
        for topic in topics {
            self.next_id = self.next_id.saturating_add(1);
            let request = self.request(self.next_id, topic).to_string();
            let sent = timeout(self.config.patience, self.socket.send(request.into())).await;
            let sent = sent.map_err(|_| SubscribeError::Silent(self.config.patience))?;
            sent.map_err(broken)?;
            self.asked.insert(self.next_id, *topic);
        }
        let asked_at = Instant::now();
        while !self.asked.is_empty() {
            // other subscriptions may speak on for ever
            if asked_at.elapsed() > self.config.patience {
                return Err(SubscribeError::Silent(self.config.patience));
            }
            self.receive().await?;
        }
        Ok(())
    }

    /// What is next, in the order of arrival. May be dropped at any await without losing an event.
    pub async fn next(&mut self) -> Result<Event, SubscribeError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.receive().await?;
        }
    }

    /// Does something else and keeps what comes meanwhile.
    pub async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, SubscribeError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                received = self.receive() => received?,
            }
        }
    }

    /// Reads one message.
    async fn receive(&mut self) -> Result<(), SubscribeError> {
        let patience = self.config.patience;
        let silent = || SubscribeError::Silent(patience);
        // measured from the last message, not from this call: the caller may drop and renew it more often than that
        let left = patience.checked_sub(self.heard_at.elapsed());
        let message = timeout(left.ok_or_else(silent)?, self.socket.next()).await;
        let message = message.map_err(|_| silent())?;
        self.heard_at = Instant::now();
        match message.ok_or(SubscribeError::Closed)?.map_err(broken)? {
            Message::Text(text) => self.take(text.as_str()),
            Message::Close(_) => Err(SubscribeError::Closed),
            // the socket answers pings itself
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Binary(_) => self.keep(Event::Garbage),
        }
    }

    fn take(&mut self, text: &str) -> Result<(), SubscribeError> {
        let Ok(message) = serde_json::from_str::<Incoming>(text) else {
            return self.keep(Event::Garbage);
        };
        match (message.id, message.params) {
            (Some(id), _) => self.answer(id, message.result, message.error),
            (None, Some(params)) => self.notification(params),
            (None, None) => self.keep(Event::Garbage),
        }
    }

    fn answer(
        &mut self,
        id: u64,
        result: Option<Value>,
        error: Option<Value>,
    ) -> Result<(), SubscribeError> {
        let Some(topic) = self.asked.remove(&id) else {
            return self.keep(Event::Garbage);
        };
        let Some(subscription) = result.as_ref().and_then(Value::as_u64) else {
            let answer = error.or(result).unwrap_or_default().to_string();
            return Err(SubscribeError::Refused { topic, answer });
        };
        self.topics.insert(subscription, topic);
        for params in std::mem::take(&mut self.early) {
            self.notification(params)?;
        }
        Ok(())
    }

    fn notification(&mut self, params: Params) -> Result<(), SubscribeError> {
        match self.topics.get(&params.subscription) {
            Some(topic) => {
                let event = read(topic, params.result).unwrap_or(Event::Garbage);
                self.keep(event)
            }
            None if self.asked.is_empty() => self.keep(Event::Garbage),
            None => {
                self.require_room(self.early.len())?;
                self.early.push(params);
                Ok(())
            }
        }
    }

    fn keep(&mut self, event: Event) -> Result<(), SubscribeError> {
        self.require_room(self.ready.len())?;
        self.ready.push_back(event);
        Ok(())
    }

    fn require_room(&self, waiting: usize) -> Result<(), SubscribeError> {
        match waiting < MAX_BUFFERED {
            true => Ok(()),
            false => Err(SubscribeError::Flooded(waiting)),
        }
    }

    fn request(&self, id: u64, topic: &Topic) -> Value {
        let commitment = self.config.commitment.commitment;
        let (method, params) = match topic {
            Topic::Slot => ("slotSubscribe", json!([])),
            Topic::Account(key) => {
                let config = json!({ "encoding": "base64", "commitment": commitment });
                ("accountSubscribe", json!([key.to_string(), config]))
            }
            Topic::Program(kind) => {
                let filters = kind.filters(&self.config.house);
                let config = json!({
                    "encoding": "base64", "commitment": commitment, "filters": filters,
                });
                ("programSubscribe", json!([ID.to_string(), config]))
            }
        };
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }
}

/// Scheme, host and port of a URL, without user, path and query.
fn server_of(url: &str) -> String {
    let Ok(parsed) = url.parse::<Uri>() else {
        return "what is no URL".to_owned();
    };
    let scheme = parsed.scheme_str().unwrap_or("?");
    let host = parsed.host().unwrap_or("?");
    match parsed.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

fn broken(error: SocketError) -> SubscribeError {
    SubscribeError::Broken(Box::new(error))
}

/// Reads a notification; `None` for one of another shape.
fn read(topic: &Topic, result: Value) -> Option<Event> {
    let (key, account, slot) = match topic {
        Topic::Slot => {
            let info: SlotInfo = serde_json::from_value(result).ok()?;
            return Some(Event::Slot(info.slot));
        }
        Topic::Account(key) => {
            let told: Notified<UiAccount> = serde_json::from_value(result).ok()?;
            (*key, told.value, told.context.slot)
        }
        Topic::Program(_) => {
            let told: Notified<Keyed> = serde_json::from_value(result).ok()?;
            let key = told.value.pubkey.parse().ok()?;
            (key, told.value.account, told.context.slot)
        }
    };
    wire::update(key, &account, slot, Origin::Subscription).map(Event::Update)
}

#[cfg(test)]
mod tests;
