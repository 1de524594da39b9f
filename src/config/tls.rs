//! `[tls]`: the certificate that the public listener shows.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// TLS on the public listener; none unless both files are named.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The file of the server's certificate and of those between it and the authority, in PEM.
    /// `SAOMA_TLS_CERT_FILE`, default none: plain http.
    pub cert_file: Option<PathBuf>,
    /// The file of its key, in PEM. `SAOMA_TLS_KEY_FILE`.
    pub key_file: Option<PathBuf>,
}

impl Tls {
    /// Whether the public listener speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.cert_file.is_some()
    }

    /// Whether it can be had, and is what people are told.
    pub(super) fn check(&self, public_url: Option<&str>) -> Result<(), ConfigError> {
        let wrong = |key, why| Err(ConfigError::key(key, why));
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => wrong("tls.key_file", "is needed beside `tls.cert_file`"),
            (None, Some(_)) => wrong("tls.cert_file", "is needed beside `tls.key_file`"),
            (Some(_), Some(_)) if public_url.is_some_and(|url| url.starts_with("http:")) => {
                wrong("public_url", "is http, but with `tls.cert_file` the server speaks https")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cert: &str, key: &str, public_url: &str) -> Result<(), String> {
        let file = |name: &str| (!name.is_empty()).then(|| PathBuf::from(name));
        let tls = Tls { cert_file: file(cert), key_file: file(key) };
        let url = (!public_url.is_empty()).then_some(public_url);
        tls.check(url).map_err(|error| error.to_string())
    }

    #[test]
    fn a_certificate_needs_its_key_and_an_address_of_https() {
        assert_eq!(check("", "", "http://a.example"), Ok(()));
        assert_eq!(check("a.pem", "a.key", ""), Ok(()));
        assert_eq!(check("a.pem", "a.key", "https://a.example"), Ok(()));
        let refused = |cert, key, url| check(cert, key, url).expect_err("refused");
        assert!(refused("a.pem", "", "").starts_with("tls.key_file: "));
        assert!(refused("", "a.key", "").starts_with("tls.cert_file: "));
        assert!(refused("a.pem", "a.key", "http://a.example").starts_with("public_url: is http"));
    }
}
