//! From a configuration to providers: one for each namespace, which share what an account at
//! WeChat has in common.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::api::wechat::callback_path;
use crate::clock::Clock;
use crate::config::{self, EnvVersion, ProviderName};
use crate::entropy::Entropy;
use crate::login::ports::Provider;
use crate::login::service::RETENTION;
use crate::metrics::Metrics;
use crate::provider::{
    Account, AccountSettings, AppSecret, CallbackSecrets, CodeOptions, Credentials, Meter,
    MiniProgram, OfficialAccount, OpenPlatform, Simulator, WebsiteAddresses,
};

/// The providers of the namespaces. Namespaces of one account at WeChat share its token.
pub(super) struct Providers {
    simulator: Arc<Simulator>,
    accounts: HashMap<String, Arc<Account>>,
    public_url: String,
    clock: Clock,
    entropy: Entropy,
    metrics: Arc<Metrics>,
}

impl Providers {
    pub(super) fn new(
        public_url: &str,
        clock: Clock,
        entropy: Entropy,
        metrics: Arc<Metrics>,
    ) -> Self {
        let simulator = Arc::new(Simulator::new(public_url.to_owned()));
        let public_url = public_url.to_owned();
        Self { simulator, accounts: HashMap::new(), public_url, clock, entropy, metrics }
    }

    /// The provider of a namespace.
    pub(super) fn of(
        &mut self,
        name: &str,
        rules: &config::Namespace,
    ) -> Result<Arc<dyn Provider>, StartError> {
        let wechat = &rules.wechat;
        let kept = Duration::from_secs(rules.session_ttl) + RETENTION;
        Ok(match rules.provider {
            ProviderName::Simulator => Arc::<Simulator>::clone(&self.simulator),
            ProviderName::MiniProgram => {
                Arc::new(MiniProgram::new(self.account(name, wechat)?, code_options(wechat), kept))
            }
            ProviderName::OfficialAccount => {
                let settings = AccountSettings {
                    secrets: CallbackSecrets {
                        token: exposed(wechat.token.as_ref()),
                        encoding_aes_key: wechat
                            .encoding_aes_key
                            .as_ref()
                            .map(|key| key.expose().to_owned()),
                    },
                    confirm_on_scan: wechat.confirm_on_scan,
                    code_seconds: rules.session_ttl,
                    kept,
                    public_url: self.public_url.clone(),
                };
                let account = self.account(name, wechat)?;
                let made = OfficialAccount::new(account, settings, self.clock);
                // `Config::check` has looked at the key.
                Arc::new(made.ok_or(StartError::CallbackKey)?)
            }
            ProviderName::OpenPlatform => {
                let addresses = WebsiteAddresses {
                    open_url: wechat.open_url.clone(),
                    redirect_uri: format!("{}{}", self.public_url, callback_path(name)),
                };
                Arc::new(OpenPlatform::new(self.account(name, wechat)?, addresses))
            }
        })
    }

    /// The account of a namespace; what is counted of it goes by the first that has it.
    fn account(
        &mut self,
        namespace: &str,
        wechat: &config::WeChat,
    ) -> Result<Arc<Account>, StartError> {
        let credentials = Credentials {
            app_id: wechat.app_id.clone().unwrap_or_default(),
            app_secret: AppSecret(exposed(wechat.app_secret.as_ref())),
            api_url: wechat.api_url.clone(),
        };
        let id = credentials.app_id.clone();
        if let Some(account) = self.accounts.get(&id) {
            return Ok(Arc::clone(account));
        }
        self.metrics.wechat.begin(namespace);
        let meter = Meter { namespace: namespace.to_owned(), metrics: Arc::clone(&self.metrics) };
        let account = Account::new(credentials, self.clock, self.entropy.clone(), meter)?;
        self.accounts.insert(id, Arc::clone(&account));
        Ok(account)
    }
}

fn code_options(wechat: &config::WeChat) -> CodeOptions {
    CodeOptions {
        page: wechat.page.clone(),
        env_version: match wechat.env_version {
            EnvVersion::Release => "release",
            EnvVersion::Trial => "trial",
            EnvVersion::Develop => "develop",
        },
        check_path: wechat.check_path,
        width: wechat.width,
        is_hyaline: wechat.is_hyaline,
        auto_color: wechat.auto_color,
        line_color: [wechat.line_color.r, wechat.line_color.g, wechat.line_color.b],
    }
}

fn exposed(secret: Option<&config::Secret>) -> String {
    secret.map(config::Secret::expose).unwrap_or_default().to_owned()
}
