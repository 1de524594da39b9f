//! The table of settings: what the environment, the command line and the README call each.
//!
//! Belongs here: one row a setting. Its type and its range stand at its field.

/// How the text of a variable or a flag becomes a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// As it is.
    Text,
    /// A whole number.
    Whole,
    /// `on`, `off`, `true`, `false`, `1`, `0`.
    Switch,
    /// Texts with commas between.
    List,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Its key in the file.
    pub(super) key: &'static str,
    /// Its environment variable.
    pub(super) variable: &'static str,
    /// How its text is read.
    pub(super) kind: Kind,
    /// What it is when nobody sets it; for reading.
    pub(super) default: &'static str,
    /// What it does, and its unit.
    pub(super) meaning: &'static str,
}

/// Variables that begin with `SAOMA_` but are read before there are settings: the command line's
/// `--config` and the filter of the log.
pub(super) const NOT_SETTINGS: [&str; 2] = ["SAOMA_CONFIG", "SAOMA_LOG"];

/// The options of the storage's service have no rows: they are opendal's to name. What begins a
/// variable of one, and its key.
pub(super) const STORAGE_OPTIONS: (&str, &str) = ("SAOMA_STORAGE_OPTIONS_", "storage.options.");

macro_rules! settings {
    ($($variable:ident $key:literal $kind:ident $default:literal $meaning:literal)*) => {
        /// Every setting.
        pub(super) const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            variable: stringify!($variable),
            kind: Kind::$kind,
            default: $default,
            meaning: $meaning,
        }),*];
    };
}

settings! {
    SAOMA_LISTEN "listen" Text "127.0.0.1:3000"
        "where the public listener listens; port 0 picks a free one"
    SAOMA_ADMIN_LISTEN "admin_listen" Text "127.0.0.1:3001"
        "where the admin listener listens; port 0 picks a free one"
    SAOMA_PUBLIC_URL "public_url" Text "the address listened at"
        "the http or https address that people reach the server at, without a query"
    SAOMA_TLS_CERT_FILE "tls.cert_file" Text "none"
        "the file (PEM) of the certificate that the public listener shows, with those between it and the authority; none: plain http"
    SAOMA_TLS_KEY_FILE "tls.key_file" Text "none"
        "the file (PEM) of its key"
    SAOMA_DATA_DIR "data_dir" Text "data"
        "the folder of what must outlive a restart: the keys that sign tokens, the database"
    SAOMA_REDIS_URL "redis_url" Text "none"
        "the Redis that instances share, see [addresses](#addresses); none: one instance, in memory"
    SAOMA_REDIS_URL_FILE "redis_url_file" Text "none"
        "a file that holds `redis_url`"
    SAOMA_REDIS_CA_FILE "redis_ca_file" Text "what the system trusts"
        "a file of certificates (PEM) by which that of a `rediss:…` is verified"
    SAOMA_REDIS_PREFIX "redis_prefix" Text "saoma"
        "the beginning of all keys in Redis, so that several deployments can share one"
    SAOMA_DATABASE_URL "database_url" Text "saoma.db under `data_dir`"
        "the database of users and of the history, `sqlite:…` or `postgres://…`"
    SAOMA_DATABASE_URL_FILE "database_url_file" Text "none"
        "a file that holds `database_url`"
    SAOMA_DRAIN_SECONDS "drain_seconds" Whole "20"
        "seconds that a leaving server gives its subscribers, 0 to 3600"
    SAOMA_HEARTBEAT_SECONDS "heartbeat_seconds" Whole "15"
        "seconds between two heartbeats of a stream, 1 to 300"
    SAOMA_RATE_LIMIT "rate_limit" Switch "on"
        "whether `limits` are kept; `off` for load tests behind one address"
    SAOMA_LIMITS_SESSIONS_PER_MINUTE "limits.sessions_per_minute" Whole "600"
        "sessions that an address may open, per minute"
    SAOMA_LIMITS_SESSIONS_BURST "limits.sessions_burst" Whole "200"
        "sessions that an address may open at once"
    SAOMA_LIMITS_UNKNOWN_SCANS_PER_MINUTE "limits.unknown_scans_per_minute" Whole "30"
        "scans of scenes that nobody opened, per minute and address"
    SAOMA_LIMITS_UNKNOWN_SCANS_BURST "limits.unknown_scans_burst" Whole "20"
        "such scans at once"
    SAOMA_LIMITS_MESSAGES_PER_MINUTE "limits.messages_per_minute" Whole "300"
        "messages that one end of a session may send, per minute"
    SAOMA_LIMITS_MESSAGES_BURST "limits.messages_burst" Whole "50"
        "messages that one end of a session may send at once"
    SAOMA_TRUSTED_PROXIES "trusted_proxies" List "none"
        "IP addresses or ranges of proxies whose word on the client's address is taken"
    SAOMA_MAX_CONNECTIONS "max_connections" Whole "what the limit of open files leaves"
        "connections held at once"
    SAOMA_WORKER_THREADS "worker_threads" Whole "one less than there are cores"
        "threads that serve connections"
    SAOMA_LOG_FORMAT "log_format" Text "text"
        "how a log line is written: `text` or `json`"
    SAOMA_OTLP_ENDPOINT "otlp.endpoint" Text "none"
        "the collector that traces go to by OTLP over HTTP, as `http://collector:4318`; none: no traces"
    SAOMA_OTLP_HEADERS "otlp.headers" Text "none"
        "what requests to it are sent with: `name=value` with commas between"
    SAOMA_OTLP_HEADERS_FILE "otlp.headers_file" Text "none"
        "a file that holds `otlp.headers`"
    SAOMA_OTLP_SAMPLE_PERCENT "otlp.sample_percent" Whole "100"
        "how many of a hundred traces it is told of, 0 to 100"
    SAOMA_OTLP_SERVICE_NAME "otlp.service_name" Text "saoma"
        "what this service is called there"
    SAOMA_TOKEN_ISSUER "token.issuer" Text "`public_url`"
        "the token's `iss`"
    SAOMA_TOKEN_AUDIENCE "token.audience" Text "the namespace's name"
        "the token's `aud`"
    SAOMA_TOKEN_TTL_SECONDS "token.ttl_seconds" Whole "3600"
        "seconds that a token is good for, 1 to 2592000"
    SAOMA_HISTORY_RETENTION_DAYS "history.retention_days" Whole "90"
        "days that it is remembered who logged in, 0 to 3650; with 0 it is not, and no token can be revoked"
    SAOMA_STORAGE_SERVICE "storage.service" Text "fs"
        "what keeps the pictures of pooled codes: `fs`, `s3`, `cos`, `oss` or `obs`; see [where pictures go](#where-pictures-go)"
    SAOMA_STORAGE_PUBLIC_BASE_URL "storage.public_base_url" Text "this server"
        "where browsers get these pictures from"
    SAOMA_PROVIDER "namespaces.default.provider" Text "simulator"
        "what makes the codes and vouches for who scans: `simulator`, `mini_program`, `official_account` or `open_platform`"
    SAOMA_SESSION_TTL "namespaces.default.session_ttl" Whole "180"
        "seconds that a session lives, 5 to 3600"
    SAOMA_MESSAGES_TTL "namespaces.default.messages_ttl" Whole "3600"
        "seconds that a session with messages lives on after its confirmation, 1 to 86400"
    SAOMA_TICKET_TTL "namespaces.default.ticket_ttl" Whole "60"
        "seconds that a ticket can be exchanged, 1 to 3600"
    SAOMA_TRANSPORTS "namespaces.default.transports" List "websocket,sse,long-poll"
        "the ways that events may go, at least one"
    SAOMA_ORIGINS "namespaces.default.origins" List "none"
        "other origins whose pages may log people in here, each `scheme://host[:port]`; no wildcards"
    SAOMA_DIRECTORY "namespaces.default.directory" Text "open"
        "who is registered: `open` (whoever scans), `known` (the database), `hook` (a service of yours says)"
    SAOMA_USERS "namespaces.default.users" Text
        "its own name; with `open`, what all open ones share"
        "a name by which namespaces of one `directory` share their users"
    SAOMA_HOOK_URL "namespaces.default.hook.url" Text "none"
        "the service that `directory = \"hook\"` asks"
    SAOMA_HOOK_SECRET "namespaces.default.hook.secret" Text "none"
        "what calls to the hook are signed with: base64 after `whsec_`, any other text as it is"
    SAOMA_HOOK_SECRET_FILE "namespaces.default.hook.secret_file" Text "none"
        "a file that holds `hook.secret`"
    SAOMA_HOOK_TIMEOUT_SECONDS "namespaces.default.hook.timeout_seconds" Whole "5"
        "seconds that a phone waits for the hook, a second try included, 1 to 30"
    SAOMA_SIGN_UP "namespaces.default.sign_up" Switch "on"
        "whether a person whom the directory does not know may register"
    SAOMA_MATCH_NUMBER "namespaces.default.match_number" Switch "off"
        "whether the phone must say the number that the browser shows"
    SAOMA_API_KEYS "namespaces.default.api_keys" List "none"
        "what backends show to redeem tickets"
    SAOMA_API_KEYS_FILE "namespaces.default.api_keys_file" Text "none"
        "a file of such keys, one a line, `#` before a remark"
    SAOMA_NUMBERING "namespaces.default.numbering" Text "fresh"
        "where codes come from: `fresh` makes one for each session, `pool` makes them ahead"
    SAOMA_POOL_SIZE "namespaces.default.pool.size" Whole "1000"
        "codes to begin with"
    SAOMA_POOL_LOW_WATER "namespaces.default.pool.low_water" Whole "200"
        "free codes below which more are made"
    SAOMA_POOL_GROW_BY "namespaces.default.pool.grow_by" Whole "500"
        "codes made at a time"
    SAOMA_POOL_REUSE "namespaces.default.pool.reuse" Switch "off"
        "whether a code may serve again"
    SAOMA_POOL_COOLDOWN_SECONDS "namespaces.default.pool.cooldown_seconds" Whole "600"
        "seconds that a code rests before it serves again"
    SAOMA_RELAYED "namespaces.default.relayed" Text "warn"
        "what happens when a code reached the phone as a picture: `warn` or `refuse`"
    SAOMA_WECHAT_APP_ID "namespaces.default.wechat.app_id" Text "none"
        "the WeChat account's id"
    SAOMA_WECHAT_APP_SECRET "namespaces.default.wechat.app_secret" Text "none"
        "the WeChat account's secret"
    SAOMA_WECHAT_APP_SECRET_FILE "namespaces.default.wechat.app_secret_file" Text "none"
        "a file that holds `wechat.app_secret`"
    SAOMA_WECHAT_API_URL "namespaces.default.wechat.api_url" Text "https://api.weixin.qq.com"
        "where WeChat's interface is"
    SAOMA_WECHAT_OPEN_URL "namespaces.default.wechat.open_url" Text "https://open.weixin.qq.com"
        "where the open platform's page is"
    SAOMA_WECHAT_PAGE "namespaces.default.wechat.page" Text "pages/wsLogin/wsLogin"
        "the mini program's page that a code opens"
    SAOMA_WECHAT_ENV_VERSION "namespaces.default.wechat.env_version" Text "release"
        "the mini program's version that a code opens: `release`, `trial`, `develop`"
    SAOMA_WECHAT_CHECK_PATH "namespaces.default.wechat.check_path" Switch "on"
        "whether WeChat refuses to make codes for a page that is not published"
    SAOMA_WECHAT_WIDTH "namespaces.default.wechat.width" Whole "430"
        "the code's width in pixels, 280 to 1280"
    SAOMA_WECHAT_IS_HYALINE "namespaces.default.wechat.is_hyaline" Switch "off"
        "whether the code's background is transparent (a PNG then)"
    SAOMA_WECHAT_AUTO_COLOR "namespaces.default.wechat.auto_color" Switch "off"
        "whether WeChat chooses the colour of the code's lines"
    SAOMA_WECHAT_LINE_COLOR_R "namespaces.default.wechat.line_color.r" Whole "0"
        "how red the code's lines are, 0 to 255, unless WeChat chooses"
    SAOMA_WECHAT_LINE_COLOR_G "namespaces.default.wechat.line_color.g" Whole "0"
        "how green they are"
    SAOMA_WECHAT_LINE_COLOR_B "namespaces.default.wechat.line_color.b" Whole "0"
        "how blue they are"
    SAOMA_WECHAT_TOKEN "namespaces.default.wechat.token" Text "none"
        "what an official account's callbacks are signed with"
    SAOMA_WECHAT_TOKEN_FILE "namespaces.default.wechat.token_file" Text "none"
        "a file that holds `wechat.token`"
    SAOMA_WECHAT_ENCODING_AES_KEY "namespaces.default.wechat.encoding_aes_key" Text "none"
        "what an official account's callbacks are encrypted with"
    SAOMA_WECHAT_ENCODING_AES_KEY_FILE "namespaces.default.wechat.encoding_aes_key_file" Text
        "none" "a file that holds `wechat.encoding_aes_key`"
    SAOMA_WECHAT_CONFIRM_ON_SCAN "namespaces.default.wechat.confirm_on_scan" Switch "off"
        "whether the scan of an official account's code logs in at once, without a question"
}

/// The setting of a key. Any namespace has the settings of `default`.
pub(super) fn of_key(key: &str) -> Option<&'static Setting> {
    let field = key.strip_prefix("namespaces.").and_then(|rest| rest.split_once('.'));
    SETTINGS.iter().find(|setting| match field {
        Some((_, field)) => setting.key.strip_prefix("namespaces.default.") == Some(field),
        None => setting.key == key,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::config::{Config, Flag};

    use super::*;

    #[test]
    fn a_variable_is_called_as_its_key_without_the_default_namespace() {
        for Setting { key, variable, .. } in SETTINGS {
            let key = key.strip_prefix("namespaces.default.").unwrap_or(key);
            let expected = format!("SAOMA_{}", key.to_uppercase().replace('.', "_"));
            assert_eq!(*variable, expected);
        }
    }

    /// The fields of a table, as the error on a field that it does not have lists them.
    fn fields(table: &str) -> Vec<String> {
        let text = format!("[{table}]\n'?' = 1").replace("[]", "");
        let error = toml::from_str::<Config>(&text).expect_err("no such field").to_string();
        let (_, list) = error.split_once(", expected ").expect("a list of fields");
        // Of two the error says `one` or `other`.
        list.trim_start_matches("one of ")
            .replace("` or `", "`, `")
            .split(", ")
            .map(|field| field.trim().trim_matches('`').to_owned())
            .collect()
    }

    #[test]
    fn every_field_has_its_row_and_every_row_its_field() {
        let tables = ["limits", "otlp", "tls", "token", "history", "storage", "namespaces.default"];
        let tables = tables.map(String::from);
        let inner = ["hook", "pool", "wechat", "wechat.line_color"]
            .map(|name| format!("namespaces.default.{name}"));
        let all = [String::new(), "namespaces".to_owned(), "storage.options".to_owned()];
        let not_settings: BTreeSet<_> = tables.iter().chain(&inner).chain(&all).cloned().collect();
        let mut keys = BTreeSet::new();
        for table in [String::new()].iter().chain(&tables).chain(&inner) {
            let dot = if table.is_empty() { "" } else { "." };
            keys.extend(fields(table).into_iter().map(|field| format!("{table}{dot}{field}")));
        }
        let keys: Vec<_> = keys.difference(&not_settings).map(String::as_str).collect();
        let rows: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys, rows.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_defaults_that_people_read_are_the_defaults_that_hold() {
        let held = Config::default().to_toml();
        for Setting { key, default, .. } in SETTINGS {
            // The defaults that are a sentence have no value to be held to.
            let flag = Flag { key: (*key).to_owned(), value: (*default).to_owned() };
            if key.ends_with("_file") || *default == "none" || default.contains(' ') {
                continue;
            }
            if ["storage.service", "token.issuer"].contains(key) {
                continue;
            }
            let set = Config::load(None, [], &[flag]).expect(key);
            assert_eq!(set.to_toml(), held, "{key}");
        }
    }

    #[test]
    fn any_namespace_has_the_settings_of_the_default_one() {
        assert_eq!(of_key("namespaces.staff.pool.size").map(|it| it.kind), Some(Kind::Whole));
        assert!(of_key("namespaces.staff.typo").is_none() && of_key("typo").is_none());
    }
}
