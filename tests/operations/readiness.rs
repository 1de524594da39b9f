//! `saoma ready`: the exit code says whether the server on this machine is ready.

use std::net::TcpListener;

use saoma::config::Config;

use crate::support::instance::Instance;
use crate::{said, saoma};

async fn ready(admin: String) -> (Option<i32>, String, String) {
    let settings = [("SAOMA_ADMIN_LISTEN", admin)];
    let output = tokio::task::spawn_blocking(move || saoma(&["ready"], settings)).await;
    let output = output.expect("ran");
    (output.status.code(), said(&output.stdout), said(&output.stderr))
}

#[tokio::test]
async fn a_server_is_asked_where_its_settings_say() {
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    config.admin_listen = ([0, 0, 0, 0], 0).into();
    let server = Instance::start(&config).await;
    // As the image has it: the listener is at all addresses, and is asked at this machine's own.
    let admin = format!("0.0.0.0:{}", server.admin.port());
    assert_eq!(ready(admin).await, (Some(0), "ready\n".to_owned(), String::new()));
}

#[tokio::test]
async fn where_nobody_answers_nobody_is_ready() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one");
    let (code, out, error) = ready(free.to_string()).await;
    assert_eq!((code, &*out), (Some(1), ""));
    assert_eq!(error, format!("saoma: http://{free}/readyz: Connection refused (os error 111)\n"));
    let (code, _, error) = ready("127.0.0.1:0".to_owned()).await;
    assert_eq!(code, Some(2));
    assert!(error.contains("admin_listen: port 0"), "{error}");
}
