//! Saoma: scan to log in, over WebSocket, SSE and long-polling from one session core.
//!
//! # Code map
//!
//! Calls go down, events come up; nothing imports upward.
//!
//! ```text
//! server      listeners, accept loop, connections, drain
//! api         operations: parse, call the core, render       transport   encoders, hold
//! login       the session machine and who runs it  ◄─ provider · codes · directory · history · token
//! stream      numbered events, cursors, who waits
//! store       memory, Redis
//! ```
//!
//! `config` is read by `server` alone, which hands every room its part. `clock`, `entropy`,
//! `metrics`, `origin` and `trace` are leaves that any room may use. The README says where to add what.

pub mod api;
pub mod clock;
pub mod codes;
pub mod config;
pub mod database;
pub mod directory;
pub mod entropy;
pub mod history;
pub mod login;
pub mod metrics;
pub mod origin;
pub mod provider;
pub mod server;
pub mod store;
pub mod stream;
pub mod token;
pub mod trace;
pub mod transport;
