//! A client that hides nothing: bytes out, answers in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::PATIENCE;

/// One connection.
pub(crate) struct Client {
    /// The socket, for what a test does to it.
    pub(crate) stream: TcpStream,
    /// What was read and not yet taken.
    pub(crate) unread: Vec<u8>,
}

/// An answer's head.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The status.
    pub(crate) status: u16,
    lines: Vec<(String, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its head.
    pub(crate) head: Head,
    /// Its body, taken out of its chunks.
    pub(crate) body: Vec<u8>,
}

impl Head {
    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    fn chunked(&self) -> bool {
        self.field("transfer-encoding") == Some("chunked")
    }
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    /// The status, for short.
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(to).await.expect("connected"), unread: Vec::new() }
    }

    /// Connects from one of loopback's many addresses, with a small receive buffer if wanted.
    pub(crate) async fn connect_from(
        to: SocketAddr,
        last: u8,
        receive: Option<u32>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
        let connecting = timeout(PATIENCE, socket.connect(to)).await;
        let stream = connecting.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("in time").expect("sent");
    }

    /// Reads once. 0 is the end.
    pub(crate) async fn read_more(&mut self) -> io::Result<usize> {
        timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await?
    }

    async fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|bytes| bytes == mark) {
                return self.unread.drain(..at + mark.len()).collect();
            }
            let n = self.read_more().await.unwrap_or_else(|error| panic!("{error}: {self}"));
            assert!(n > 0, "the connection ended in the middle: {self}");
        }
    }

    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            let n = self.read_more().await.unwrap_or_else(|error| panic!("{error}: {self}"));
            assert!(n > 0, "the connection ended in the middle: {self}");
        }
        self.unread.drain(..count).collect()
    }

    /// Everything up to the connection's clean end.
    pub(crate) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.read_more().await? > 0 {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// The next head.
    pub(crate) async fn head(&mut self) -> Head {
        let text = String::from_utf8(self.until(b"\r\n\r\n").await).expect("a head is ASCII");
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().expect("a status line");
        let status = first.strip_prefix("HTTP/1.1 ").or(first.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("a status line: {first:?}"));
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').expect("name: value");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Head { status, lines: lines.map(pair).collect() }
    }

    /// The next answer, whole.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let length = head.field("content-length").map(|n| n.parse().expect("a length"));
        let mut body = Vec::new();
        if head.chunked() {
            while let Some(chunk) = self.chunk().await {
                body.extend(chunk);
            }
        } else if let Some(length) = length {
            body = self.exactly(length).await;
        } else if head.status >= 200 && ![204, 304].contains(&head.status) {
            body = self.rest().await.expect("a clean end");
        }
        Answer { head, body }
    }

    /// The next chunk of a chunked body; none at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n").await).expect("a size");
        let size = usize::from_str_radix(size.trim(), 16).expect("a size in hexadecimal");
        let chunk = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, b"\r\n");
        (size > 0).then_some(chunk)
    }

    /// Chunks until one of them says something.
    pub(crate) async fn chunks_until(&mut self, mark: &str) -> String {
        let mut text = String::new();
        while !text.contains(mark) {
            let chunk =
                self.chunk().await.unwrap_or_else(|| panic!("{mark:?} before the end: {text}"));
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        text
    }

    /// A plain GET.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        self.answer().await
    }

    /// Any request, with a bearer if it is not empty and a JSON body if it is not null.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        bearer: &str,
        body: &Value,
    ) -> Answer {
        self.send(request(method, path, bearer, body)).await;
        self.answer().await
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unread: {:?}", String::from_utf8_lossy(&self.unread))
    }
}

/// A request's bytes.
pub(crate) fn request(method: &str, path: &str, bearer: &str, body: &Value) -> String {
    let bearer = match bearer {
        "" => String::new(),
        bearer => format!("authorization: Bearer {bearer}\r\n"),
    };
    let (length, body) = match body {
        Value::Null => (String::new(), String::new()),
        body => {
            let body = body.to_string();
            (format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()), body)
        }
    };
    format!("{method} {path} HTTP/1.1\r\nhost: a\r\n{bearer}{length}\r\n{body}")
}
