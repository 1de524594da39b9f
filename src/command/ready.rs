//! `saoma ready`: asks the server on this machine whether it is ready, for health checks where there
//! is no shell and no curl.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Failed, Settings};

/// How long the answer may take: more than the server waits for its store.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the admin listener that the settings name.
pub(crate) fn ready(settings: &Settings) -> Result<(), Failed> {
    let admin = settings.load()?.admin_listen;
    if admin.port() == 0 {
        return Err(Failed::Settings("admin_listen: port 0 does not say where to ask".to_owned()));
    }
    super::beside_servers(async {
        let at = reachable(admin);
        let failed = |why: String| Failed::Done(format!("http://{at}/readyz: {why}"));
        let late = |_| failed(format!("no answer within {} s", PATIENCE.as_secs()));
        let answer = timeout(PATIENCE, ask(at)).await.map_err(late)?;
        let (status, says) = answer.map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            return Err(failed(format!("{status}: {}", says.trim())));
        }
        print!("{says}");
        Ok(())
    })
}

/// The answer of `/readyz`. Nothing of TLS, which may want certificates that are not there.
async fn ask(at: SocketAddr) -> Result<(StatusCode, String), Box<dyn Error>> {
    let stream = TcpStream::connect(at).await?;
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(HOST, at.to_string());
    let answer = client.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status();
    let says = answer.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&says).into_owned()))
}

/// Where a listener at all addresses is reached from its own machine.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}
