//! Who is registered.
//!
//! Belongs here: one file a rule, each of which implements
//! [`Directory`](crate::login::ports::Directory), and the database that `known` keeps its users
//! in. The core does not know which of them it asks.

mod database;
mod known;
mod open;

pub use database::{Database, DatabaseError};
pub use known::Known;
pub use open::Open;
