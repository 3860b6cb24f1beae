//! RPC through the proxy: one call per connection, read whole, failed or passed on.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use client_core::clock::CLOCK;
use portfolio_margin_interface::Pubkey;
use serde_json::{json, Value};
use solana_signature::Signature;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Fault, Line};

/// Longer than any caller waits.
const FOR_EVER: Duration = Duration::from_secs(600);

/// A request or a response.
struct Message {
    /// Request line or status line.
    first: String,
    body: Vec<u8>,
}

/// Answers callers until it is dropped.
pub async fn serve(listener: TcpListener, line: Arc<Line>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let line = line.clone();
        // whoever hangs up hangs up: a broken call is the caller's to notice
        tokio::spawn(async move { drop(answer(client, &line).await) });
    }
}

async fn answer(mut client: TcpStream, line: &Line) -> Result<()> {
    let request = read(&mut client).await?;
    let call: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let first = if call.is_array() { &call[0] } else { &call };
    let method = first["method"]
        .as_str()
        .unwrap_or(&request.first)
        .to_string();
    let fault = line.fault(&method);
    let delay = line.state().delay;
    tokio::time::sleep(delay).await;
    let Some(fault) = fault else {
        let response = pass_on(&request, line).await?;
        if method == "sendTransaction" {
            note(&response.body, line);
        }
        return write(&mut client, &response.first, &response.body).await;
    };
    match fault {
        Fault::Hang => tokio::time::sleep(FOR_EVER).await,
        Fault::Cut => {
            let response = pass_on(&request, line).await?;
            if method == "sendTransaction" {
                note(&response.body, line); // it happened, though the caller will not know
            }
            let whole = framed(&response.first, &response.body);
            client.write_all(&whole[..whole.len() / 2]).await?;
        }
        Fault::DeadBlockhash => {
            let response = pass_on(&request, line).await?;
            let body = with_dead_blockhash(&response.body)?;
            write(&mut client, &response.first, &body).await?;
        }
        Fault::Clock(time) => {
            let response = pass_on(&request, line).await?;
            let body = with_clock(first, &response.body, time)?;
            write(&mut client, &response.first, &body).await?;
        }
        fault => {
            let (first, body) = made_up(fault, first).ok_or(ErrorKind::InvalidData)?;
            write(&mut client, &first, body.as_bytes()).await?;
        }
    }
    Ok(())
}

/// An answer of which the network knows nothing.
fn made_up(fault: Fault, call: &Value) -> Option<(String, String)> {
    let id = &call["id"];
    let body = match fault {
        Fault::Status(status) => {
            return Some((format!("HTTP/1.1 {status} Not now"), String::new()))
        }
        Fault::Garbage => "<html>Bad gateway</html>".into(),
        Fault::Error(code) => {
            let error = json!({ "code": code, "message": "Node is behind", "data": {} });
            json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
        }
        Fault::Swallow => {
            let signature = signature_of(call)?;
            json!({ "jsonrpc": "2.0", "id": id, "result": signature }).to_string()
        }
        Fault::Unseen => {
            let seen = json!({ "context": { "slot": u64::MAX }, "value": [null] });
            json!({ "jsonrpc": "2.0", "id": id, "result": seen }).to_string()
        }
        Fault::Height => {
            let info = json!({ "absoluteSlot": 1, "blockHeight": u64::MAX });
            json!({ "jsonrpc": "2.0", "id": id, "result": info }).to_string()
        }
        _ => json!({ "jsonrpc": "2.0", "id": id, "result": { "value": 7 } }).to_string(),
    };
    Some(("HTTP/1.1 200 OK".into(), body))
}

/// The same answer with a hash of nobody's block.
fn with_dead_blockhash(answer: &[u8]) -> Result<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(answer)?;
    let hash = &mut body["result"]["value"]["blockhash"];
    let known: Pubkey = hash
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(Error::other)?;
    let mut bytes = known.to_bytes();
    bytes.reverse();
    *hash = Value::from(Pubkey::new_from_array(bytes).to_string());
    Ok(body.to_string().into_bytes())
}

/// The same accounts, of which the clock says another Unix time: its last eight bytes.
fn with_clock(call: &Value, answer: &[u8], time: i64) -> Result<Vec<u8>> {
    let clock = CLOCK.to_string();
    let mut body: Value = serde_json::from_slice(answer)?;
    let keys = call["params"][0].as_array().into_iter().flatten();
    let accounts = body["result"]["value"].as_array_mut();
    for (key, account) in keys.zip(accounts.into_iter().flatten()) {
        if *key == clock.as_str() {
            let bytes = [&[0; 32][..], &time.to_le_bytes()].concat();
            account["data"] = json!([STANDARD.encode(bytes), "base64"]);
        }
    }
    Ok(body.to_string().into_bytes())
}

/// Remembers the signature that the network answered.
fn note(body: &[u8], line: &Line) {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(signature) = answer["result"].as_str() {
        line.state().sent.push(signature.to_string());
    }
}

/// The first signature of a transaction that is sent in Base64.
fn signature_of(call: &Value) -> Option<String> {
    let bytes = STANDARD.decode(call["params"][0].as_str()?).ok()?;
    let first = bytes.get(1..65)?;
    Some(Signature::try_from(first).ok()?.to_string())
}

async fn pass_on(request: &Message, line: &Line) -> Result<Message> {
    let mut network = TcpStream::connect(line.rpc).await?;
    network
        .write_all(&framed(&request.first, &request.body))
        .await?;
    read(&mut network).await
}

async fn write(client: &mut TcpStream, first: &str, body: &[u8]) -> Result<()> {
    client.write_all(&framed(first, body)).await?;
    client.shutdown().await
}

/// A message that is the last of its connection.
fn framed(first: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{first}\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Reads a message whole, chunked or not.
async fn read(stream: &mut TcpStream) -> Result<Message> {
    let mut bytes = vec![];
    let head = loop {
        if let Some(end) = position(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, &mut bytes).await?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_string();
    let first = text.lines().next().unwrap_or_default().to_string();
    let lower = text.to_lowercase();
    let header = |name: &str| {
        let mut lines = lower.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    };
    let mut body = bytes.split_off(head);
    if header("transfer-encoding") == Some("chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            more(stream, &mut body).await?;
        }
        body = joined(&body).ok_or(ErrorKind::InvalidData)?;
    } else {
        let length = header("content-length").and_then(|text| text.parse().ok());
        while body.len() < length.unwrap_or(0) {
            more(stream, &mut body).await?;
        }
    }
    Ok(Message { first, body })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(Error::from(ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    }
}

/// Chunks without their lengths.
fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut whole = vec![];
    loop {
        let end = position(chunks, b"\r\n")?;
        let length = std::str::from_utf8(&chunks[..end]).ok()?;
        let length = usize::from_str_radix(length.split(';').next()?, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(chunks.get(end + 2..end + 2 + length)?);
        chunks = chunks.get(end + 4 + length..)?;
    }
}

/// Where something begins.
pub fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
