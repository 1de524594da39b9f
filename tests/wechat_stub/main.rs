//! The stub of WeChat's servers, told as stories: what the tests of the providers may rely on.
//!
//! Every test starts a stub of its own and speaks to it over HTTP, as a client of WeChat's would.

mod callbacks;
mod codes;
mod consents;
#[path = "../../examples/wechat_stub/crypto.rs"]
mod crypto;
mod events;
mod faults;
#[path = "../support/python.rs"]
mod library;
mod logins;
mod looking;
mod messages;
mod server;
mod stub;
mod tickets;
mod tokens;
mod users;
mod vectors;
mod wechatpy;
#[path = "../../examples/wechat_stub/xml.rs"]
#[expect(dead_code, reason = "written by the stub, only read here")]
mod xml;
