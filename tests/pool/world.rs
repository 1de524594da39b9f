//! WeChat with a mini program, and servers whose codes for it are made ahead.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ImageFormat;
use saoma::config::{Config, Numbering, Pool, ProviderName, Secret, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stub::{MINI, PATIENCE, SECRET, Stub};
use crate::support::{Answer, Api, Session, Store, TestServer, Via, metrics, namespace};

pub(crate) const CODES: &str = "/wxa/getwxacodeunlimit";
pub(crate) const TOKENS: &str = "/cgi-bin/stable_token";
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Longer than codes take that nothing is in the way of.
const A_TURN: Duration = Duration::from_secs(2);

/// A pool that a test fills in a moment.
pub(crate) const SMALL: Pool =
    Pool { size: 8, low_water: 4, grow_by: 4, reuse: false, cooldown_seconds: 600 };

/// Both sides.
pub(crate) struct World {
    pub(crate) wechat: Stub,
    pub(crate) server: TestServer,
}

/// WeChat, with the page that codes open.
pub(crate) async fn wechat() -> Stub {
    let wechat = Stub::start().await;
    let pages = json!(["pages/wsLogin/wsLogin", "pages/other/other"]);
    wechat.set(MINI, "pages", pages).await;
    wechat
}

/// Settings of a server whose codes for this WeChat are made ahead.
pub(crate) fn with_a_pool(config: &mut Config, wechat: &str, pool: Pool) {
    config.rate_limit = false;
    let namespace = namespace(config, "default");
    namespace.provider = ProviderName::MiniProgram;
    namespace.wechat.app_id = Some(MINI.to_owned());
    namespace.wechat.app_secret = Some(Secret::new(SECRET.to_owned()));
    wechat.clone_into(&mut namespace.wechat.api_url);
    namespace.numbering = Numbering::Pool;
    namespace.pool = pool;
    namespace.api_keys = vec![Secret::new(KEY.to_owned())];
}

/// Settings of a server that shares its codes with others, or with itself when it is started anew.
pub(crate) fn shared(config: &mut Config, database: &str, pictures: &Path) {
    config.database_url = Some(Secret::new(database.to_owned()));
    keeps_pictures_in(config, pictures);
}

/// Settings of a server whose pictures go into that folder.
pub(crate) fn keeps_pictures_in(config: &mut Config, pictures: &Path) {
    let root = Secret::new(pictures.to_str().expect("UTF-8").to_owned());
    let options = [("root".to_owned(), root)].into();
    config.storage = Some(Storage { options, ..Storage::default() });
}

impl World {
    pub(crate) async fn new(pool: Pool) -> Self {
        Self::with(pool, |_| {}).await
    }

    pub(crate) async fn with(pool: Pool, change: impl FnOnce(&mut Config)) -> Self {
        Self::of(wechat().await, pool, change).await
    }

    /// With this WeChat.
    pub(crate) async fn of(wechat: Stub, pool: Pool, change: impl FnOnce(&mut Config)) -> Self {
        let url = wechat.base.clone();
        let server = TestServer::start_with(Store::Memory, |config| {
            with_a_pool(config, &url, pool);
            change(config);
        });
        let server = server.await;
        Self { wechat, server }
    }

    /// As many codes are free, by the server's metrics.
    pub(crate) async fn has_free(&self, codes: u64) {
        has_free(&self.server, codes).await;
    }

    /// A session whose browser has only been told of it.
    pub(crate) async fn opened(&self) -> Session {
        self.server.browser(Via::LongPoll).open_only().await
    }

    /// The picture that a session's page shows, from where it is told to get it.
    pub(crate) async fn picture(&self, session: &Session) -> Answer {
        picture(&self.server.api(), session).await
    }

    /// What the mini program is opened with when somebody scans a picture.
    pub(crate) async fn scanned(&self, picture: Vec<u8>) -> Value {
        self.wechat.tell("scan", json!({ "picture": STANDARD.encode(picture) })).await
    }

    /// What `wx.login` gives to somebody.
    pub(crate) async fn wx_login(&self, person: &str) -> Value {
        let told = self.wechat.tell("login", json!({ "appid": MINI, "person": person })).await;
        json!({ "login_code": told["code"] })
    }

    /// How often WeChat was called so far.
    pub(crate) async fn calls(&self, path: &str) -> usize {
        let calls = self.wechat.see(&format!("calls?all&path={path}")).await;
        calls.as_array().expect("a list").len()
    }

    /// WeChat is well again.
    pub(crate) async fn heals(&self) {
        let faults = format!("{}/stub/faults", self.wechat.base);
        self.wechat.client.delete(faults).send().await.expect("an answer");
    }

    /// Lets the server rest as long as it wants to after a failure, until there is what is to be.
    pub(crate) async fn rests_until(&self, there: impl AsyncFn() -> bool) {
        let made = async {
            loop {
                self.server.time_passes(61).await;
                // What was under way has failed by that, and it rests again.
                let made = async { while !there().await {} };
                if tokio::time::timeout(A_TURN, made).await.is_ok() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE * 20, made).await.expect("codes");
    }

    /// What a metric of the server's says.
    pub(crate) async fn counts(&self, metric: &str, label: &str) -> u64 {
        metrics::sum(&self.server.metrics().await, metric, label)
    }
}

/// As many codes are free, by a server's metrics.
pub(crate) async fn has_free(server: &TestServer, codes: u64) {
    let free = async || {
        metrics::sum(&server.metrics().await, "saoma_pool_codes", "state=\"free\"") == codes
    };
    let filled = async { while !free().await {} };
    tokio::time::timeout(PATIENCE * 4, filled).await.expect("as many free codes");
}

/// The picture that a session's page shows, from where it is told to get it.
pub(crate) async fn picture(api: &Api, session: &Session) -> Answer {
    let url = session.opened["code"]["url"].as_str().expect("an address");
    api.ask(reqwest::Method::GET, url).await
}

/// The pictures in a folder, each of which is one.
pub(crate) fn pictures_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
    let name = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("a file");
        let read = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg);
        assert!(read.is_ok(), "{} is no picture", path.display());
        path.file_name().expect("a name").to_string_lossy().into_owned()
    };
    paths.map(name).collect()
}

/// A folder for what several share.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
