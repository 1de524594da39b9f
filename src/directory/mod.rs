//! Who is registered.
//!
//! Belongs here: one file a rule, each of which implements
//! [`Directory`](crate::login::ports::Directory), and the database that they keep their users in:
//! `users` holds every statement, so that a person who comes by several ways is found and linked
//! alike by all rules. The core does not know which of them it asks.

mod database;
mod known;
mod open;
mod users;

pub use database::{Database, DatabaseError};
pub use known::Known;
pub use open::{Open, OpenKept};
