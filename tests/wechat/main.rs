//! Logins by way of WeChat, told as stories: the server with its real client, and the stub of
//! WeChat's servers in a process of its own.

#[path = "../hook/service.rs"]
#[allow(dead_code, reason = "shared with the stories of the hook")]
mod service;
#[path = "../wechat_stub/stub.rs"]
#[allow(dead_code, reason = "shared with the stub's own tests")]
mod stub;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wechat_stub/wechatpy.rs"]
mod wechatpy;

mod accounts;
mod codes;
mod collisions;
mod crowds;
mod faults;
mod forgeries;
mod guesses;
mod hooks;
mod logins;
mod outages;
mod renewals;
mod secrets;
mod slow;
mod unions;
mod vectors;
mod websites;
mod world;

use support::python as library;
