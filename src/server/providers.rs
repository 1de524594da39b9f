//! From a configuration to providers: one for each namespace, which share what an account at
//! WeChat has in common.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::clock::Clock;
use crate::config::{self, EnvVersion, ProviderName};
use crate::entropy::Entropy;
use crate::login::ports::Provider;
use crate::login::service::RETENTION;
use crate::provider::{Account, AppSecret, CodeOptions, Credentials, MiniProgram, Simulator};

/// The providers of the namespaces. Namespaces of one account at WeChat share its token.
pub(super) struct Providers {
    simulator: Arc<Simulator>,
    /// Whether some namespace has the simulator.
    pub(super) simulated: bool,
    accounts: HashMap<String, Arc<Account>>,
    clock: Clock,
    entropy: Entropy,
}

impl Providers {
    pub(super) fn new(public_url: &str, clock: Clock, entropy: Entropy) -> Self {
        let simulator = Arc::new(Simulator::new(public_url.to_owned()));
        Self { simulator, simulated: false, accounts: HashMap::new(), clock, entropy }
    }

    /// The provider of a namespace.
    pub(super) fn of(
        &mut self,
        rules: &config::Namespace,
    ) -> Result<Arc<dyn Provider>, StartError> {
        // What this version has not, `Config::check` has refused.
        if rules.provider != ProviderName::MiniProgram {
            self.simulated = true;
            return Ok(Arc::<Simulator>::clone(&self.simulator));
        }
        let wechat = &rules.wechat;
        let options = CodeOptions {
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
        };
        let kept = Duration::from_secs(rules.session_ttl) + RETENTION;
        Ok(Arc::new(MiniProgram::new(self.account(wechat)?, options, kept)))
    }

    fn account(&mut self, wechat: &config::WeChat) -> Result<Arc<Account>, StartError> {
        let secret = wechat.app_secret.as_ref().map(config::Secret::expose);
        let credentials = Credentials {
            app_id: wechat.app_id.clone().unwrap_or_default(),
            app_secret: AppSecret(secret.unwrap_or_default().to_owned()),
            api_url: wechat.api_url.clone(),
        };
        let id = credentials.app_id.clone();
        if let Some(account) = self.accounts.get(&id) {
            return Ok(Arc::clone(account));
        }
        let account = Account::new(credentials, self.clock, self.entropy.clone())?;
        self.accounts.insert(id, Arc::clone(&account));
        Ok(account)
    }
}
