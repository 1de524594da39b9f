//! Certificates that are renewed while the server runs.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use saoma::config::Config;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::certificates::Authority;
use crate::support::instance::Instance;
use crate::support::{Store, TestServer, Via, within};
use crate::{authority, shows};

/// The certificate that a server shows to who comes now.
async fn shown(address: SocketAddr, authority: &Authority) -> Vec<u8> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca()).expect("PEM")).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::from(address.ip());
    let connector = TlsConnector::from(Arc::new(config));
    let stream = within("a handshake", connector.connect(name, stream)).await.expect("shaken");
    let (_, session) = stream.get_ref();
    session.peer_certificates().expect("a certificate")[0].to_vec()
}

/// The certificate of the file.
fn written(authority: &Authority) -> Vec<u8> {
    CertificateDer::from_pem_file(authority.cert()).expect("PEM").to_vec()
}

/// Settings of a process that shows the authority's certificate.
fn settings(authority: &Authority) -> Config {
    let mut config = Config { drain_seconds: 0, ..Config::default() };
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    (config.listen, config.admin_listen) = (free, free);
    shows(&mut config, authority);
    config
}

/// Waits until so many reloads came out so.
async fn reloaded(instance: &Instance, outcome: &str, times: u64) {
    let label = format!("outcome=\"{outcome}\"");
    let counted = async || instance.counts("saoma_tls_reloads_total", &label).await;
    within("a reload", async { while counted().await < times {} }).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_at_once_when_it_is_said_and_who_waits_goes_on() {
    let authority = authority();
    let instance = Instance::start(&settings(&authority)).await;
    let old = written(&authority);
    assert_eq!(shown(instance.address, &authority).await, old);
    let mut tabs = Vec::new();
    for via in [Via::WebSocket, Via::Sse] {
        tabs.push(instance.browser(via).open().await);
    }
    authority.renew();
    instance.signal("-HUP");
    reloaded(&instance, "loaded", 1).await;
    assert_ne!(written(&authority), old);
    assert_eq!(shown(instance.address, &authority).await, written(&authority));
    for tab in &mut tabs {
        tab.scan_as("Ann").await;
        tab.sees("scanned").await;
    }
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_changes_nothing_until_there_is_a_better_one() {
    let authority = authority();
    let instance = Instance::start(&settings(&authority)).await;
    let old = written(&authority);
    let key = std::fs::read(authority.key()).expect("a key");
    // The certificate is there already, and its key is not yet.
    authority.renew();
    let new = std::fs::read(authority.key()).expect("a key");
    std::fs::write(authority.key(), key).expect("written");
    instance.signal("-HUP");
    reloaded(&instance, "failed", 1).await;
    assert_eq!(shown(instance.address, &authority).await, old);
    // The same again is no news.
    instance.signal("-HUP");
    // Moved to its place: half a key would be another one that cannot be used.
    let aside = authority.key().with_extension("new");
    std::fs::write(&aside, &new).expect("written");
    std::fs::rename(aside, authority.key()).expect("moved");
    instance.signal("-HUP");
    reloaded(&instance, "loaded", 1).await;
    assert_eq!(shown(instance.address, &authority).await, written(&authority));
    let log = instance.log();
    assert!(log.contains("is not the key of the certificate"), "{log}");
    assert!(!log.contains("PRIVATE") && log.matches("tls.not_reloaded").count() == 1, "{log}");
}

#[tokio::test]
async fn a_renewed_certificate_is_noticed_without_a_word() {
    let authority = authority();
    let server = TestServer::start_with(Store::Memory, |config| shows(config, &authority)).await;
    authority.renew();
    assert_ne!(shown(server.address, &authority).await, written(&authority));
    server.time_passes(11).await;
    let loaded = async || {
        let metrics = server.metrics().await;
        metrics.contains("saoma_tls_reloads_total{outcome=\"loaded\"} 1")
    };
    within("a reload", async { while !loaded().await {} }).await;
    assert_eq!(shown(server.address, &authority).await, written(&authority));
}

#[tokio::test]
async fn a_hangup_means_nothing_to_a_server_without_a_certificate() {
    let mut config = Config { drain_seconds: 0, ..Config::default() };
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    (config.listen, config.admin_listen) = (free, free);
    let instance = Instance::start(&config).await;
    instance.signal("-HUP");
    assert_eq!(instance.admin("/livez").await.status, 200);
    assert!(!instance.admin("/metrics").await.text().contains("saoma_tls_"));
}

#[tokio::test]
async fn operators_see_until_when_the_certificate_is_good() {
    let authority = authority();
    let server = TestServer::start_with(Store::Memory, |config| shows(config, &authority)).await;
    let until = authority.openssl(&[
        "x509",
        "-in",
        "server.pem",
        "-noout",
        "-enddate",
        "-dateopt",
        "iso_8601",
    ]);
    let until = until.trim().strip_prefix("notAfter=").expect("a date").replace(' ', "T");
    let until = humantime::parse_rfc3339(&until).expect("a date");
    let until = until.duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    let line = format!("saoma_tls_certificate_expiry_timestamp_seconds {until}");
    assert!(server.metrics().await.contains(&line), "{line}");
}
