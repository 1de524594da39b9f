//! `[otlp]`: the collector of traces.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::from_file;
use super::{ConfigError, Secret, forms};

/// Where traces go by OTLP over HTTP.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// The collector's address, as `http://collector:4318`. `SAOMA_OTLP_ENDPOINT`, default none: no
    /// traces.
    #[serde(deserialize_with = "forms::web_address")]
    pub endpoint: Option<String>,
    /// What each request to it is sent with: `name=value` with commas between.
    /// `SAOMA_OTLP_HEADERS`, default none.
    pub headers: Option<Secret>,
    /// A file that holds `headers`. `SAOMA_OTLP_HEADERS_FILE`.
    pub headers_file: Option<PathBuf>,
    /// How many of a hundred traces it is told of, 0 to 100. `SAOMA_OTLP_SAMPLE_PERCENT`, default
    /// 100.
    #[serde(deserialize_with = "forms::between::<0, 100, _>")]
    pub sample_percent: u64,
    /// What this service is called there. `SAOMA_OTLP_SERVICE_NAME`, default `saoma`.
    pub service_name: String,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: None,
            headers_file: None,
            sample_percent: 100,
            service_name: "saoma".to_owned(),
        }
    }
}

impl Otlp {
    /// Reads the `_file` forms.
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        from_file(&mut self.headers, self.headers_file.as_deref(), "otlp.headers")
    }

    /// The headers, each with its name.
    ///
    /// # Errors
    /// One is none; which, is not told: it may be a secret.
    pub fn headers(&self) -> Result<http::HeaderMap, ConfigError> {
        let wrong = || ConfigError::key("otlp.headers", "expected name=value,name=value");
        let given = self.headers.as_ref().map(Secret::expose).unwrap_or_default();
        let mut headers = http::HeaderMap::new();
        for pair in given.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            let name = name.trim().parse::<http::HeaderName>().map_err(|_| wrong())?;
            let mut value = value.trim().parse::<http::HeaderValue>().map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &str) -> Result<http::HeaderMap, String> {
        let headers = Some(Secret::new(given.to_owned()));
        Otlp { headers, ..Otlp::default() }.headers().map_err(|error| error.to_string())
    }

    #[test]
    fn headers_are_pairs_with_commas_between() {
        let read = headers("authorization=Bearer a=b, x-team = logins ,").expect("pairs");
        assert_eq!(read["authorization"], "Bearer a=b");
        assert_eq!(read["x-team"], "logins");
        assert!(!format!("{read:?}").contains("Bearer"), "a secret shows");
        assert!(headers("").expect("none").is_empty());
    }

    #[test]
    fn what_is_no_pair_is_refused_and_not_told() {
        for bad in ["hunter2", "=hunter2", "a b=hunter2", "a=hunter2\u{7f}"] {
            let error = headers(bad).expect_err(bad);
            assert!(error.starts_with("otlp.headers: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
