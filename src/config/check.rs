//! What may be set, but cannot be had in this version.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{
    Config, ConfigError, DirectoryRule, Hook, LineColor, Namespace, Numbering, Pool, ProviderName,
    Secret,
};

/// The schemes of addresses of Redis; each also with TLS, as `rediss…`.
const REDIS: [&str; 3] = ["redis", "redis-sentinel", "redis-cluster"];

/// The schemes of addresses of databases.
const DATABASES: [&str; 3] = ["sqlite", "postgres", "postgresql"];

/// The shortest time in seconds that a code rests before it serves again.
const SHORTEST_COOLDOWN: u64 = 120;

impl Config {
    /// Whether this version can do everything that is set.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first setting that it cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::key("data_dir", "is empty"));
        }
        if let Some(url) = &self.redis_url {
            // Only the scheme is told, as below.
            let scheme = url.expose().split_once(':').map_or("", |(scheme, _)| scheme);
            if !REDIS.contains(&scheme.replacen("rediss", "redis", 1).as_str()) {
                let expected = "expected redis:…, rediss:…, redis-sentinel:… or redis-cluster:…";
                return Err(ConfigError::key("redis_url", expected));
            }
            if self.redis_ca_file.is_some() && !scheme.starts_with("rediss") {
                let why = "counts for nothing while `redis_url` is without TLS: write rediss…";
                return Err(ConfigError::key("redis_ca_file", why));
            }
        }
        if let Some(url) = &self.database_url {
            // Only the scheme is told: what comes after may hold a password.
            let scheme = url.expose().split_once(':').map_or("", |(scheme, _)| scheme);
            if !DATABASES.contains(&scheme) {
                let expected = "expected sqlite:… or postgres://…";
                return Err(ConfigError::key("database_url", expected));
            }
        }
        self.otlp.headers()?;
        self.tls.check(self.public_url.as_deref())?;
        if let Some(storage) = &self.storage {
            storage.check(self.public_url.as_deref())?;
        }
        self.namespaces.iter().try_for_each(|(name, namespace)| namespace.check(name))?;
        self.one_directory_for_shared_users()
    }

    /// Whoever is known to one rule cannot be anybody to another.
    fn one_directory_for_shared_users(&self) -> Result<(), ConfigError> {
        for (name, namespace) in &self.namespaces {
            let shared = namespace.users.as_deref();
            let differs = |(other, it): &(&String, &Namespace)| {
                it.shares(other) == shared && it.directory != namespace.directory
            };
            if let (Some(shared), Some((other, _))) = (shared, self.namespaces.iter().find(differs))
            {
                let reason = format!(
                    "`{shared}` are the users of namespaces.{other}, too, but \
                     namespaces.{other}.directory is not namespaces.{name}.directory"
                );
                return Err(ConfigError::key(format!("namespaces.{name}.users"), reason));
            }
        }
        Ok(())
    }
}

impl Namespace {
    fn check(&self, name: &str) -> Result<(), ConfigError> {
        match self.provider {
            ProviderName::Simulator => {}
            ProviderName::MiniProgram => self.needs_an_account(name, "mini_program")?,
            ProviderName::OfficialAccount => self.can_be_told_of_scans(name)?,
            ProviderName::OpenPlatform => {
                self.needs_an_account(name, "open_platform")?;
                if self.match_number {
                    let why = "cannot be had with `open_platform`: its page shows no number";
                    return Err(ConfigError::key(format!("namespaces.{name}.match_number"), why));
                }
            }
        }
        self.can_ask_its_hook(name)?;
        if self.numbering == Numbering::Pool {
            self.can_be_made_ahead(name)?;
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

    /// Whether a hook that is to decide can be asked, and decides where it seems to.
    fn can_ask_its_hook(&self, name: &str) -> Result<(), ConfigError> {
        let wrong = |field: &str, why: &str| {
            Err(ConfigError::key(format!("namespaces.{name}.{field}"), why))
        };
        let Hook { url, secret, .. } = &self.hook;
        if self.directory != DirectoryRule::Hook {
            // Who has set one means that it decides; `open` would let everybody in.
            let set = [("hook.url", url.is_some()), ("hook.secret", secret.is_some())];
            return match set.iter().find(|(_, is_set)| *is_set) {
                Some((field, _)) => {
                    wrong(field, "counts for nothing without `directory = \"hook\"`")
                }
                None => Ok(()),
            };
        }
        let Some(secret) = secret else {
            return wrong("hook.secret", "is needed by the directory `hook`");
        };
        if url.is_none() {
            return wrong("hook.url", "is needed by the directory `hook`");
        }
        let encoded = secret.expose().strip_prefix("whsec_");
        let is_key = |text| STANDARD.decode(text).is_ok_and(|key: Vec<u8>| !key.is_empty());
        if !encoded.is_none_or(is_key) {
            return wrong("hook.secret", "expected base64 after `whsec_`");
        }
        if self.users.is_some() {
            return wrong(
                "users",
                "counts for nothing with the directory `hook`: it knows its own",
            );
        }
        Ok(())
    }

    /// Whether there can be a pool of this provider's codes, and its rules agree.
    fn can_be_made_ahead(&self, name: &str) -> Result<(), ConfigError> {
        let wrong = |field: &str, why: &str| {
            Err(ConfigError::key(format!("namespaces.{name}.{field}"), why))
        };
        match self.provider {
            ProviderName::Simulator | ProviderName::MiniProgram => {}
            ProviderName::OfficialAccount => {
                return wrong("numbering", "cannot be `pool`: codes of `official_account` expire");
            }
            ProviderName::OpenPlatform => {
                return wrong("numbering", "cannot be `pool`: `open_platform` shows its own codes");
            }
        }
        let Pool { size, low_water, grow_by, reuse, cooldown_seconds } = self.pool;
        for (field, value) in
            [("pool.size", size), ("pool.low_water", low_water), ("pool.grow_by", grow_by)]
        {
            if value == 0 {
                return wrong(field, "must be 1 or more: else the pool stays empty");
            }
        }
        if low_water > size {
            return wrong("pool.low_water", "is more than `pool.size`: it would never be reached");
        }
        if reuse && !self.match_number {
            return wrong(
                "pool.reuse",
                "needs `match_number = true`: without it, an old picture of a code could confirm \
                 somebody else's login",
            );
        }
        if reuse && cooldown_seconds < SHORTEST_COOLDOWN {
            return wrong(
                "pool.cooldown_seconds",
                "must be 120 or more: for so long the session before can be looked at",
            );
        }
        Ok(())
    }

    /// Whether an official account's callbacks can be checked, and what they do is clear.
    fn can_be_told_of_scans(&self, name: &str) -> Result<(), ConfigError> {
        self.needs_an_account(name, "official_account")?;
        let wrong = |field: &str, why: &str| {
            Err(ConfigError::key(format!("namespaces.{name}.{field}"), why))
        };
        if self.wechat.token.as_ref().is_none_or(|token| token.expose().is_empty()) {
            return wrong("wechat.token", "is needed by the provider `official_account`");
        }
        let key = self.wechat.encoding_aes_key.as_ref().map(Secret::expose);
        let good = |key: &str| key.len() == 43 && key.bytes().all(|b| b.is_ascii_alphanumeric());
        if key.is_some_and(|key| !good(key)) {
            return wrong("wechat.encoding_aes_key", "must be 43 letters and digits");
        }
        if self.match_number && self.wechat.confirm_on_scan {
            return wrong(
                "wechat.confirm_on_scan",
                "cannot be had with `match_number`: nobody would be asked for the number",
            );
        }
        Ok(())
    }
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
        for url in ["sqlite::memory:", "postgres://me@a/b", "postgresql://me@a/b"] {
            assert_eq!(checked("database_url", url), Ok(()));
        }
        assert_eq!(checked("namespaces.staff.directory", "known"), Ok(()));
    }

    /// Settings of the namespace `staff`.
    fn set(pairs: &[(&str, &str)]) -> Result<(), String> {
        let flag = |(key, value): &(&str, &str)| Flag {
            key: format!("namespaces.staff.{key}"),
            value: (*value).to_owned(),
        };
        let flags: Vec<Flag> = pairs.iter().map(flag).collect();
        let config = Config::load(None, [], &flags).expect("loaded");
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn rules_of_a_pool_that_contradict_each_other_are_refused() {
        let pool = ("numbering", "pool");
        let with = |more: &[(&str, &str)]| set(&[&[pool], more].concat());
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[("pool.reuse", "on"), ("match_number", "on")]), Ok(()));
        // Of no use, but in nobody's way.
        assert_eq!(set(&[("pool.size", "0")]), Ok(()));
        let account = [("wechat.app_id", "wx1"), ("wechat.app_secret", "s"), ("wechat.token", "t")];
        let by = |provider| with(&[&account[..], &[("provider", provider)]].concat());
        assert_eq!(by("mini_program"), Ok(()));
        for (refused, named) in [
            (by("official_account"), "numbering"),
            (by("open_platform"), "numbering"),
            (with(&[("pool.size", "0")]), "pool.size"),
            (with(&[("pool.low_water", "0")]), "pool.low_water"),
            (with(&[("pool.grow_by", "0")]), "pool.grow_by"),
            (with(&[("pool.size", "100")]), "pool.low_water"),
            (with(&[("pool.reuse", "on")]), "pool.reuse"),
            (
                with(&[
                    ("pool.reuse", "on"),
                    ("match_number", "on"),
                    ("pool.cooldown_seconds", "119"),
                ]),
                "pool.cooldown_seconds",
            ),
        ] {
            let refused = refused.expect_err("refused");
            assert!(refused.starts_with(&format!("namespaces.staff.{named}")), "{refused}");
        }
    }

    #[test]
    fn settings_that_would_ask_nobody_are_refused() {
        let account = [
            ("provider", "official_account"),
            ("wechat.app_id", "wx1"),
            ("wechat.app_secret", "hunter2"),
            ("wechat.token", "hunter3"),
        ];
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let with = |more: &[(&str, &str)]| set(&[&account, more].concat());
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[("wechat.encoding_aes_key", key)]), Ok(()));
        assert_eq!(with(&[("wechat.confirm_on_scan", "on")]), Ok(()));
        let website = [("provider", "open_platform"), account[1], account[2]];
        assert_eq!(set(&website), Ok(()));
        let number = ("match_number", "on");
        for (refused, named) in [
            (set(&account[..3]), "wechat.token"),
            (with(&[("wechat.encoding_aes_key", &key[1..])]), "wechat.encoding_aes_key"),
            (with(&[("wechat.encoding_aes_key", "hunter4")]), "wechat.encoding_aes_key"),
            (with(&[number, ("wechat.confirm_on_scan", "on")]), "wechat.confirm_on_scan"),
            (set(&[&website[..], &[number]].concat()), "match_number"),
        ] {
            let refused = refused.expect_err("refused");
            assert!(refused.starts_with(&format!("namespaces.staff.{named}")), "{refused}");
            assert!(!refused.contains("hunter"), "{refused}");
        }
    }

    #[test]
    fn a_hook_that_is_to_decide_can_be_asked() {
        let all = [
            ("directory", "hook"),
            ("hook.url", "https://a.example/hook/"),
            ("hook.secret", "whsec_aHVudGVyMg=="),
        ];
        assert_eq!(set(&all), Ok(()));
        assert_eq!(set(&[all[0], all[1], ("hook.secret", "hunter2")]), Ok(()));
        assert_eq!(set(&[("hook.timeout_seconds", "30")]), Ok(()));
        for (refused, named) in [
            (set(&all[..1]), "hook.secret"),
            (set(&all[..2]), "hook.secret"),
            (set(&[all[0], all[2]]), "hook.url"),
            (set(&all[1..2]), "hook.url"),
            (set(&all[2..]), "hook.secret"),
            (set(&[all[0], all[1], ("hook.secret", "whsec_hunter2!")]), "hook.secret"),
            (set(&[all[0], all[1], ("hook.secret", "whsec_")]), "hook.secret"),
            (set(&[&all[..], &[("users", "shop")]].concat()), "users"),
        ] {
            let refused = refused.expect_err("refused");
            assert!(refused.starts_with(&format!("namespaces.staff.{named}")), "{refused}");
            assert!(!refused.contains("hunter") && !refused.contains("aHVudGVy"), "{refused}");
        }
    }

    #[test]
    fn a_provider_that_calls_wechat_must_know_as_whom() {
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
    fn namespaces_that_share_users_have_one_directory() {
        let set = |pairs: &[(&str, &str)]| {
            let flag = |(key, value): &(&str, &str)| Flag {
                key: format!("namespaces.{key}"),
                value: (*value).to_owned(),
            };
            let flags: Vec<Flag> = pairs.iter().map(flag).collect();
            let config = Config::load(None, [], &flags).expect("loaded");
            config.check().map_err(|error| error.to_string())
        };
        let known = ("shop.directory", "known");
        for good in [
            &[known, ("staff.directory", "open")][..],
            &[known, ("web.directory", "known"), ("web.users", "shop")],
            &[("shop.directory", "open"), ("web.users", "shop")],
            &[known, ("shop.users", "all"), ("web.users", "shop")],
        ] {
            assert_eq!(set(good), Ok(()), "{good:?}");
        }
        for (bad, named, other) in [
            (&[known, ("web.users", "shop")][..], "web", "shop"),
            (&[known, ("shop.users", "all"), ("web.users", "all")], "shop", "web"),
        ] {
            let refused = set(bad).expect_err("refused");
            assert!(refused.starts_with(&format!("namespaces.{named}.users: ")), "{refused}");
            for directory in [named, other] {
                let directory = format!("namespaces.{directory}.directory");
                assert!(refused.contains(&directory), "{refused}");
            }
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
    fn certificates_are_for_addresses_with_tls() {
        let set = |url: &str| {
            let flag =
                |key: &str, value: &str| Flag { key: key.to_owned(), value: value.to_owned() };
            let flags = [flag("redis_url", url), flag("redis_ca_file", "ca.pem")];
            let config = Config::load(None, [], &flags).expect("loaded");
            config.check().map_err(|error| error.to_string())
        };
        for url in ["rediss://a", "rediss-sentinel://a", "rediss-cluster://a"] {
            assert_eq!(set(url), Ok(()));
        }
        for url in ["redis://a", "redis-sentinel://a", "redis-cluster://a"] {
            let refused = set(url).expect_err("refused");
            assert!(refused.starts_with("redis_ca_file: "), "{refused}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_served_is_not_repeated() {
        for (key, url) in [
            ("redis_url", "http://:hunter2@a"),
            ("redis_url", "redissentinel://:hunter2@a"),
            ("database_url", "postgre://me:hunter2@a/b"),
            ("database_url", "mysql://me:hunter2@a/b"),
            ("database_url", "hunter2"),
        ] {
            let refused = checked(key, url).expect_err("refused");
            assert!(refused.starts_with(key) && !refused.contains("hunter2"), "{refused}");
        }
    }
}
