//! JSON-RPC over HTTP for a server that nobody trusts: answers are bounded, and whatever comes is a value or an error.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{json, Value};
use solana_rpc_client_api::client_error::reqwest::{self, header, redirect, Client, Url};

use crate::error::{ClientError, Result, RpcFailure};
use crate::failure::TransactionFailure;

/// Largest answer that lists accounts of a program, bytes: one of 100,000 margin accounts stays below.
const MOST_LISTED: usize = 512 << 20;
/// Largest answer of any other method, bytes: a hundred accounts, or a log.
const MOST_ANSWER: usize = 64 << 20;
/// Longest text of a server's that an error repeats.
const MOST_TEXT: usize = 300;

/// A future that a trait object can return.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Value>> + Send + 'a>>;

/// What carries a request to a server: HTTP, or what a test puts in its place.
pub trait Transport: Send + Sync {
    /// Sends one request; returns its `result`.
    fn call<'a>(&'a self, method: &'static str, params: Value) -> Answer<'a>;
    /// Scheme, host and port, for errors.
    fn server(&self) -> &str;
}

/// HTTP with one pool of connections.
pub struct Http {
    client: Client,
    url: Url,
    server: String,
    next_id: AtomicU64,
    /// Most bytes of an answer that lists no accounts of a program.
    most_answer: usize,
}

impl Http {
    /// A transport for a URL. `timeout` bounds each request, the answer's last byte included.
    ///
    /// Errors: [`ClientError::Invalid`] where the URL is none of HTTP.
    pub fn new(url: &str, timeout: Duration) -> Result<Self> {
        let parsed = Url::parse(url);
        let parsed = parsed.map_err(|why| ClientError::Invalid(format!("not a URL: {why}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            let scheme = parsed.scheme();
            let what = format!("an RPC URL begins with http or https, not {scheme}");
            return Err(ClientError::Invalid(what));
        }
        let built = Client::builder()
            .timeout(timeout)
            .pool_idle_timeout(timeout)
            .redirect(redirect::Policy::none())
            .build();
        let client = built.map_err(|why| ClientError::Invalid(why.without_url().to_string()))?;
        Ok(Self {
            client,
            server: server_of(&parsed),
            url: parsed,
            next_id: AtomicU64::new(1),
            most_answer: MOST_ANSWER,
        })
    }

    fn failure(&self, method: &'static str, status: Option<u16>, message: String) -> ClientError {
        ClientError::Rpc(RpcFailure {
            method,
            server: self.server.clone(),
            status,
            code: None,
            message: shortened(&message),
            refusal: None,
        })
    }

    async fn body(&self, method: &'static str, request: String) -> Result<(u16, Vec<u8>)> {
        let failed = |error: reqwest::Error| {
            let status = error.status().map(|status| status.as_u16());
            self.failure(method, status, chain(&error.without_url()))
        };
        let sent = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(request);
        let mut response = sent.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let most = match method {
            "getProgramAccounts" => MOST_LISTED,
            _ => self.most_answer,
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > most {
                let what = format!("an answer of more than {most} bytes");
                return Err(self.failure(method, Some(status), what));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    async fn exchange(&self, method: &'static str, params: Value) -> Result<Value> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let (status, body) = self.body(method, request.to_string()).await?;
        let parsed: Option<Value> = serde_json::from_slice(&body).ok();
        // many servers send errors of JSON-RPC with a status of HTTP
        let error = parsed.as_ref().and_then(|answer| answer.get("error"));
        if let Some(error) = error.filter(|error| !error.is_null()) {
            return Err(self.refused(method, status, error));
        }
        if status != 200 {
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(self.failure(method, Some(status), text));
        }
        let nonsense = |what: &str| ClientError::Nonsense {
            method,
            server: self.server.clone(),
            what: what.to_owned(),
        };
        let mut answer = parsed.ok_or_else(|| nonsense("no JSON"))?;
        if answer.get("id").and_then(Value::as_u64) != Some(id) {
            return Err(nonsense("the answer to another request"));
        }
        let result = answer.get_mut("result").map(Value::take);
        result.ok_or_else(|| nonsense("neither a result nor an error"))
    }

    fn refused(&self, method: &'static str, status: u16, error: &Value) -> ClientError {
        let message = error.get("message").and_then(Value::as_str);
        let data = error.get("data").filter(|data| data.get("err").is_some());
        let refusal = data.map(|data| Box::new(simulated_failure(data)));
        ClientError::Rpc(RpcFailure {
            method,
            server: self.server.clone(),
            status: (status != 200).then_some(status),
            code: error.get("code").and_then(Value::as_i64),
            message: shortened(message.unwrap_or("an error without a message")),
            refusal,
        })
    }
}

impl Transport for Http {
    fn call<'a>(&'a self, method: &'static str, params: Value) -> Answer<'a> {
        Box::pin(self.exchange(method, params))
    }

    fn server(&self) -> &str {
        &self.server
    }
}

/// The failure in a simulation's result, or in the data of a refused `sendTransaction`.
pub(crate) fn simulated_failure(result: &Value) -> TransactionFailure {
    let units = result.get("unitsConsumed").and_then(Value::as_u64);
    let error = result.get("err").unwrap_or(&Value::Null);
    TransactionFailure::read(error, log_lines(result), units.unwrap_or(0))
}

/// The logs of a simulation or of a transaction's metadata.
pub(crate) fn log_lines(result: &Value) -> Vec<String> {
    let logs = result.get("logs").or_else(|| result.get("logMessages"));
    let lines = logs.and_then(Value::as_array);
    let lines = lines.into_iter().flatten().filter_map(Value::as_str);
    lines.map(str::to_owned).collect()
}

/// Scheme, host and port of a URL: user, path and query often hold an API key.
pub(crate) fn server_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// An error and what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn shortened(text: &str) -> String {
    let plain = text.chars().map(|c| match c.is_control() {
        true => ' ',
        false => c,
    });
    plain.take(MOST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ClientError::{Nonsense, Rpc};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Asks a server that answers everything with these bytes.
    async fn ask(answer: String) -> Result<Value> {
        asked("getSlot", answer, MOST_ANSWER).await
    }

    async fn asked(method: &'static str, answer: String, most_answer: usize) -> Result<Value> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/KEY", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let http = Http {
            most_answer,
            ..Http::new(&url, Duration::from_secs(2)).unwrap()
        };
        let result = http.call(method, json!([])).await;
        serving.abort();
        result
    }

    /// An answer of HTTP with that status and body.
    fn answer(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn an_answer_is_its_result() {
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{"slot":7}}"#;
        assert_eq!(
            ask(answer("200 OK", body)).await.unwrap(),
            json!({"slot": 7})
        );
        // null is a result as well
        let body = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
        assert_eq!(ask(answer("200 OK", body)).await.unwrap(), Value::Null);
    }

    #[tokio::test]
    async fn nonsense_is_an_error_that_is_not_repeated() {
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "{}",
            r#"{"id":1}"#,
            r#"{"id":2,"result":1}"#,
            r#"{"id":"1","result":1}"#,
            r#"{"result":1}"#,
        ] {
            let error = ask(answer("200 OK", body)).await.unwrap_err();
            assert!(matches!(error, Nonsense { .. }), "{body}: {error}");
            assert!(!error.is_transient());
        }
    }

    #[tokio::test]
    async fn statuses_and_codes_are_told_apart() {
        for (status, is_transient) in [
            ("304 Not Modified", false),
            ("301 Moved", false),
            ("403 Forbidden", false),
            ("404 Not Found", false),
            ("429 Too Many Requests", true),
            ("503 Unavailable", true),
        ] {
            let error = ask(answer(status, "no")).await.unwrap_err();
            let number: u16 = status[..3].parse().unwrap();
            assert!(
                matches!(&error, Rpc(f) if f.status == Some(number)),
                "{error}"
            );
            assert_eq!(error.is_transient(), is_transient, "{status}");
            assert!(!error.to_string().contains("KEY"));
        }
        for (code, is_transient) in [(-32602, false), (-32005, true), (-32016, true)] {
            let body = format!(r#"{{"id":1,"error":{{"code":{code},"message":"no"}}}}"#);
            for status in ["200 OK", "400 Bad Request"] {
                let error = ask(answer(status, &body)).await.unwrap_err();
                assert!(matches!(&error, Rpc(f) if f.code == Some(code)), "{error}");
                assert_eq!(error.is_transient(), is_transient, "{code}");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_has_a_bound_but_for_one_that_lists_accounts() {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#,
            "x".repeat(500)
        );
        for (method, most, is_good) in [
            ("getSlot", body.len(), true),
            ("getSlot", body.len() - 1, false),
            ("getProgramAccounts", 1, true),
        ] {
            let answer = asked(method, answer("200 OK", &body), most).await;
            assert_eq!(answer.is_ok(), is_good, "{method} {most}");
            let error = answer.err().map(|error| error.to_string());
            assert!(error.is_none_or(|error| error.contains("an answer of more than")));
        }
    }

    /// A redirect would carry a transaction, and the key in the URL's path, to a server that nobody chose.
    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let location = format!("http://{}/", elsewhere.local_addr().unwrap());
        for status in ["301 Moved", "302 Found", "307 Moved", "308 Moved"] {
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let error = ask(answer).await.unwrap_err();
            let number: u16 = status[..3].parse().unwrap();
            assert!(
                matches!(&error, Rpc(f) if f.status == Some(number)),
                "{error}"
            );
        }
        let asked = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
        assert!(asked.is_err(), "nobody asks there");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_worth_another_try() {
        let whole = answer("200 OK", r#"{"jsonrpc":"2.0","id":1,"result":7}"#);
        for end in [0, 10, whole.len() - 1] {
            let error = ask(whole[..end].to_owned()).await.unwrap_err();
            assert!(error.is_transient(), "{end}: {error}");
        }
    }

    #[tokio::test]
    async fn a_refused_sending_carries_what_its_simulation_said() {
        let body = r#"{"id":1,"error":{"code":-32002,"message":"m","data":
            {"err":{"InstructionError":[0,{"Custom":6001}]},"logs":["a"],"unitsConsumed":5}}}"#;
        let error = ask(answer("200 OK", body)).await.unwrap_err();
        let failure = error.failure().unwrap();
        assert_eq!((failure.number, failure.units), (Some(6_001), 5));
        assert_eq!(failure.logs, ["a"]);
    }

    #[test]
    fn errors_name_the_server_and_never_its_key() {
        let url = "https://user:secret@rpc.example:8443/v1/APIKEY?token=SECRET";
        let parsed = Url::parse(url).unwrap();
        assert_eq!(server_of(&parsed), "https://rpc.example:8443");
    }

    #[test]
    fn refuses_what_is_no_http_url() {
        for url in ["", "localhost", "ws://localhost:8900", "file:///etc/passwd"] {
            assert!(Http::new(url, Duration::from_secs(1)).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_transient_and_names_no_secret() {
        // a port that was free a moment ago
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let http = Http::new(&format!("http://{address}/KEY"), Duration::from_secs(2)).unwrap();
        let error = http.call("getSlot", json!([])).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("127.0.0.1") && !text.contains("KEY"),
            "{text}"
        );
    }

    #[test]
    fn a_servers_text_is_cut_and_cleaned() {
        let text = shortened(&format!("a\n\u{1b}[31m{}", "x".repeat(1_000)));
        assert_eq!(text.chars().count(), MOST_TEXT);
        assert!(!text.contains('\u{1b}') && !text.contains('\n'));
    }
}
