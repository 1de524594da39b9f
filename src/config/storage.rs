//! `[storage]`: where the pictures of pooled codes go.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::secret::from_file;
use super::{ConfigError, Secret, StorageService, forms};

/// Options of opendal's own that end as the names of files of ours do.
const OPENDALS: [&str; 1] = ["oidc_token_file"];

/// A place for pictures.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The service: `fs`, `s3`, `cos`, `oss`, `obs`. `SAOMA_STORAGE_SERVICE`, default `fs`.
    pub service: StorageService,
    /// Where browsers get the pictures from, with no slash at its end.
    /// `SAOMA_STORAGE_PUBLIC_BASE_URL`, default: this server.
    #[serde(deserialize_with = "forms::web_address")]
    pub public_base_url: Option<String>,
    /// The service's own options, as opendal names them; hidden, for there are keys among them.
    /// `SAOMA_STORAGE_OPTIONS_…`. Each may be in a file instead: its name and `_file`.
    pub options: BTreeMap<String, Secret>,
}

impl Storage {
    /// Fills the options from their `_file` forms.
    pub(super) fn read_files(&mut self) -> Result<(), ConfigError> {
        let ours = |name: &&String| !OPENDALS.contains(&name.as_str());
        let names = self.options.keys().filter(ours);
        let names: Vec<_> =
            names.filter_map(|name| Some(name.strip_suffix("_file")?.to_owned())).collect();
        for name in names {
            let file = self.options.remove(&format!("{name}_file"));
            let file = file.as_ref().map(|path| Path::new(path.expose()));
            let mut secret = self.options.remove(&name);
            from_file(&mut secret, file, &format!("storage.options.{name}"))?;
            self.options.extend(secret.map(|secret| (name, secret)));
        }
        Ok(())
    }

    /// Whether browsers can get the pictures.
    pub(super) fn check(&self, public_url: Option<&str>) -> Result<(), ConfigError> {
        let https = |url: &str| url.starts_with("https:");
        match (&self.public_base_url, public_url) {
            (Some(base), Some(page)) if https(page) && !https(base) => Err(ConfigError::key(
                "storage.public_base_url",
                "a page of `public_url`, which is https, shows no picture by http",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secure_page_is_not_given_pictures_that_browsers_would_not_show() {
        let check = |base: &str, page| {
            let storage = Storage { public_base_url: Some(base.to_owned()), ..Storage::default() };
            storage.check(page).map_err(|error| error.to_string())
        };
        let (plain, secure) = ("http://a.example", Some("https://a.example"));
        let error = check(plain, secure).expect_err("refused");
        assert!(error.starts_with("storage.public_base_url: a page of `public_url`"), "{error}");
        assert_eq!(check("https://cdn.example", secure), Ok(()));
        assert_eq!(check(plain, Some("http://a.example")), Ok(()));
        assert_eq!(check(plain, None), Ok(()));
    }
}
