//! A stub of WeChat's servers for tests: the three ways to log in, their rules and their faults.
//!
//! `cargo run --example wechat_stub -- --listen 127.0.0.1:0` says `listening on http://…` and then
//! is `api.weixin.qq.com`, `mp.weixin.qq.com` and `open.weixin.qq.com` on one address. Tests set it
//! up, look into it and act as the people with phones under `/stub/`, see `control`.
//!
//! Belongs here: the start. Every API is a function of the world, the call and the world's clock;
//! only `serving`, `delivery` and `control` wait for anything.

mod api;
mod apps;
mod callbacks;
mod clock;
mod codes;
mod control;
mod crypto;
mod delivery;
mod dice;
mod envelope;
mod faults;
mod followers;
mod grants;
mod logins;
mod messages;
mod people;
mod phones;
mod pictures;
mod quotas;
mod record;
mod serving;
mod tickets;
mod tokens;
mod users;
mod website;
mod world;
mod xml;

use std::net::SocketAddr;

use clap::Parser;
use tokio::net::TcpListener;

/// A stub of WeChat's servers for tests.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; with port 0, wherever there is room.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(Arguments::parse().listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Tests hold thousands of connections.
    rlimit::increase_nofile_limit(u64::MAX)?;
    serving::serve(listener).await
}
