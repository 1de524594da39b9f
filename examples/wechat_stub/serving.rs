//! Connections: reading calls, sending answers, and the faults that are none of the answer's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};

use crate::api::{self, Call};
use crate::control;
use crate::envelope::Answer;
use crate::faults::Reset;
use crate::record::End;
use crate::world::Shared;

type Body = BoxBody<Bytes, io::Error>;

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener) -> ! {
    let shared = Arc::new(Shared::new());
    for n in 0.. {
        match listener.accept().await {
            Ok((stream, from)) => {
                tokio::spawn(connection(Arc::clone(&shared), stream, from.ip(), n));
            }
            // There are no descriptors left: some will be.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    unreachable!("connections cannot be counted any more")
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, from: IpAddr, n: usize) {
    let Ok(socket) = SockRef::from(&stream).try_clone() else { return };
    let _ = stream.set_nodelay(true);
    let socket = Arc::new(socket);
    let service = service_fn(|request| {
        let (shared, socket) = (Arc::clone(&shared), Arc::clone(&socket));
        async move { respond(&shared, &socket, read(request, from, n).await?).await }
    });
    // How a connection ends is the caller's affair, or the fault that was asked for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &Arc<Shared>, socket: &Socket, call: Call) -> io::Result<Response<Body>> {
    if call.path.starts_with(control::ROOM) {
        return Ok(whole(control::answer(shared, &call).await));
    }
    let (mut under_way, fault) = begin(shared, &call);
    let reset = fault.as_ref().and_then(|fault| fault.reset);
    let answer = shared.change(|world| {
        if reset == Some(Reset::Before) {
            return None;
        }
        let now = world.now();
        let family = api::family(&call.path);
        let instead = fault.as_ref().and_then(|f| f.instead(family, &mut world.dice, now));
        let mut answer = instead.unwrap_or_else(|| api::answer(world, &call));
        if fault.as_ref().is_some_and(|fault| fault.cut) {
            answer.body.truncate(answer.body.len() / 2);
        }
        if let Some(label) = fault.as_ref().and_then(|fault| fault.label.clone()) {
            answer.content_type = label;
        }
        world.record.answers(under_way.n, &answer, fault.clone());
        Some(answer)
    });
    if let Some(fault) = &fault {
        tokio::time::sleep(Duration::from_millis(fault.latency_ms)).await;
        if fault.held {
            shared.see(|world| (!world.faults.hold(&call.path)).then_some(())).await;
        }
    }
    under_way.end = if reset.is_some() { End::Reset } else { End::Answered };
    match (answer, reset) {
        (Some(answer), None) if fault.is_some_and(|fault| fault.stalls) => {
            Ok(half(&answer, Duration::MAX))
        }
        (Some(answer), None) => Ok(whole(answer)),
        (Some(answer), Some(Reset::Half)) => {
            set_reset(socket);
            // So that the first half is on its way before the connection is cut.
            Ok(half(&answer, Duration::from_millis(50)))
        }
        _ => {
            set_reset(socket);
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
}

/// A call that is under way; when it is dropped, it has ended.
struct UnderWay {
    shared: Arc<Shared>,
    n: usize,
    end: End,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shared.change(|world| world.record.end(self.n, self.end));
    }
}

fn begin(shared: &Arc<Shared>, call: &Call) -> (UnderWay, Option<crate::faults::Fault>) {
    let (n, fault) = shared.change(|world| {
        let (appid, now) = (call.appid(world), world.now());
        let fault = world.faults.take(&call.path, appid.as_deref());
        (world.record.begin(call, appid, now), fault)
    });
    // Until it is answered, its end would be the caller's.
    (UnderWay { shared: Arc::clone(shared), n, end: End::Abandoned }, fault)
}

async fn read(request: Request<Incoming>, from: IpAddr, connection: usize) -> io::Result<Call> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect::<BTreeMap<_, _>>(),
        headers: headers.collect(),
        body,
        from,
        connection,
    })
}

fn head(answer: &Answer) -> http::response::Builder {
    let head = Response::builder().status(answer.status);
    let head = head.header(CONTENT_TYPE, &answer.content_type);
    match &answer.location {
        Some(location) => head.header(LOCATION, location),
        None => head,
    }
}

fn whole(answer: Answer) -> Response<Body> {
    let head = head(&answer);
    let body = Full::new(Bytes::from(answer.body)).map_err(|never: Infallible| match never {});
    head.body(body.boxed()).expect("a head that can be sent")
}

/// The first half of an answer, nothing for some time, and then the end of the connection.
fn half(answer: &Answer, silence: Duration) -> Response<Body> {
    let head = head(answer).header(CONTENT_LENGTH, answer.body.len());
    let first = Bytes::copy_from_slice(&answer.body[..answer.body.len() / 2]);
    let frames = stream::iter([Ok(Frame::data(first))]).chain(stream::once(async move {
        tokio::time::sleep(silence).await;
        Err(io::ErrorKind::ConnectionReset.into())
    }));
    head.body(BoxBody::new(StreamBody::new(frames))).expect("a head that can be sent")
}

/// Makes the end of a connection a reset.
fn set_reset(socket: &Socket) {
    let _ = socket.set_linger(Some(Duration::ZERO));
}
