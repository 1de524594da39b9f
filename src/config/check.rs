//! What may be set, but cannot be had in this version.

use super::{
    Config, ConfigError, DirectoryRule, LineColor, Namespace, Numbering, ProviderName, Secret,
};

impl Config {
    /// Whether this version can do everything that is set.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first setting that it cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::key("data_dir", "is empty"));
        }
        if self.redis_url.is_some() {
            return Err(not_available("redis_url", "redis:"));
        }
        if let Some(url) = &self.database_url {
            // Only the scheme is told: what comes after may hold a password.
            match url.expose().split_once(':').map(|(scheme, _)| scheme) {
                Some("sqlite") => {}
                Some(scheme @ ("postgres" | "postgresql")) => {
                    return Err(not_available("database_url", &format!("{scheme}:")));
                }
                _ => return Err(ConfigError::key("database_url", "expected sqlite:…")),
            }
        }
        self.namespaces.iter().try_for_each(|(name, namespace)| namespace.check(name))
    }
}

impl Namespace {
    fn check(&self, name: &str) -> Result<(), ConfigError> {
        let refuse =
            |field, value| Err(not_available(&format!("namespaces.{name}.{field}"), value));
        match self.provider {
            ProviderName::Simulator => {}
            ProviderName::MiniProgram => self.needs_an_account(name, "mini_program")?,
            ProviderName::OfficialAccount => return refuse("provider", "official_account"),
            ProviderName::OpenPlatform => return refuse("provider", "open_platform"),
        }
        if self.directory == DirectoryRule::Hook {
            return refuse("directory", "hook");
        }
        if self.numbering == Numbering::Pool {
            return refuse("numbering", "pool");
        }
        // WeChat would not say that it leaves the colour aside.
        if self.wechat.auto_color && self.wechat.line_color != LineColor::default() {
            let key = format!("namespaces.{name}.wechat.line_color");
            return Err(ConfigError::key(key, "counts for nothing while `auto_color` is on"));
        }
        Ok(())
    }
}

impl Namespace {
    /// Whether a provider that calls WeChat knows as whom.
    fn needs_an_account(&self, name: &str, provider: &str) -> Result<(), ConfigError> {
        let missing = |field: &str| {
            let key = format!("namespaces.{name}.wechat.{field}");
            Err(ConfigError::key(&key, format!("is needed by the provider `{provider}`")))
        };
        let given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        if !given(self.wechat.app_id.as_deref()) {
            return missing("app_id");
        }
        if !given(self.wechat.app_secret.as_ref().map(Secret::expose)) {
            return missing("app_secret");
        }
        Ok(())
    }
}

fn not_available(key: &str, value: &str) -> ConfigError {
    ConfigError::NotAvailable { key: key.to_owned(), value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::config::Flag;

    use super::*;

    fn checked(key: &str, value: &str) -> Result<(), String> {
        let flag = Flag { key: key.to_owned(), value: value.to_owned() };
        let config = Config::load(None, [], &[flag]).expect("loaded");
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_can_be_had() {
        assert_eq!(Config::default().check(), Ok(()));
        assert_eq!(checked("database_url", "sqlite::memory:"), Ok(()));
        assert_eq!(checked("namespaces.staff.directory", "known"), Ok(()));
    }

    #[test]
    fn what_later_versions_bring_is_refused_by_name() {
        for (key, value) in [
            ("namespaces.default.directory", "hook"),
            ("namespaces.staff.numbering", "pool"),
            ("namespaces.default.provider", "official_account"),
            ("namespaces.default.provider", "open_platform"),
        ] {
            let expected = format!("{key}: `{value}` is not available in this version");
            assert_eq!(checked(key, value), Err(expected));
        }
    }

    #[test]
    fn a_provider_that_calls_wechat_must_know_as_whom() {
        let set = |pairs: &[(&str, &str)]| {
            let flag = |(key, value): &(&str, &str)| Flag {
                key: format!("namespaces.staff.{key}"),
                value: (*value).to_owned(),
            };
            let flags: Vec<Flag> = pairs.iter().map(flag).collect();
            let config = Config::load(None, [], &flags).expect("loaded");
            config.check().map_err(|error| error.to_string())
        };
        let provider = ("provider", "mini_program");
        let (id, secret) = (("wechat.app_id", "wx1"), ("wechat.app_secret", "hunter2"));
        assert_eq!(set(&[provider, id, secret]), Ok(()));
        for (given, missing) in
            [(&[provider, secret][..], "app_id"), (&[provider, id], "app_secret")]
        {
            let refused = set(given).expect_err("refused");
            assert!(
                refused.starts_with(&format!("namespaces.staff.wechat.{missing}")),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_colour_that_would_be_left_aside_is_refused() {
        let set = |pairs: &[(&str, &str)]| {
            let flag = |(key, value): &(&str, &str)| Flag {
                key: format!("namespaces.staff.wechat.{key}"),
                value: (*value).to_owned(),
            };
            let flags: Vec<Flag> = pairs.iter().map(flag).collect();
            Config::load(None, [], &flags).and_then(|config| config.check())
        };
        let (auto, red) = (("auto_color", "on"), ("line_color.r", "255"));
        assert_eq!((set(&[auto]), set(&[red])), (Ok(()), Ok(())));
        let both = set(&[auto, red]).expect_err("refused").to_string();
        assert!(both.starts_with("namespaces.staff.wechat.line_color: "), "{both}");
        let bright = set(&[("line_color.b", "256")]).expect_err("refused").to_string();
        let named = "namespaces.staff.wechat.line_color.b (on the command line)";
        assert_eq!(bright, format!("{named}: 256 is not from 0 to 255"));
    }

    #[test]
    fn an_address_that_cannot_be_served_is_not_repeated() {
        for (key, url) in [
            ("redis_url", "redis://:hunter2@a"),
            ("database_url", "postgres://me:hunter2@a/b"),
            ("database_url", "mysql://me:hunter2@a/b"),
            ("database_url", "hunter2"),
        ] {
            let refused = checked(key, url).expect_err("refused");
            assert!(refused.starts_with(key) && !refused.contains("hunter2"), "{refused}");
        }
    }
}
