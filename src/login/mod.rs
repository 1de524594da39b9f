//! Logging in: what a session is, what may happen to it, and for whom.
//!
//! One login, step by step: a browser opens a session ([`browser`]), if its page may ([`visitor`]),
//! and follows its events; a phone scans the code and gets its token, confirms or refuses
//! ([`phone`]), or the provider tells of a scan ([`pushed`]), or sends the browser back from a page
//! of its own ([`website`]); the browser, or a backend ([`backend`]), exchanges the ticket for a
//! token, which its holder may end again ([`tokens`]). Each step loads the session, lets the pure [`machine`] decide, and commits what it
//! decided unless somebody else was first ([`service`]).
//!
//! Nothing here knows HTTP, a transport, or how a store keeps what it is given.

pub mod backend;
pub mod browser;
mod expiry;
pub mod journal;
pub mod limits;
pub mod machine;
mod mask;
pub mod namespace;
pub mod phone;
pub mod ports;
mod pushed;
pub mod scene;
pub mod secret;
pub mod service;
pub mod session;
pub mod tokens;
pub mod visitor;
pub mod website;

pub use service::{Login, LoginError};
