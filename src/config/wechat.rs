//! `wechat`: the account that a namespace speaks to WeChat with.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::from_file;
use super::{ConfigError, Secret, forms};

/// A WeChat account.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeChat {
    /// The account's id. `SAOMA_WECHAT_APP_ID`.
    pub app_id: Option<String>,
    /// The account's secret. `SAOMA_WECHAT_APP_SECRET`.
    pub app_secret: Option<Secret>,
    /// A file that holds `app_secret`. `SAOMA_WECHAT_APP_SECRET_FILE`.
    pub app_secret_file: Option<PathBuf>,
    /// Where WeChat's interface is. `SAOMA_WECHAT_API_URL`, default `https://api.weixin.qq.com`.
    #[serde(deserialize_with = "forms::needed_web_address")]
    pub api_url: String,
    /// Where the open platform's page is. `SAOMA_WECHAT_OPEN_URL`, default
    /// `https://open.weixin.qq.com`.
    #[serde(deserialize_with = "forms::needed_web_address")]
    pub open_url: String,
    /// The mini program's page that a code opens. `SAOMA_WECHAT_PAGE`, default
    /// `pages/wsLogin/wsLogin`.
    pub page: String,
    /// The mini program's version that a code opens. `SAOMA_WECHAT_ENV_VERSION`, default
    /// `release`.
    pub env_version: EnvVersion,
    /// Whether WeChat refuses a page that is not published. `SAOMA_WECHAT_CHECK_PATH`, default on.
    #[serde(deserialize_with = "forms::switch")]
    pub check_path: bool,
    /// The code's width in pixels, 280 to 1280. `SAOMA_WECHAT_WIDTH`, default 430.
    #[serde(deserialize_with = "forms::between::<280, 1280, _>")]
    pub width: u64,
    /// Whether the code's background is transparent. `SAOMA_WECHAT_IS_HYALINE`, default off.
    #[serde(deserialize_with = "forms::switch")]
    pub is_hyaline: bool,
    /// Whether WeChat chooses the colour of the code's lines. `SAOMA_WECHAT_AUTO_COLOR`, default
    /// off.
    #[serde(deserialize_with = "forms::switch")]
    pub auto_color: bool,
    /// The colour of the code's lines, unless WeChat chooses it; black by default.
    pub line_color: LineColor,
    /// What an official account's callbacks are signed with. `SAOMA_WECHAT_TOKEN`.
    pub token: Option<Secret>,
    /// A file that holds `token`. `SAOMA_WECHAT_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
    /// What an official account's callbacks are encrypted with. `SAOMA_WECHAT_ENCODING_AES_KEY`.
    pub encoding_aes_key: Option<Secret>,
    /// A file that holds `encoding_aes_key`. `SAOMA_WECHAT_ENCODING_AES_KEY_FILE`.
    pub encoding_aes_key_file: Option<PathBuf>,
    /// Whether the scan of an official account's code logs in at once, without a question.
    /// `SAOMA_WECHAT_CONFIRM_ON_SCAN`, default off: scanning is not consent.
    #[serde(deserialize_with = "forms::switch")]
    pub confirm_on_scan: bool,
}

/// A mini program's version.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvVersion {
    /// What everybody has.
    #[default]
    Release,
    /// What testers have.
    Trial,
    /// What developers have.
    Develop,
}

/// A colour by its shares, each 0 to 255. `SAOMA_WECHAT_LINE_COLOR_R`, `_G`, `_B`, default 0.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineColor {
    /// Red.
    #[serde(deserialize_with = "forms::between::<0, 255, _>")]
    pub r: u64,
    /// Green.
    #[serde(deserialize_with = "forms::between::<0, 255, _>")]
    pub g: u64,
    /// Blue.
    #[serde(deserialize_with = "forms::between::<0, 255, _>")]
    pub b: u64,
}

impl Default for WeChat {
    fn default() -> Self {
        Self {
            app_id: None,
            app_secret: None,
            app_secret_file: None,
            api_url: "https://api.weixin.qq.com".to_owned(),
            open_url: "https://open.weixin.qq.com".to_owned(),
            page: "pages/wsLogin/wsLogin".to_owned(),
            env_version: EnvVersion::Release,
            check_path: true,
            width: 430,
            is_hyaline: false,
            auto_color: false,
            line_color: LineColor::default(),
            token: None,
            token_file: None,
            encoding_aes_key: None,
            encoding_aes_key_file: None,
            confirm_on_scan: false,
        }
    }
}

impl WeChat {
    /// Reads the `_file` forms. `key` is the table's own.
    pub(super) fn read_files(&mut self, key: &str) -> Result<(), ConfigError> {
        let of = |field| format!("{key}.{field}");
        from_file(&mut self.app_secret, self.app_secret_file.as_deref(), &of("app_secret"))?;
        from_file(&mut self.token, self.token_file.as_deref(), &of("token"))?;
        let file = self.encoding_aes_key_file.as_deref();
        from_file(&mut self.encoding_aes_key, file, &of("encoding_aes_key"))
    }
}
