//! A setting that is never shown, and the files that secrets may be kept in.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ConfigError;

/// A text that prints as `***`. Compare it in constant time, where a stranger gives the other.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one call that needs it, never for a log or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `String::deserialize`: its error repeats the value that is no text.
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) if !text.trim().is_empty() => Ok(Self::new(text)),
            toml::Value::String(_) => Err(D::Error::custom("is empty")),
            _ => Err(D::Error::custom("expected a text in quotes")),
        }
    }
}

/// A list of secrets; its errors repeat none of them.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Secret>, D::Error> {
    match toml::Value::deserialize(from)? {
        list @ toml::Value::Array(_) => {
            list.try_into().map_err(|error: toml::de::Error| D::Error::custom(error.message()))
        }
        _ => Err(D::Error::custom("expected a list of texts")),
    }
}

/// Fills a secret from its `_file` form, if that is set. `key` is the secret's own.
pub(super) fn from_file(
    secret: &mut Option<Secret>,
    file: Option<&Path>,
    key: &str,
) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    if secret.is_some() {
        return Err(both(key));
    }
    let text = read(path, key)?;
    // Editors and `echo` end a file with a line feed that is no part of the secret.
    let text = text.trim();
    if text.is_empty() {
        return Err(ConfigError::key(format!("{key}_file"), "the file is empty"));
    }
    *secret = Some(Secret::new(text.to_owned()));
    Ok(())
}

/// Fills a list of secrets from its `_file` form: one a line; empty lines and `#` lines say
/// nothing.
pub(super) fn list_from_file(
    secrets: &mut Vec<Secret>,
    file: Option<&Path>,
    key: &str,
) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    if !secrets.is_empty() {
        return Err(both(key));
    }
    let text = read(path, key)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    secrets.extend(
        lines.filter(|line| !line.starts_with('#')).map(|line| Secret::new(line.to_owned())),
    );
    Ok(())
}

fn both(key: &str) -> ConfigError {
    ConfigError::key(key, format!("set it or {key}_file, not both"))
}

fn read(path: &Path, key: &str) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| {
        ConfigError::key(format!("{key}_file"), format!("{}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        file
    }

    #[test]
    fn shows_itself_to_nobody() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).expect("JSON"), "\"***\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_file_holds_one_secret_with_or_without_a_line_feed() {
        let mut secret = None;
        from_file(&mut secret, Some(file("hunter2\n").path()), "redis_url").expect("read");
        assert_eq!(secret.as_ref().map(Secret::expose), Some("hunter2"));

        let again = from_file(&mut secret, Some(file("other").path()), "redis_url");
        assert_eq!(
            again.expect_err("both").to_string(),
            "redis_url: set it or redis_url_file, not both"
        );
        let empty = from_file(&mut None, Some(file("\n").path()), "redis_url");
        assert_eq!(empty.expect_err("empty").to_string(), "redis_url_file: the file is empty");
    }

    #[test]
    fn a_file_of_keys_holds_one_a_line() {
        let mut keys = Vec::new();
        let file = file("# the shop\nabc\n\n  def  \n#old\n");
        list_from_file(&mut keys, Some(file.path()), "api_keys").expect("read");
        assert_eq!(keys.iter().map(Secret::expose).collect::<Vec<_>>(), ["abc", "def"]);
    }
}
