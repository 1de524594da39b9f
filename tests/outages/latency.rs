//! A way to Redis on which everything takes its time, or nothing arrives at all for a while.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// A way that is there until the test ends.
pub(crate) struct SlowWay {
    address: SocketAddr,
    /// How long each byte is on the way; nothing for a way that lets nothing through.
    delay: watch::Sender<Option<Duration>>,
}

impl SlowWay {
    /// A way to this port.
    pub(crate) async fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (delay, now) = watch::channel(Some(delay));
        tokio::spawn(async move {
            loop {
                let (here, _) = listener.accept().await.expect("a connection");
                let there = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
                let there = there.expect("redis-server");
                for end in [&here, &there] {
                    end.set_nodelay(true).expect("a socket");
                }
                let ((read, write), (far_read, far_write)) =
                    (here.into_split(), there.into_split());
                tokio::spawn(carry(read, far_write, now.clone()));
                tokio::spawn(carry(far_read, write, now.clone()));
            }
        });
        Self { address, delay }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on each byte takes so long; with nothing, none arrives until it is told otherwise.
    pub(crate) fn takes(&self, delay: Option<Duration>) {
        self.delay.send_replace(delay);
    }
}

/// Carries bytes, each after its time on the way. A distance, not a narrow pipe: any number may be on
/// the way at once.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut delay: watch::Receiver<Option<Duration>>,
) {
    let (sent, mut arriving) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut bytes).await {
            if sent.send((Instant::now(), bytes[..n].to_vec())).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = arriving.recv().await {
            let Ok(open) = delay.wait_for(Option::is_some).await.map(|it| *it) else { return };
            sleep_until(at + open.unwrap_or_default()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}
