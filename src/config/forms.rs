//! The forms that a value may have: numbers in a range, switches, web addresses.

use http::Uri;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A whole number from `MIN` to `MAX`, both included.
pub(super) fn between<'de, const MIN: u64, const MAX: u64, D>(from: D) -> Result<u64, D::Error>
where
    D: Deserializer<'de>,
{
    let number = i64::deserialize(from)?;
    u64::try_from(number)
        .ok()
        .filter(|number| (MIN..=MAX).contains(number))
        .ok_or_else(|| Error::custom(format!("{number} is not from {MIN} to {MAX}")))
}

/// What a switch can be written as, in the file or outside it.
pub(super) fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        _ => Err("expected on or off"),
    }
}

/// A switch: `true`, `false`, `"on"` or `"off"`.
pub(super) fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::Boolean(on) => Ok(on),
        toml::Value::String(text) => on_or_off(&text).map_err(Error::custom),
        _ => Err(Error::custom("expected true, false, \"on\" or \"off\"")),
    }
}

/// A web address that may be left out.
pub(super) fn web_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    needed_web_address(from).map(Some)
}

/// An http or https address with no user, query or fragment; loses the slashes at its end, so
/// that a path can follow.
pub(super) fn needed_web_address<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    as_written(from).map(|text| text.trim_end_matches('/').to_owned())
}

/// Such an address that may be left out, and that nothing follows: it stays as it is.
pub(super) fn exact_web_address<'de, D>(from: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    as_written(from).map(Some)
}

fn as_written<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = || Error::custom("expected an http:// or https:// address without a query");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    if web && host && !text.contains(['?', '#', '@']) { Ok(text) } else { Err(wrong()) }
}

/// The beginning of keys: 1 to 64 characters, none of which means something in Redis.
pub(super) fn prefix<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text)
    } else {
        Err(Error::custom("expected 1 to 64 characters out of letters, digits, _, -, . and :"))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::StrDeserializer;

    use super::*;

    fn address(text: &str) -> Option<String> {
        let from: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        needed_web_address(from).ok()
    }

    #[test]
    fn a_web_address_keeps_its_path_and_loses_its_last_slash() {
        assert_eq!(address("https://a.example/").as_deref(), Some("https://a.example"));
        assert_eq!(address("http://[::1]:3000").as_deref(), Some("http://[::1]:3000"));
        assert_eq!(address("https://a.example/x/").as_deref(), Some("https://a.example/x"));
    }

    #[test]
    fn an_exact_address_keeps_its_last_slash() {
        let exact = |text: &'static str| {
            let from: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
            exact_web_address(from).ok().flatten()
        };
        assert_eq!(exact("https://a.example/x/").as_deref(), Some("https://a.example/x/"));
        assert_eq!(exact("https://user:word@a.example/x"), None);
    }

    #[test]
    fn what_a_phone_could_not_open_is_no_web_address() {
        for bad in [
            "",
            "a.example",
            "/x",
            "ftp://a.example",
            "https://",
            "https://a.example/?q",
            "https://a.example#f",
            "https://user:word@a.example",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
