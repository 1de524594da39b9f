//! Codes: which one a session gets, and those that are made ahead.
//!
//! [`Fresh`] and [`Pool`] implement [`Numbering`](crate::login::ports::Numbering): the core does not
//! know which of them it asks. Beside them: [`storage`], where the pictures of codes go that are made
//! ahead, and [`picture`], whether they are what they seem to be.

mod fresh;
mod picture;
mod pool;
mod storage;

pub use fresh::Fresh;
pub use pool::{Filler, Parts as PoolParts, Pool, Report, Rules as PoolRules, Stock, Unfilled};
pub use storage::{Storage, StorageError, StorageSettings};

/// What the name of a picture ends in, by its media type.
fn suffix(media_type: &str) -> &'static str {
    if media_type == "image/jpeg" { ".jpg" } else { ".png" }
}

/// The media type of a picture, by what its name ends in.
fn media_type(name: &str) -> &'static str {
    if name.ends_with(".jpg") { "image/jpeg" } else { "image/png" }
}
