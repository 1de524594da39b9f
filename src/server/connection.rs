//! A connection that talks: hyper and poem serve it, until a request only wants to wait. Then it
//! is taken back and held (`transport::hold`), and served again when it has been answered.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::uri::Scheme;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use poem::endpoint::BoxEndpoint;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoResponse};
use tokio::time::{sleep, timeout};

use super::drain::Leave;
use super::socket::{Lent, Socket};
use crate::api::json::BODY_TIMEOUT;
use crate::api::problem::Problem;
use crate::transport::hold::{Framing, Handover, Head, Held};
use crate::transport::negotiate::{self, ExtendedConnect};
use crate::transport::{Plan, Transport, streamed};

/// How long a client may take over a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The greatest head, and what hyper buffers of a body.
const MOST_BUFFERED: usize = 64 * 1024;
/// The greatest body of a request that should have none.
const MOST_GET_BODY: u64 = 64 * 1024;
/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HTTP2_PING: Duration = Duration::from_secs(20);
const HTTP2_STREAMS: u32 = 256;
/// How long a client that never asked anything has to part.
const FAREWELL: Duration = Duration::from_secs(1);

type Body = http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>;

/// What serves the connections of one listener.
pub struct House {
    /// The endpoint.
    pub endpoint: BoxEndpoint<'static, poem::Response>,
    /// The listener's address.
    pub local: SocketAddr,
    /// The scheme that is spoken there.
    pub scheme: Scheme,
    /// How far the server's leaving has come.
    pub leave: Arc<Leave>,
}

/// A request that only wants to wait, on its way out of hyper.
struct Takeover {
    head: Head,
    framing: Framing,
    plan: Plan,
}

type Slot = Arc<Mutex<Option<Takeover>>>;

/// Serves a connection until it closes or is held.
pub async fn serve(mut socket: Socket, house: Arc<House>) {
    let begins = tokio::select! {
        biased;
        begins = timeout(HEADER_TIMEOUT, begins_http2(&mut socket)) => begins,
        // One that is silent, as a browser's spare ones are, does not keep the server here.
        () = left_waiting(&house.leave) => return,
    };
    match begins {
        // Boxed: it is three times as large, and most connections are not of it.
        Ok(Ok(true)) => Box::pin(serve_http2(socket, house)).await,
        Ok(Ok(false)) => serve_http1(socket, house).await,
        // It said nothing, or went away.
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Ready a little after nobody is expected any more.
async fn left_waiting(leave: &Leave) {
    leave.closing.cancelled().await;
    sleep(FAREWELL).await;
}

/// Serves a connection in a task of its own.
fn spawn(socket: Socket, house: Arc<House>) {
    tokio::spawn(serve(socket, house));
}

/// Reads until it is clear which protocol the client speaks; what was read will be read again.
async fn begins_http2(socket: &mut Socket) -> std::io::Result<bool> {
    loop {
        let early = socket.early();
        let have = early.len().min(HTTP2_PREFACE.len());
        if early[..have] != HTTP2_PREFACE[..have] {
            return Ok(false);
        }
        if have == HTTP2_PREFACE.len() {
            return Ok(true);
        }
        if poll_fn(|cx| socket.poll_fill(cx)).await? == 0 {
            // Less than a preface and then the end: hyper knows what to say, if anything was said.
            let nothing = || Err(std::io::ErrorKind::UnexpectedEof.into());
            return if socket.early().is_empty() { nothing() } else { Ok(false) };
        }
    }
}

async fn serve_http1(socket: Socket, house: Arc<House>) {
    let peer = socket.peer();
    let slot = Slot::default();
    let blocked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (slot, house) = (Arc::clone(&slot), Arc::clone(&house));
        move |request| {
            let (slot, house) = (Arc::clone(&slot), Arc::clone(&house));
            async move { answer_http1(request, peer, &slot, &house).await }
        }
    });
    let io = TokioIo::new(Lent::new(socket, Arc::clone(&blocked)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MOST_BUFFERED)
        .keep_alive(!house.leave.begun.is_cancelled())
        .serve_connection(io, service);
    let mut closing = Box::pin(house.leave.closing.clone().cancelled_owned());
    let mut told = false;
    let takeover = poll_fn(|cx| {
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        // After the poll: a connection that hyper has not read from yet would be closed, and who
        // comes while the server leaves is to be answered.
        if !told && closing.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
            cx.waker().wake_by_ref();
        }
        // While a write waits, hyper may hold bytes of an earlier answer: not yet.
        if blocked.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        slot.lock().take().map_or(Poll::Pending, |takeover| Poll::Ready(Some(takeover)))
    })
    .await;
    if let Some(takeover) = takeover {
        let parts = connection.into_parts();
        hold(parts.io.into_inner().into_inner(), &parts.read_buf, takeover, house);
    }
}

/// Holds a connection that was taken back, in a task of its own that is as small as it can be.
fn hold(mut socket: Socket, behind: &[u8], takeover: Takeover, house: Arc<House>) {
    let Takeover { head, framing, plan } = takeover;
    if plan.transport == Transport::LongPoll {
        socket.poll_only(&plan.shared.entropy);
    } else {
        socket.stream_only();
    }
    socket.unread(behind);
    let behind = socket.take_early();
    let back = move |mut socket: Socket, behind: Vec<u8>| {
        socket.unread(&behind);
        spawn(socket, house);
    };
    tokio::spawn(Held::new(socket, behind, Some(head), framing, plan, back));
}

async fn answer_http1(
    request: Request<Incoming>,
    peer: SocketAddr,
    slot: &Slot,
    house: &House,
) -> Result<Response<Body>, Infallible> {
    let version = request.version();
    let closes = negotiate::tokens(request.headers(), &CONNECTION)
        .any(|token| token.eq_ignore_ascii_case("close"));
    let keep_alive = version == Version::HTTP_11 && !closes && !house.leave.begun.is_cancelled();
    let ready = timeout(BODY_TIMEOUT, without_needless_body(request)).await;
    let mut response = match ready.unwrap_or_else(|_| Err(Problem::body_late())) {
        Ok(request) => call(house, request, peer).await,
        Err(problem) => problem.into_response(),
    };
    if let Some(plan) = take_plan(&mut response) {
        let framing = match plan.transport {
            Transport::WebSocket => {
                response.set_status(StatusCode::SWITCHING_PROTOCOLS);
                let headers = response.headers_mut();
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                Framing::Bare
            }
            Transport::Sse if version == Version::HTTP_11 => Framing::Chunked,
            Transport::Sse => Framing::UntilClose,
            Transport::LongPoll => Framing::Bare,
        };
        let mut fields = std::mem::take(response.headers_mut());
        if plan.transport == Transport::LongPoll {
            // The answer may still become a problem, with a type of its own.
            fields.remove(http::header::CONTENT_TYPE);
        }
        let head = Head { status: response.status(), fields, keep_alive };
        *slot.lock() = Some(Takeover { head, framing, plan });
        // This connection is about to be taken from hyper; nothing more will be asked of it here.
        return pending().await;
    }
    if house.leave.begun.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.into())
}

/// A body behind a GET must be out of the way before the connection can be held.
async fn without_needless_body(request: Request<Incoming>) -> Result<Request<Incoming>, Problem> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || request.body().is_end_stream() {
        return Ok(request);
    }
    let too_large = || {
        let detail = "the body is over 64 KiB";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    let mut request = request;
    let mut read = 0;
    while let Some(frame) = request.body_mut().frame().await {
        let broken = |_| Problem::bad_request("the body did not come whole");
        let frame = frame.map_err(broken)?;
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > MOST_GET_BODY {
            return Err(too_large());
        }
    }
    Ok(request)
}

async fn call(house: &House, request: Request<Incoming>, peer: SocketAddr) -> poem::Response {
    house.leave.hears();
    let local = LocalAddr(Addr::SocketAddr(house.local));
    let remote = RemoteAddr(Addr::SocketAddr(peer));
    let request = poem::Request::from((request, local, remote, house.scheme.clone()));
    house.endpoint.get_response(request).await
}

fn take_plan(response: &mut poem::Response) -> Option<Plan> {
    response.extensions_mut().remove::<Handover>().and_then(|handover| handover.take())
}

async fn serve_http2(socket: Socket, house: Arc<House>) {
    let peer = socket.peer();
    let asked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (house, asked) = (Arc::clone(&house), Arc::clone(&asked));
        move |request| {
            asked.store(true, Ordering::Release);
            let house = Arc::clone(&house);
            async move { answer_http2(request, peer, &house).await }
        }
    });
    let mut connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING)
        .max_concurrent_streams(HTTP2_STREAMS)
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(socket), service);
    // Nor may a client say nothing behind the preface; from the first request on it is pinged.
    let silent = async {
        sleep(HEADER_TIMEOUT).await;
        if asked.load(Ordering::Acquire) {
            pending::<()>().await;
        }
    };
    tokio::select! {
        _ = &mut connection => return,
        () = silent => {
            Pin::new(&mut connection).graceful_shutdown();
            let _ = timeout(FAREWELL, connection).await;
            return;
        }
        () = house.leave.begun.cancelled() => Pin::new(&mut connection).graceful_shutdown(),
    }
    // What is left of it ends with its streams; how it ends is the client's business.
    let _ = connection.await;
}

/// Over HTTP/2 a stream is a response body, and costs little enough.
async fn answer_http2(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    house: &House,
) -> Result<Response<Body>, Infallible> {
    // RFC 8441, section 4: a CONNECT that names the protocol in a pseudo-header.
    let protocol = request.extensions().get::<hyper::ext::Protocol>();
    let mut upgrade = None;
    if protocol.is_some_and(|protocol| protocol.as_str() == "websocket") {
        upgrade = Some(hyper::upgrade::on(&mut request));
        *request.method_mut() = Method::GET;
        request.extensions_mut().insert(ExtendedConnect);
    }
    let mut response = call(house, request, peer).await;
    if let Some(plan) = take_plan(&mut response) {
        match (plan.transport, upgrade) {
            (Transport::WebSocket, Some(upgrade)) => {
                tokio::spawn(hold_upgraded(upgrade, plan));
            }
            (Transport::WebSocket, None) => response.set_status(StatusCode::BAD_REQUEST),
            (Transport::Sse, _) => {
                response.set_body(poem::Body::from_bytes_stream(streamed::Body::new(plan)));
            }
            (Transport::LongPoll, _) => {
                let (status, body) = streamed::answer(plan).await;
                if let Ok(status) = StatusCode::from_u16(status) {
                    set_status(&mut response, status);
                }
                response.set_body(body);
            }
        }
    }
    Ok(response.into())
}

fn set_status(response: &mut poem::Response, status: StatusCode) {
    response.set_status(status);
    if !status.is_success() {
        let problem = HeaderValue::from_static(crate::transport::PROBLEM_TYPE);
        let headers: &mut HeaderMap = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, problem);
    }
}

async fn hold_upgraded(upgrade: hyper::upgrade::OnUpgrade, plan: Plan) {
    if let Ok(upgraded) = upgrade.await {
        let io = TokioIo::new(upgraded);
        Held::new(io, Vec::new(), None, Framing::Bare, plan, |_, _| {}).await;
    }
}
