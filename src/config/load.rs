//! Loading: the layers are laid one over the other, then read as one.

use std::env;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::overlay::Overlay;
use super::secret::from_file;
use super::{Config, ConfigError, Flag};

impl Config {
    /// Loads the settings: defaults < `file` < `environment` < `flags`.
    ///
    /// Paths of secrets (`…_file`) in the file are taken from the file's folder, those given
    /// elsewhere from the working folder. What a setting says is not compared with what this
    /// version can do: [`Config::check`] is for that.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first setting that is unknown or wrong.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Self, ConfigError> {
        let mut overlay = Overlay::over(file.map(read).transpose()?.unwrap_or_default());
        for (name, value) in environment {
            overlay.variable(name, &value)?;
        }
        for flag in flags {
            overlay.flag(flag)?;
        }
        let table = Value::Table(overlay.table.clone());
        let mut config: Self = serde_path_to_error::deserialize(table).map_err(|error| {
            let key = error.path().to_string();
            let reason = error.inner().message().trim().to_owned();
            overlay.name(ConfigError::key(key, reason))
        })?;
        config.read_files().map_err(|error| overlay.name(error))?;
        Ok(config)
    }

    fn read_files(&mut self) -> Result<(), ConfigError> {
        from_file(&mut self.redis_url, self.redis_url_file.as_deref(), "redis_url")?;
        self.otlp.read_files()?;
        from_file(&mut self.database_url, self.database_url_file.as_deref(), "database_url")?;
        if let Some(storage) = &mut self.storage {
            storage.read_files()?;
        }
        for (name, namespace) in &mut self.namespaces {
            namespace.read_files(&format!("namespaces.{name}"))?;
        }
        Ok(())
    }
}

/// The `SAOMA_…` variables of this process. In a value that is no Unicode the bad bytes are
/// replaced.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| {
        let name = name.to_str().filter(|name| name.starts_with("SAOMA_"))?.to_owned();
        Some((name, value.to_string_lossy().into_owned()))
    })
}

/// The file's table, with its paths made to be taken from its folder.
fn read(path: &Path) -> Result<Table, ConfigError> {
    let wrong = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut table = text.parse::<Table>().map_err(|error| {
        // Not the error's own text: it quotes the line, and there may be a secret on it.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        wrong(format!("line {line}: {}", error.message().trim()))
    })?;
    anchor(&mut table, path.parent().unwrap_or(Path::new("")));
    Ok(table)
}

/// Puts a folder before the relative paths of a table.
fn anchor(table: &mut Table, folder: &Path) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => anchor(inner, folder),
            Value::String(path) if key.ends_with("_file") && !path.is_empty() => {
                *path = folder.join(&*path).to_string_lossy().into_owned();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::config::{DirectoryRule, Secret, StorageService, Transport};
    use crate::origin::Origin;

    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn with(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, text) in files {
                fs::write(folder.path().join(name), text).expect("written");
            }
            Self(folder)
        }

        fn config(&self) -> PathBuf {
            self.0.path().join("saoma.toml")
        }
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn refused(toml: &str, environment: &[(&str, &str)]) -> String {
        let files = Files::with(&[("saoma.toml", toml)]);
        let loaded = Config::load(Some(&files.config()), variables(environment), &[]);
        loaded.expect_err("refused").to_string()
    }

    #[test]
    fn each_layer_wins_over_the_one_below() {
        let files = Files::with(&[(
            "saoma.toml",
            "drain_seconds = 1\nheartbeat_seconds = 2\nlisten = '127.0.0.1:1'",
        )]);
        let environment = variables(&[
            ("SAOMA_HEARTBEAT_SECONDS", "3"),
            ("SAOMA_LISTEN", "127.0.0.1:2"),
            ("SAOMA_LOG", "debug"),
            ("PATH", "/bin"),
        ]);
        let flags = [Flag { key: "listen".to_owned(), value: "[::1]:0".to_owned() }];
        let config = Config::load(Some(&files.config()), environment, &flags).expect("loaded");
        assert_eq!((config.drain_seconds, config.heartbeat_seconds), (1, 3));
        assert_eq!(config.listen.to_string(), "[::1]:0");
        assert_eq!(config.admin_listen.port(), 3001);
    }

    #[test]
    fn variables_set_the_default_namespace_and_no_other() {
        let files = Files::with(&[("saoma.toml", "[namespaces.staff]\nmatch_number = true")]);
        let environment = variables(&[
            ("SAOMA_SESSION_TTL", "30"),
            ("SAOMA_TRANSPORTS", "sse,long-poll"),
            ("SAOMA_MATCH_NUMBER", "off"),
            ("SAOMA_DIRECTORY", "known"),
            ("SAOMA_USERS", "people"),
        ]);
        let config = Config::load(Some(&files.config()), environment, &[]).expect("loaded");
        let default = &config.namespaces["default"];
        assert_eq!((default.session_ttl, default.match_number), (30, false));
        assert_eq!(default.transports, [Transport::Sse, Transport::LongPoll]);
        assert_eq!(default.directory, DirectoryRule::Known);
        assert_eq!(default.shares("default"), Some("people"));
        let staff = &config.namespaces["staff"];
        assert_eq!((staff.session_ttl, staff.match_number), (180, true));
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key_or_by_its_variable() {
        let key = "namespaces.default.session_ttl";
        assert_eq!(
            refused("[namespaces.default]\nsession_ttl = 4", &[]),
            format!("{key}: 4 is not from 5 to 3600")
        );
        assert_eq!(
            refused("[namespaces.default]\nsession_ttl = 60", &[("SAOMA_SESSION_TTL", "4")]),
            "SAOMA_SESSION_TTL: 4 is not from 5 to 3600"
        );
        assert_eq!(
            refused("", &[("SAOMA_DRAIN_SECONDS", "soon")]),
            "SAOMA_DRAIN_SECONDS: expected a whole number"
        );
        let transports = refused("", &[("SAOMA_TRANSPORTS", "sse,pigeon")]);
        assert!(
            transports.starts_with("SAOMA_TRANSPORTS: unknown variant `pigeon`"),
            "{transports}"
        );
        for (variable, bad) in [
            ("SAOMA_LISTEN", "localhost"),
            ("SAOMA_PUBLIC_URL", "login.example.com"),
            ("SAOMA_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("SAOMA_MAX_CONNECTIONS", "0"),
            ("SAOMA_LIMITS_SESSIONS_BURST", "-1"),
            ("SAOMA_TRANSPORTS", ""),
            ("SAOMA_USERS", "Staff Room"),
            ("SAOMA_USERS", "*"),
            ("SAOMA_ORIGINS", "*"),
            ("SAOMA_ORIGINS", "null"),
            ("SAOMA_ORIGINS", "https://shop.example, https://*.shop.example"),
            ("SAOMA_ORIGINS", "https://shop.example/login"),
            ("SAOMA_REDIS_URL", ""),
            ("SAOMA_LOG_FORMAT", "xml"),
        ] {
            let text = refused("", &[(variable, bad)]);
            assert!(text.starts_with(&format!("{variable}: ")), "{text}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        let environment = variables(&[("SAOMA_ORIGINS", "HTTPS://Shop.example:443, http://a:80")]);
        let config = Config::load(None, environment, &[]).expect("loaded");
        let origins = config.namespaces["default"].origins.iter().map(Origin::as_str);
        assert_eq!(origins.collect::<Vec<_>>(), ["https://shop.example", "http://a"]);
        let in_the_file = refused("[namespaces.staff]\norigins = ['https://a', '*']", &[]);
        let named = "namespaces.staff.origins[1]: `*` is no origin: ";
        assert!(in_the_file.starts_with(named), "{in_the_file}");
    }

    #[test]
    fn what_is_unknown_is_named() {
        let unknown = refused("[limits]\nsesions_burst = 3", &[]);
        assert!(unknown.starts_with("limits.sesions_burst: unknown field"), "{unknown}");
        assert_eq!(
            refused("", &[("SAOMA_SESION_TTL", "3")]),
            "SAOMA_SESION_TTL: there is no such setting"
        );
        let flag = Flag { key: "lisen".to_owned(), value: "x".to_owned() };
        assert_eq!(
            Config::load(None, [], &[flag]).expect_err("unknown").to_string(),
            "lisen (on the command line): there is no such setting"
        );
        let name = refused("[namespaces.'Staff Room']", &[]);
        assert!(name.starts_with("namespaces: \"Staff Room\": a namespace's name is"), "{name}");
    }

    #[test]
    fn a_file_that_is_no_toml_is_told_by_line_and_not_quoted() {
        let text = refused("listen = '127.0.0.1:1'\nredis_url = \"redis://:hunter2@a\n", &[]);
        assert!(text.contains("saoma.toml: line 2: ") && !text.contains("hunter2"), "{text}");
        let number = refused("redis_url = 4711", &[]);
        assert_eq!(number, "redis_url: expected a text in quotes");
        let keys = refused("[namespaces.default]\napi_keys = 'hunter2'", &[]);
        assert_eq!(keys, "namespaces.default.api_keys: expected a list of texts");
    }

    #[test]
    fn options_of_the_storage_come_from_the_file_from_variables_and_from_files_of_their_own() {
        let files = Files::with(&[
            (
                "saoma.toml",
                "[storage]\nservice = 's3'\n[storage.options]\nbucket = 'codes'\n\
                 access_key_id = 'of the file'\nsecret_access_key_file = 's3.key'",
            ),
            ("s3.key", "hunter2\n"),
        ]);
        let environment = variables(&[("SAOMA_STORAGE_OPTIONS_ACCESS_KEY_ID", "AKIA1")]);
        let config = Config::load(Some(&files.config()), environment, &[]).expect("loaded");
        assert!(!config.to_toml().contains("hunter2") && !config.to_toml().contains("AKIA1"));
        let storage = config.storage.expect("a storage");
        assert_eq!(storage.service, StorageService::S3);
        let options = storage.options.iter().map(|(name, it)| (name.as_str(), it.expose()));
        let expected =
            [("access_key_id", "AKIA1"), ("bucket", "codes"), ("secret_access_key", "hunter2")];
        assert_eq!(options.collect::<Vec<_>>(), expected);

        // A higher layer's secret takes the place of a lower one's, whichever form they have.
        let environment = variables(&[("SAOMA_STORAGE_OPTIONS_SECRET_ACCESS_KEY", "other")]);
        let config = Config::load(Some(&files.config()), environment, &[]).expect("loaded");
        let options = config.storage.expect("a storage").options;
        assert_eq!(options["secret_access_key"].expose(), "other");
        assert!(!options.contains_key("secret_access_key_file"));
    }

    #[test]
    fn a_file_that_is_opendals_to_read_is_left_to_it() {
        let toml = "[storage.options]\noidc_token_file = 'token'";
        let files = Files::with(&[("saoma.toml", toml)]);
        let config = Config::load(Some(&files.config()), [], &[]).expect("loaded");
        let path = files.0.path().join("token").to_string_lossy().into_owned();
        let options = config.storage.expect("a storage").options;
        assert_eq!(options["oidc_token_file"].expose(), path);
    }

    #[test]
    fn what_is_wrong_with_the_storage_is_named_and_no_option_is_told() {
        for (toml, expected) in [
            ("[storage]\nservice = 'S3'", "storage.service: unknown variant `S3`"),
            ("[storage]\npublic_base_url = 'cdn'", "storage.public_base_url: expected an http"),
            ("[storage.options]\nbucket = 4711", "storage.options.bucket: expected a text"),
            ("[storage.options]\nbucket = ''", "storage.options.bucket: is empty"),
            ("[storage]\nbucket = 'b'", "storage.bucket: unknown field"),
            (
                "[storage.options]\nsecret_key = 'hunter2'\nsecret_key_file = 'x'",
                "storage.options.secret_key: set it or storage.options.secret_key_file, not both",
            ),
        ] {
            let error = refused(toml, &[]);
            assert!(error.starts_with(expected) && !error.contains("4711"), "{error}");
        }
        let missing = refused("", &[("SAOMA_STORAGE_OPTIONS_SECRET_KEY_FILE", "/no/such/file")]);
        let expected = "SAOMA_STORAGE_OPTIONS_SECRET_KEY_FILE: /no/such/file: ";
        assert!(missing.starts_with(expected), "{missing}");
        let nothing = refused("", &[("SAOMA_STORAGE_OPTIONS_", "x")]);
        assert_eq!(nothing, "SAOMA_STORAGE_OPTIONS_: there is no such setting");
    }

    #[test]
    fn secrets_come_from_files_beside_the_file_of_settings() {
        let files = Files::with(&[
            ("saoma.toml", "[namespaces.default]\napi_keys_file = 'keys.txt'"),
            ("keys.txt", "# shop\nabc\n"),
        ]);
        let config = Config::load(Some(&files.config()), [], &[]).expect("loaded");
        let keys = config.namespaces["default"].api_keys.iter().map(Secret::expose);
        assert_eq!(keys.collect::<Vec<_>>(), ["abc"]);

        let environment = variables(&[("SAOMA_API_KEYS", "x, y")]);
        let config = Config::load(Some(&files.config()), environment, &[]).expect("loaded");
        let keys = config.namespaces["default"].api_keys.iter().map(Secret::expose);
        assert_eq!(keys.collect::<Vec<_>>(), ["x", "y"]);

        let missing = refused("", &[("SAOMA_API_KEYS_FILE", "/no/such/file")]);
        assert!(missing.starts_with("SAOMA_API_KEYS_FILE: /no/such/file: "), "{missing}");
    }
}
