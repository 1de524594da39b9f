//! Who is registered.
//!
//! Belongs here: one file a rule, or a folder, each of which implements
//! [`Directory`](crate::login::ports::Directory): `users` holds every statement
//! of those that keep them in the database, so that a person who comes by several ways is found and
//! linked alike by all; [`people`], what an operator does to them. The core does not know which of them it asks.

mod hook;
mod known;
mod open;
pub mod people;
mod users;

pub use hook::{Hook, HookError, HookSettings};
pub use known::Known;
pub use open::{ALL, Open, OpenKept};

use crate::database::{self, NoAnswer};
use crate::login::ports::PortError;

/// What was asked of the database, or what a caller may know of why there is no answer.
async fn answer<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, PortError> {
    let unreachable = |NoAnswer| PortError::unavailable("the directory cannot be reached");
    database::answer(asked).await.map_err(unreachable)
}

/// A login that directories are asked about, to which it is all one.
#[cfg(test)]
pub(crate) const CAUSE: crate::login::ports::Cause<'static> = crate::login::ports::Cause {
    act: crate::login::ports::Act::Confirm,
    session: crate::login::session::SessionId(1),
    namespace: "default",
    browser: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    user_agent: "a browser",
    opened_at: crate::clock::Timestamp(0),
    phone: None,
};
