//! Codes: which one a session gets, and those that are made ahead.
//!
//! [`Fresh`] and [`Pool`] implement [`Numbering`](crate::login::ports::Numbering): the core does not
//! know which of them it asks. Beside them: [`storage`], where the pictures of codes go that are made
//! ahead, and [`picture`], whether they are what they seem to be. How a code is made is the
//! provider's business.

mod fresh;
pub mod picture;
mod pool;
pub mod storage;

pub use fresh::Fresh;
pub use pool::{Filler, Parts as PoolParts, Pool, Report, Rules as PoolRules, Stock, Unfilled};
pub use storage::{Storage, StorageError, StorageSettings};
