//! Why a storage cannot be used: which setting to look at, and nothing that it says.

use std::error::Error;
use std::time::Duration;

/// Why a storage cannot be used. Its text names a setting and never shows an option's value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct StorageError {
    setting: String,
    why: String,
}

impl StorageError {
    pub(super) fn new(setting: impl Into<String>, why: impl Into<String>) -> Self {
        Self { setting: setting.into(), why: why.into() }
    }

    pub(super) fn option(name: &str, why: impl Into<String>) -> Self {
        Self::new(format!("storage.options.{name}"), why)
    }
}

/// What can be said of a service's refusal. Its own text and opendal's are no use: they repeat the
/// request, and who it is from.
pub(super) fn told(error: &opendal::Error) -> String {
    if error.message() == "operation timeout reached" {
        return "no answer in time".to_owned();
    }
    let kind = error.kind();
    match (code(error.message()), root(error)) {
        (Some(code), _) => format!("{kind}, {code}"),
        (None, Some(cause)) => cause,
        (None, None) => kind.to_string(),
    }
}

/// What is said when a call took longer than this.
pub(super) fn late(patience: Duration) -> String {
    format!("no answer in {} s", patience.as_secs())
}

/// The short word of an object storage's error, as opendal prints it.
fn code(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("code: \"")?;
    let (code, _) = rest.split_once('"')?;
    let word = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    word.then_some(code)
}

/// What it all began with: the system's own words, mostly.
fn root(error: &opendal::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

/// A text without the values that it may repeat.
pub(super) fn masked<'a>(text: String, values: impl IntoIterator<Item = &'a str>) -> String {
    // Of so few letters is no key.
    let long = values.into_iter().filter(|value| value.len() > 3);
    long.fold(text, |text, value| text.replace(value, "***"))
}

#[cfg(test)]
mod tests {
    use opendal::ErrorKind;

    use super::*;

    #[test]
    fn of_a_services_error_its_code_is_told_and_no_word_more() {
        let body = "S3Error { code: \"SignatureDoesNotMatch\", message: \"The key AKIA1 …\" }";
        let error = opendal::Error::new(ErrorKind::PermissionDenied, body)
            .with_context("uri", "https://bucket/x?X-Amz-Credential=AKIA1");
        assert_eq!(told(&error), "PermissionDenied, SignatureDoesNotMatch");
        for odd in ["<html>AKIA1</html>", "code: \"AKIA1 is unknown\"", "code: \"\""] {
            let error = opendal::Error::new(ErrorKind::Unexpected, odd);
            assert_eq!(told(&error), "Unexpected");
        }
    }

    #[test]
    fn of_a_systems_error_its_own_words_are_told() {
        let refused = std::io::Error::from_raw_os_error(13);
        let error = opendal::Error::new(ErrorKind::PermissionDenied, "x").set_source(refused);
        assert_eq!(told(&error), "Permission denied (os error 13)");
    }

    #[test]
    fn values_are_taken_out_of_a_text() {
        let text = "\"hunter2\" is no algorithm".to_owned();
        assert_eq!(masked(text, ["hunter2", "no"]), "\"***\" is no algorithm");
    }
}
