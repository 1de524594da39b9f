//! Redis over TLS: whom it is spoken with is known.

use std::path::PathBuf;

use saoma::store::redis::{Place, RedisStore, Unusable};

use crate::instances::Fleet;
use crate::metrics;
use crate::support::Via;
use crate::support::certificates::{Authority, of_the_system};
use crate::support::kept::Kept;
use crate::support::redis::RedisServer;
use crate::support::redis::cluster::Cluster;
use crate::support::redis::sentinels::Sentinels;

/// Runs the server where the system trusts one authority and no other.
const WITH_ANOTHER_TRUST: &str = r#"
SSL_CERT_FILE=$2 SAOMA_REDIS_URL=$3 SAOMA_DATA_DIR=$4 \
SAOMA_LISTEN=127.0.0.1:0 SAOMA_ADMIN_LISTEN=127.0.0.1:0 "$1" &
read -r _
kill -KILL $!
wait
"#;
const HERE: &str = "IP:127.0.0.1,DNS:localhost";

async fn refused(url: &str, ca: Option<PathBuf>) -> Unusable {
    let place = Place { url, ca_file: ca.as_deref(), prefix: "test", instance: "one" };
    RedisStore::connect(place, metrics()).await.err().expect("refused")
}

#[tokio::test]
async fn a_server_with_a_certificate_of_the_authority_is_spoken_with() {
    let authority = Authority::of(HERE);
    let redis = RedisServer::with_tls(&authority, &[]);
    let url = redis.url();
    let fleet =
        Fleet::on(redis, &url, 2, |config| config.redis_ca_file = Some(authority.ca())).await;
    for (first, via) in [Via::WebSocket, Via::Sse, Via::LongPoll].into_iter().enumerate() {
        fleet.logs_in(first, via).await;
    }
}

#[test]
fn what_the_system_trusts_is_trusted_where_no_file_is_named() {
    let authority = Authority::of(HERE);
    let redis = RedisServer::with_tls(&authority, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let (ca, folder) = (authority.ca(), folder.path().join("data"));
    let (ca, folder) = (ca.to_str().expect("UTF-8"), folder.to_str().expect("UTF-8"));
    let binary = env!("CARGO_BIN_EXE_saoma");
    let mut server = Kept::start(WITH_ANOTHER_TRUST, &[binary, ca, &redis.url(), folder]);
    assert!(server.says("listening on http://").is_some(), "{}", server.errors());
}

#[tokio::test]
async fn a_server_with_somebody_elses_certificate_is_refused() {
    let server = RedisServer::with_tls(&Authority::of(HERE), &[]);
    let url = server.url();
    for other in [Authority::of(HERE).ca(), of_the_system().to_owned()] {
        let refused = refused(&url, Some(other)).await;
        assert!(matches!(refused, Unusable::Untrusted(_)), "{refused:?}");
    }
    let untrusted = refused(&url, None).await;
    assert!(untrusted.to_string().contains("not trusted"), "{untrusted}");
    let elsewhere = Authority::of("DNS:elsewhere.example");
    let server = RedisServer::with_tls(&elsewhere, &[]);
    let of_another_name = refused(&server.url(), Some(elsewhere.ca())).await;
    assert!(matches!(of_another_name, Unusable::Untrusted(_)), "{of_another_name:?}");
}

#[tokio::test]
async fn a_file_that_holds_no_certificate_and_a_server_without_tls_are_said() {
    let authority = Authority::of(HERE);
    for file in [authority.no_certificate(), PathBuf::from("not-there.pem")] {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let refused = refused("rediss://127.0.0.1:1", Some(file)).await;
        assert!(matches!(&refused, Unusable::Trust(why) if why.contains(&name)), "{refused:?}");
    }
    let plain = RedisServer::start();
    let url = plain.url().replace("redis:", "rediss:");
    let refused = refused(&url, Some(authority.ca())).await;
    assert!(matches!(refused, Unusable::Unreachable(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_is_spoken_with_over_tls() {
    let authority = Authority::of(HERE);
    let redis = Cluster::with_tls(&authority);
    let url = redis.url();
    assert!(url.starts_with("rediss-cluster:"), "{url}");
    let fleet =
        Fleet::on(redis, &url, 2, |config| config.redis_ca_file = Some(authority.ca())).await;
    for first in 0..6 {
        fleet.logs_in(first, Via::Sse).await;
    }
    let untrusted = refused(&url, Some(Authority::of(HERE).ca())).await;
    assert!(matches!(untrusted, Unusable::Untrusted(_)), "{untrusted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinels_and_their_master_are_spoken_with_over_tls() {
    let authority = Authority::of(HERE);
    let redis = Sentinels::with_tls(&authority);
    let url = redis.url();
    assert!(url.starts_with("rediss-sentinel:"), "{url}");
    let fleet =
        Fleet::on(redis, &url, 2, |config| config.redis_ca_file = Some(authority.ca())).await;
    fleet.logs_in(0, Via::WebSocket).await;
    fleet.redis.swap();
    let opened = async || fleet.servers[1].browser(Via::LongPoll).tries_to_open().await;
    assert_eq!(fleet.once_redis_answers(opened).await.status, 201);
    let untrusted = refused(&url, Some(Authority::of(HERE).ca())).await;
    assert!(matches!(untrusted, Unusable::Untrusted(_)), "{untrusted:?}");
}
