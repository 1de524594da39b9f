//! Codes that are made ahead, told as stories: the server, the stub of WeChat's servers, and the
//! command line beside them.

#[path = "../wechat_stub/stub.rs"]
#[allow(dead_code, reason = "shared with the stub's own tests")]
mod stub;
#[path = "../support/mod.rs"]
mod support;

mod busy;
mod crowds;
mod disks;
mod faults;
mod kills;
mod lookups;
mod outdated;
mod place;
mod refusals;
mod reuse;
mod sessions;
mod world;
