//! Logins by way of WeChat, told as stories: the server with its real client, and the stub of
//! WeChat's servers in a process of its own.

#[path = "../wechat_stub/stub.rs"]
#[allow(dead_code, reason = "shared with the stub's own tests")]
mod stub;
#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod codes;
mod faults;
mod forgeries;
mod logins;
mod unions;
mod websites;
mod world;
