//! An object storage that is away, hangs, or breaks a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::moto::{Moto, open};
use crate::picture;

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("http://{address}"))
}

async fn opened_at(endpoint: String) -> Result<saoma::codes::storage::Storage, String> {
    let moto = Moto::strict();
    let mut options = moto.options(&moto.writer);
    options.insert("endpoint".to_owned(), endpoint);
    open(options).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_storage_that_is_not_there_stops_the_start() {
    let (listener, endpoint) = listener().await;
    drop(listener);
    let error = opened_at(endpoint).await.expect_err("refused");
    let expected = "storage.service: s3 cannot be written: Connection refused (os error 111)";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_storage_that_hangs_is_not_waited_for_longer_than_ten_seconds() {
    Moto::strict();
    let (_listener, endpoint) = listener().await;
    // Nothing comes of waiting: the clock may run ahead.
    tokio::time::pause();
    let asked = Instant::now();
    let error = opened_at(endpoint).await.expect_err("refused");
    assert_eq!(error, "storage.service: s3 cannot be written: no answer in 10 s");
    assert_eq!(asked.elapsed().as_secs(), 10);
}

/// Leads connections to moto, each as `spoiled` says by its number.
async fn on_the_way(spoiled: impl Fn(usize) -> Option<&'static str> + Send + 'static) -> String {
    let moto: SocketAddr = Moto::strict().url["http://".len()..].parse().expect("an address");
    let (listener, endpoint) = listener().await;
    tokio::spawn(async move {
        for number in 0.. {
            let (mut near, _) = listener.accept().await.expect("a connection");
            if let Some(answer) = spoiled(number) {
                // No client takes an answer to what it has not asked.
                let _ = near.read(&mut [0; 1024]).await;
                let _ = near.write_all(answer.as_bytes()).await;
                let _ = near.shutdown().await;
                // The request is read to its end, or the answer would be lost with the connection.
                let _ = tokio::io::copy(&mut near, &mut tokio::io::sink()).await;
                continue;
            }
            let mut far = TcpStream::connect(moto).await.expect("moto");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    endpoint
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let endpoint = on_the_way(|number| (number == 0).then_some("")).await;
    let storage = opened_at(endpoint).await.expect("open");
    let (name, image) = picture(1000);
    storage.put(&name, &image).await.expect("kept");
    assert_eq!(storage.get(&name).await, Ok(Some(image)));
}

#[tokio::test]
async fn a_storage_that_is_busy_is_asked_again() {
    let busy = "HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let endpoint = on_the_way(move |number| (number == 0).then_some(busy)).await;
    opened_at(endpoint).await.expect("open");
}

#[tokio::test]
async fn a_picture_that_there_is_not_may_be_a_secret_to_who_may_not_list() {
    let denied = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 45\r\n\r\n\
        <Error><Code>AccessDenied</Code></Error>     ";
    let locked = Arc::new(AtomicBool::new(false));
    let lock = Arc::clone(&locked);
    let spoiled = move |_| locked.load(Ordering::Relaxed).then_some(denied);
    let storage = opened_at(on_the_way(spoiled).await).await.expect("open");
    lock.store(true, Ordering::Relaxed);
    let (name, image) = picture(1000);
    assert_eq!(storage.get(&name).await, Ok(None));
    let error = storage.put(&name, &image).await.expect_err("refused").to_string();
    assert_eq!(error, "storage.service: s3 cannot be written: PermissionDenied, AccessDenied");
}
