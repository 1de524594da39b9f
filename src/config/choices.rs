//! What can be chosen from: by a namespace, and for the storage.
//!
//! To add a choice: name it here; whoever acts on it fails to compile until they know it.

use serde::{Deserialize, Serialize};

/// What makes the codes and vouches for who scans.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// A page that plays the phone's part: no security.
    #[default]
    Simulator,
    /// A WeChat mini program.
    MiniProgram,
    /// A WeChat official account.
    OfficialAccount,
    /// A website application of WeChat's open platform.
    OpenPlatform,
}

/// A way that events go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// RFC 6455.
    #[serde(rename = "websocket")]
    WebSocket,
    /// `text/event-stream`.
    Sse,
    /// One answer a time.
    LongPoll,
}

impl Transport {
    /// All of them, the preferred first.
    pub const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::LongPoll];
}

/// Who is registered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectoryRule {
    /// Whoever scans.
    #[default]
    Open,
    /// Who is in the database.
    Known,
    /// Whom a service of yours knows.
    Hook,
}

/// Where scenes come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbering {
    /// A new one for each session.
    #[default]
    Fresh,
    /// A pool of codes that are made ahead.
    Pool,
}

/// What keeps the pictures of codes, by opendal's names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageService {
    /// A folder of this machine.
    #[default]
    Fs,
    /// Amazon S3, and whatever speaks as it does.
    S3,
    /// Tencent Cloud.
    Cos,
    /// Aliyun.
    Oss,
    /// Huawei Cloud.
    Obs,
}

impl StorageService {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fs => "fs",
            Self::S3 => "s3",
            Self::Cos => "cos",
            Self::Oss => "oss",
            Self::Obs => "obs",
        }
    }
}

/// What happens when a code reached the phone as a picture, perhaps from a stranger.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relayed {
    /// The phone is told.
    #[default]
    Warn,
    /// The scan is refused.
    Refuse,
}
