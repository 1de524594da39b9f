//! A WebSocket over HTTP/2: RFC 8441's CONNECT, after an ordinary request on the same connection.

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Session;

/// The session's events from its second on, over a connection to the server at this base.
pub(crate) async fn follow<S>(
    stream: S,
    base: &str,
    session: &Session,
) -> WebSocketStream<TokioIo<Upgraded>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (mut client, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    // After an ordinary answer the server's settings are known.
    let own = format!("{base}{}", session.path(""));
    let request =
        hyper::Request::get(own).header("authorization", format!("Bearer {}", session.secret));
    let answer = client.send_request(request.body(Empty::new()).expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), 200);

    let request = hyper::Request::connect(format!("{base}{}?cursor=1", session.path("events")))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", format!("saoma.v1, saoma.bearer.{}", session.secret))
        .extension(Protocol::from_static("websocket"));
    let response = client.send_request(request.body(Empty::new()).expect("a request")).await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "saoma.v1");
    let upgraded = TokioIo::new(hyper::upgrade::on(response).await.expect("a tunnel"));
    WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await
}
