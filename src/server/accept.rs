//! The accept loop: takes connections as they come, refuses politely what is too much, and does
//! not spin when descriptors run out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::census::{Census, Place};
use super::connection::{House, serve};
use super::socket::{Socket, Wire};
use super::tls::Tls;

/// How long to wait after the kernel had no descriptor for us: from, to.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// Descriptors kept back for refusing politely, and for files.
pub const RESERVE: usize = 64;
/// How many may be refused politely at once.
const REFUSING: usize = 32;
/// How long a refused client is given to read why.
const FAREWELL: Duration = Duration::from_secs(1);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    retry-after: 2\r\n\
    connection: close\r\n\
    content-length: 167\r\n\
    \r\n\
    {\"type\":\"urn:saoma:problem:full\",\"title\":\"Service Unavailable\",\"status\":503,\
    \"detail\":\"all connections are in use; try again\",\"instance\":\"urn:saoma:full\",\"code\":\"full\"}";

/// Accepts connections for ever. Beyond `most` of them, clients are told to come back; those that
/// would not understand it before a handshake find the door shut.
pub async fn accept(
    listener: TcpListener,
    house: Arc<House>,
    census: Arc<Census>,
    most: usize,
    tls: Option<Arc<Tls>>,
) {
    let refusing = Arc::new(Census::default());
    let mut back_off = BACK_OFF.0;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors or memory: accepting again at once would only spin.
                tracing::warn!(%error, ?back_off, "accept.failed");
                sleep(back_off).await;
                back_off = (back_off * 2).min(BACK_OFF.1);
                continue;
            }
        };
        back_off = BACK_OFF.0;
        if census.count() < most {
            let (place, house) = (census.enter(), Arc::clone(&house));
            match &tls {
                None => {
                    let socket = Socket::new(Wire::Plain(stream), peer, place);
                    tokio::spawn(serve(socket, house));
                }
                Some(tls) => {
                    tokio::spawn(serve_secure(stream, Arc::clone(tls), peer, place, house));
                }
            }
        } else if tls.is_none() && refusing.count() < REFUSING {
            let place = refusing.enter();
            tokio::spawn(async move {
                let _place = place;
                // Whoever does not take the answer has lost nothing by it.
                let _ = timeout(FAREWELL, refuse(stream, FULL)).await;
            });
        }
    }
}

/// Serves a connection behind its handshake.
async fn serve_secure(
    stream: TcpStream,
    tls: Arc<Tls>,
    peer: SocketAddr,
    place: Place,
    house: Arc<House>,
) {
    let shaken = tokio::select! {
        shaken = tls.shake_hands(stream) => shaken,
        () = house.leave.closing.cancelled() => return,
    };
    match shaken {
        Ok(stream) => {
            let socket = Socket::new(Wire::Secure(Box::new(stream)), peer, place);
            // A task of its own: what the handshake took is given back.
            tokio::spawn(serve(socket, house));
        }
        // Scanners and probes by the dozen: nothing that anybody has to know.
        Err(error) => tracing::debug!(kind = ?error.kind(), "tls.no_handshake"),
    }
}

/// Says why, and waits for the client's end: closing earlier would reset the answer away.
pub(super) async fn refuse(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_refusal_says_its_own_length() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
