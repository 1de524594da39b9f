//! Who is registered.
//!
//! Belongs here: one file a rule, or a folder, each of which implements
//! [`Directory`](crate::login::ports::Directory), and the database that some keep their users in:
//! `users` holds every statement, so that a person who comes by several ways is found and linked
//! alike by all of those. The core does not know which of them it asks.

mod database;
#[cfg(test)]
mod databases;
mod hook;
mod known;
mod open;
mod users;

pub use database::{Database, DatabaseError};
pub use hook::{Hook, HookError, HookSettings};
pub use known::Known;
pub use open::{Open, OpenKept};

/// A login that directories are asked about, to which it is all one.
#[cfg(test)]
const CAUSE: crate::login::ports::Cause<'static> = crate::login::ports::Cause {
    act: crate::login::ports::Act::Confirm,
    session: crate::login::session::SessionId(1),
    namespace: "default",
    browser: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    user_agent: "a browser",
    opened_at: crate::clock::Timestamp(0),
    phone: None,
};
