//! Requests and their answers over keep-alive connections: one at a time, or many at once.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::Outcome;
use crate::door::Door;
use crate::wire;

/// Connections that share a pour, and requests sent on each before its answers are read.
const CONNECTIONS: usize = 8;
const DEPTH: usize = 16;
/// One source address has some 28,000 ports; closed connections keep theirs for a minute.
const SOURCES: usize = 16;

/// Connects from one of several loopback addresses.
pub(crate) async fn dial(to: SocketAddr, seat: usize) -> io::Result<TcpStream> {
    let last = u8::try_from(2 + seat % SOURCES).unwrap_or(2);
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) struct Control {
    tcp: TcpStream,
    raw: Vec<u8>,
}

pub(crate) struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Control {
    pub(crate) async fn open(to: SocketAddr, seat: usize) -> io::Result<Self> {
        Ok(Self { tcp: dial(to, seat).await?, raw: Vec::new() })
    }

    pub(crate) async fn call(&mut self, request: &[u8]) -> Outcome<Reply> {
        self.send(request).await?;
        self.reply().await
    }

    pub(crate) async fn send(&mut self, requests: &[u8]) -> Outcome<()> {
        Ok(self.tcp.write_all(requests).await?)
    }

    pub(crate) async fn reply(&mut self) -> Outcome<Reply> {
        loop {
            if let Some(head) = wire::head(&self.raw)? {
                let end = head.size + head.length.ok_or("an answer without a length")?;
                if let Some(body) = self.raw.get(head.size..end) {
                    let reply = Reply { status: head.status, body: body.to_vec() };
                    self.raw.drain(..end);
                    return Ok(reply);
                }
            }
            if self.tcp.read_buf(&mut self.raw).await? == 0 {
                return Err("the server closed a control connection".into());
            }
        }
    }
}

impl Reply {
    /// The body, if the status is the one expected.
    pub(crate) fn json<T: DeserializeOwned>(&self, status: u16) -> Outcome<T> {
        self.expect(self.status == status)?;
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Whether it is a picture, the whole of it.
    pub(crate) fn picture(&self) -> Outcome<()> {
        self.expect(self.status == 200)?;
        let whole = self.body.starts_with(b"\xff\xd8") && self.body.ends_with(b"\xff\xd9");
        if whole { Ok(()) } else { Err("no whole JPEG".into()) }
    }

    pub(crate) fn success(&self) -> Outcome<()> {
        self.expect((200..300).contains(&self.status))
    }

    fn expect(&self, right: bool) -> Outcome<()> {
        if right {
            return Ok(());
        }
        Err(format!("status {}: {}", self.status, String::from_utf8_lossy(&self.body)).into())
    }
}

/// Sends `count` requests as fast as they are answered; the answers in the order of the requests.
pub(crate) async fn pour(
    door: Door,
    count: usize,
    request: impl Fn(usize) -> Vec<u8>,
) -> Outcome<Vec<Reply>> {
    let share = count.div_ceil(CONNECTIONS).max(1);
    let request = &request;
    let shares = (0..count).step_by(share).map(|from| async move {
        let mut control = Control::open(door.addr, from / share).await?;
        let (to, mut replies) = (count.min(from + share), Vec::new());
        for start in (from..to).step_by(DEPTH) {
            let end = to.min(start + DEPTH);
            control.send(&(start..end).flat_map(request).collect::<Vec<u8>>()).await?;
            for _ in start..end {
                replies.push(control.reply().await?);
            }
        }
        Outcome::Ok(replies)
    });
    Ok(try_join_all(shares).await?.into_iter().flatten().collect())
}
