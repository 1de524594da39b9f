//! WeChat's servers: how they are called, and what may go wrong there.
//!
//! [`Account`] is one account at WeChat: its access token, its calls, its patience. A provider
//! ([`MiniProgram`], [`OfficialAccount`], [`OpenPlatform`]) asks it and makes of the answers what
//! the core wants. Below it: [`api`], one exchange over HTTP; [`failure`], what came of it, in a
//! closed set; [`token`], the one access token; [`gate`], whether to call at all; [`meter`], what is counted. Beside it, for
//! the official account: [`callback`], what WeChat pushes, and [`link`], what who scanned is sent.
//!
//! To add a call: a method on the provider that needs it, by [`Account::call`]; an errcode that
//! means something new goes into `failure`'s one table.

mod account;
mod api;
mod callback;
mod failure;
mod gate;
mod link;
mod meter;
mod mini_program;
mod official_account;
mod open_platform;
mod token;

pub use account::{Account, AppSecret, Credentials};
pub use callback::CallbackSecrets;
pub use meter::Meter;
pub use mini_program::{CodeOptions, MiniProgram};
pub use official_account::{AccountSettings, OfficialAccount};
pub use open_platform::{OpenPlatform, WebsiteAddresses};
