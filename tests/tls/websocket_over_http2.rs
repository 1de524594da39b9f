//! A WebSocket over HTTP/2 (RFC 8441), as browsers open one beside other streams of a connection that
//! the handshake agreed upon.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::support::{Store, TestServer, Via, extended_connect, within};
use crate::{authority, shows};

#[tokio::test]
async fn it_is_a_stream_among_others() {
    let authority = authority();
    let server = TestServer::start_with(Store::Memory, |config| shows(config, &authority)).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca()).expect("PEM")).expect("a root");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(server.address).await.expect("connected");
    let name = ServerName::from(server.address.ip());
    let stream = within("a handshake", connector.connect(name, stream)).await.expect("shaken");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let base = format!("https://{}", server.address);
    let mut socket = extended_connect::follow(stream, &base, &session).await;
    let mut says = async |frame: Option<Frame>| -> Value {
        if let Some(frame) = frame {
            socket.send(frame).await.expect("sent");
        }
        let said = within("a frame", socket.next()).await.expect("a frame").expect("a good one");
        serde_json::from_str(said.to_text().expect("a text")).expect("JSON")
    };
    assert_eq!(says(None).await["type"], "hello");
    server.phone(&session.scene).scans_as("Ann").await;
    assert_eq!(says(None).await["type"], "scanned");
    let cancel = Frame::text(json!({ "do": "cancel", "ref": "1" }).to_string());
    let said = [says(Some(cancel)).await, says(None).await];
    assert!(said.iter().any(|said| said["type"] == "cancelled"), "{said:?}");
    assert!(said.iter().any(|said| said["ok"] == true), "{said:?}");
}
