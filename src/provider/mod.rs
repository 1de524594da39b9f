//! What makes the codes, and vouches for who scans them.
//!
//! Belongs here: one file (or folder) a provider, each of which implements
//! [`Provider`](crate::login::ports::Provider), and the drawing of QR codes. The core does not
//! know which of them it speaks to.

mod qr;
mod simulator;
mod wechat;

pub use simulator::Simulator;
pub use wechat::{
    Account, AccountSettings, AppSecret, CallbackSecrets, CodeOptions, Credentials, Meter,
    MiniProgram, OfficialAccount, OpenPlatform, WebsiteAddresses,
};
