//! A connection on which every byte is the test's own: for what no well-behaved client sends, and
//! for seeing what the server sends, byte by byte.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// A connection.
pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer's head, and its body as far as `Content-Length` says there is one.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    /// The header lines, names in lower case.
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl RawAnswer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("connected"), read: Vec::new() }
    }

    /// Sends a text.
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    /// Sends bytes that are no text.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    /// The next bytes.
    pub(crate) async fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "the end came first: {:?}", self.text());
        }
        self.read.drain(..count).collect()
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.expect("shut");
    }

    /// Everything up to and with `mark`.
    pub(crate) async fn read_until(&mut self, mark: &str) -> String {
        let mark = mark.as_bytes();
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|part| part == mark) {
                let rest = self.read.split_off(at + mark.len());
                let before = std::mem::replace(&mut self.read, rest);
                return String::from_utf8_lossy(&before).into_owned();
            }
            assert!(self.more().await, "the end came first: {:?}", self.text());
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn read_to_end(&mut self) -> String {
        while self.more().await {}
        let text = self.text();
        self.read.clear();
        text
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        let text = self.read_until("\r\n\r\n").await;
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok()).expect("a status");
        let fields = lines.map(|line| line.split_once(':').expect("a field"));
        let head: Vec<_> =
            fields.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        let mut answer = RawAnswer { status, head, body: String::new() };
        let length = answer.header("content-length").map(|n| n.parse::<usize>().expect("a length"));
        if let Some(length) = length {
            while self.read.len() < length {
                assert!(self.more().await, "the body was cut: {answer:?}");
            }
            let body: Vec<u8> = self.read.drain(..length).collect();
            answer.body = String::from_utf8(body).expect("a text");
        }
        answer
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let n = within("bytes on a raw connection", self.stream.read(&mut bytes)).await;
        let n = n.expect("read");
        self.read.extend_from_slice(&bytes[..n]);
        n > 0
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}
