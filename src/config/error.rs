//! What is wrong with a setting, told so that whoever set it finds it.

use std::fmt;
use std::path::PathBuf;

/// Why the settings cannot be used. Its text names the setting and never repeats a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system, or the TOML reader with a line number, says of it.
        reason: String,
    },
    /// A setting is unknown or has a value that it cannot have.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting, by the name that it was set by.
        setting: Named,
        /// What is wrong with it.
        reason: String,
    },
}

/// A setting by the name that it was set by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Named {
    /// A key of the file.
    Key(String),
    /// An environment variable.
    Variable(String),
    /// A key given on the command line.
    Flag(String),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(name) | Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "{name} (on the command line)"),
        }
    }
}

impl ConfigError {
    /// A wrong value of a key, wherever the key was set.
    pub(super) fn key(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Setting { setting: Named::Key(key.into()), reason: reason.into() }
    }
}
