//! TLS of the public listener: the certificate that is shown, read anew when its files change, and
//! the handshake.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_cert::der::Decode as _;

use super::accept::refuse;
use crate::clock::Timestamp;
use crate::config;
use crate::metrics::Metrics;

/// How long a client may take over its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(10);
/// The application protocols, the best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: application/problem+json\r\n\
    connection: close\r\n\
    content-length: 165\r\n\
    \r\n\
    {\"type\":\"urn:saoma:problem:https_required\",\"title\":\"Bad Request\",\"status\":400,\
    \"detail\":\"this port speaks https\",\"instance\":\"urn:saoma:plain\",\"code\":\"https_required\"}";

/// Why a certificate cannot be shown.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{setting}: {}: {why}", file.display())]
pub struct Unusable {
    setting: &'static str,
    file: PathBuf,
    why: String,
}

/// What the two files hold.
#[derive(Eq, PartialEq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate that is shown.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

/// TLS as the public listener speaks it.
pub struct Tls {
    paths: Paths,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
    metrics: Arc<Metrics>,
    /// What the files held when they were read last, if they could be.
    read: Mutex<Option<Files>>,
    /// Somebody says that the files have changed.
    pub(super) look: Arc<Notify>,
}

struct Paths {
    cert: PathBuf,
    key: PathBuf,
}

/// A certificate that can be shown, and until when it is good.
struct Usable(Arc<CertifiedKey>, Timestamp);

/// Whether the certificate that is set can be shown; until when, if there is one.
///
/// # Errors
/// [`Unusable`]
pub fn look(settings: &config::Tls) -> Result<Option<Timestamp>, Unusable> {
    let Some(paths) = Paths::of(settings) else { return Ok(None) };
    Ok(Some(paths.read().and_then(|files| paths.usable(&files))?.1))
}

impl Paths {
    fn of(settings: &config::Tls) -> Option<Self> {
        let (cert, key) = settings.cert_file.clone().zip(settings.key_file.clone())?;
        Some(Self { cert, key })
    }

    fn wrong_cert(&self, why: impl Into<String>) -> Unusable {
        Unusable { setting: "tls.cert_file", file: self.cert.clone(), why: why.into() }
    }

    /// What is wrong with the key is told without a word of it.
    fn wrong_key(&self, why: impl Into<String>) -> Unusable {
        Unusable { setting: "tls.key_file", file: self.key.clone(), why: why.into() }
    }

    fn read(&self) -> Result<Files, Unusable> {
        let read = |path: &Path| std::fs::read(path);
        Ok(Files {
            cert: read(&self.cert).map_err(|error| self.wrong_cert(error.to_string()))?,
            key: read(&self.key).map_err(|error| self.wrong_key(error.to_string()))?,
        })
    }

    fn usable(&self, files: &Files) -> Result<Usable, Unusable> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files.cert).collect();
        let chain = chain.map_err(|_| self.wrong_cert("is no PEM"))?;
        let first = chain.first().ok_or_else(|| self.wrong_cert("holds no certificate in PEM"))?;
        let read = x509_cert::Certificate::from_der(first);
        let read = read.map_err(|_| self.wrong_cert("the first certificate cannot be read"))?;
        let until = read.tbs_certificate.validity.not_after.to_unix_duration();
        let until = Timestamp(u64::try_from(until.as_millis()).unwrap_or(u64::MAX));
        let key = PrivateKeyDer::from_pem_slice(&files.key);
        let key = key.map_err(|_| self.wrong_key("holds no private key in PEM"))?;
        let provider = ring::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                self.wrong_key("is not the key of the certificate in `tls.cert_file`")
            }
            _ => self.wrong_key("is a key that cannot be used: expected RSA, EC or Ed25519"),
        })?;
        Ok(Usable(Arc::new(pair), until))
    }
}

impl Tls {
    /// TLS with the certificate that is set, if one is.
    ///
    /// # Errors
    /// [`Unusable`]
    pub(super) fn open(
        settings: &config::Tls,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Arc<Self>>, super::StartError> {
        let Some(paths) = Paths::of(settings) else { return Ok(None) };
        let files = paths.read()?;
        let Usable(pair, until) = paths.usable(&files)?;
        metrics.tls.begin()?;
        metrics.tls.shows(until);
        let shown = Arc::new(Shown(RwLock::new(pair)));
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Shown>::clone(&shown);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| paths.wrong_cert(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // So that who comes back, to this instance at least, need not begin anew.
        config.ticketer =
            ring::Ticketer::new().map_err(|error| paths.wrong_cert(error.to_string()))?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let metrics = Arc::clone(metrics);
        let read = Mutex::new(Some(files));
        Ok(Some(Arc::new(Self { paths, shown, acceptor, metrics, read, look: Arc::default() })))
    }

    /// Shows what the files hold, whenever that is something else. A pair that cannot be used
    /// changes nothing: the old one is shown until there is a better one.
    pub(super) async fn follow_for_ever(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.look.notified() => {}
            }
            let looking = Arc::clone(&self);
            // Nobody waits for a disk but who asked for what is on it.
            let Ok(read) = tokio::task::spawn_blocking(move || looking.paths.read()).await else {
                continue;
            };
            if self.read.lock().as_ref() == read.as_ref().ok() {
                continue;
            }
            let usable = read.as_ref().map_err(Clone::clone);
            let usable = usable.and_then(|files| self.paths.usable(files));
            self.metrics.tls.reloaded(usable.is_ok());
            match usable {
                Ok(Usable(pair, until)) => {
                    *self.shown.0.write() = pair;
                    self.metrics.tls.shows(until);
                    tracing::info!(%until, "tls.reloaded");
                }
                Err(error) => tracing::error!(%error, "tls.not_reloaded"),
            }
            *self.read.lock() = read.ok();
        }
    }

    /// The handshake with a client. Who speaks plain http is told so.
    pub(super) async fn shake_hands(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        timeout(HANDSHAKE, async {
            let mut first = [0];
            // A handshake begins with 22 (RFC 8446, section 5.1), plain http with a method's letter.
            if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
                // Whoever does not take the answer has lost nothing by it.
                let _ = refuse(stream, PLAIN).await;
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.acceptor.accept(stream).await
        })
        .await?
    }
}

#[cfg(test)]
mod tests {
    use super::PLAIN;

    #[test]
    fn the_refusal_says_its_own_length() {
        let text = std::str::from_utf8(PLAIN).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
