//! WebSockets through the proxy: what the client says passes; what the network says passes frame by frame, is held, lost or garbled.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::http::position;
use super::{Line, Socket};

/// A frame as it came, and where its payload begins.
struct Frame {
    bytes: Vec<u8>,
    payload: usize,
}

/// Takes connections until it is dropped.
pub async fn serve(listener: TcpListener, line: Arc<Line>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let switches = line.socket.subscribe();
        let now = *switches.borrow();
        if now.is_refused {
            continue;
        }
        line.state().sockets += 1;
        let line = line.clone();
        tokio::spawn(async move {
            tokio::select! {
                // an end of either side is the end of both: nothing is left to do
                end = relay(client, &line) => drop(end),
                () = dropped(switches, now.dropped) => (),
            }
        });
    }
}

/// Returns when the open sockets are to be dropped.
async fn dropped(mut switches: watch::Receiver<Socket>, at: u32) {
    // an error: the proxy itself is gone
    drop(switches.wait_for(|now| now.dropped != at).await);
}

async fn relay(client: TcpStream, line: &Line) -> Result<()> {
    let network = TcpStream::connect(line.ws).await?;
    let (mut said, mut heard) = client.into_split();
    let (mut from, mut to) = network.into_split();
    let (up, down) = (
        tokio::io::copy(&mut said, &mut to),
        listen(&mut from, &mut heard, line),
    );
    tokio::select! {
        end = up => end.map(drop),
        end = down => end,
    }
}

/// Passes what the network says, by the switches.
async fn listen(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, line: &Line) -> Result<()> {
    let mut bytes = vec![];
    let head = loop {
        if let Some(end) = position(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        more(from, &mut bytes).await?;
    };
    to.write_all(&bytes[..head]).await?;
    bytes.drain(..head);
    let mut switches = line.socket.subscribe();
    let mut count = 0u32;
    loop {
        let mut frame = next(from, &mut bytes).await?;
        let is_notice = position(&frame.bytes, b"Notification\"").is_some();
        count = count.wrapping_add(u32::from(is_notice));
        let open = switches.wait_for(|now| !now.is_held).await;
        let now = *open.map_err(|_| ErrorKind::BrokenPipe)?;
        let each = |n: u32| is_notice && n > 0 && count.is_multiple_of(n);
        if each(now.lost) {
            line.state().lost += 1;
            continue;
        }
        if each(now.garbled) {
            line.state().lost += 1;
            frame.bytes[frame.payload..].fill(b'?');
        }
        to.write_all(&frame.bytes).await?;
    }
}

/// Takes one frame off what has come; the network's are not masked.
async fn next(from: &mut OwnedReadHalf, bytes: &mut Vec<u8>) -> Result<Frame> {
    loop {
        if let Some((payload, end)) = measure(bytes) {
            let rest = bytes.split_off(end);
            let bytes = std::mem::replace(bytes, rest);
            return Ok(Frame { bytes, payload });
        }
        more(from, bytes).await?;
    }
}

/// Where the payload of the first frame begins and ends, if all of it is there.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let (payload, length) = match bytes.get(1)? & 0x7f {
        126 => (
            4,
            u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let end = payload + usize::try_from(length).ok()?;
    (bytes.len() >= end).then_some((payload, end))
}

async fn more(from: &mut OwnedReadHalf, bytes: &mut Vec<u8>) -> Result<()> {
    match from.read_buf(bytes).await? {
        0 => Err(Error::from(ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    }
}
