//! Instances behind a balancer: processes that share a redis-server and a PostgreSQL, one address
//! before them, and nothing that keeps a client at one of them.

use std::net::IpAddr;

use futures_util::future::join_all;
use saoma::config::{Config, Secret};

use super::haproxy::HaProxy;
use super::instance::Instance;
use super::postgres::Postgres;
use super::{Api, Browser, Phone, Via};

/// Where the balancer calls from: no client does, so that a client's word is not taken for its.
pub(super) const BALANCER: [u8; 4] = [127, 0, 0, 2];

/// A port that is free.
const FREE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// Some instances and their balancer.
pub(crate) struct Balanced {
    pub(crate) instances: Vec<Instance>,
    pub(crate) balancer: HaProxy,
    api: Api,
    config: Config,
}

impl Balanced {
    /// So many instances with these settings; the balancer knows them all when this returns.
    pub(crate) async fn start(instances: usize, mut config: Config) -> Self {
        let balancer = HaProxy::start();
        let database = || Secret::new(Postgres::shared().new_database());
        config.database_url.get_or_insert_with(database);
        config.public_url.get_or_insert_with(|| format!("http://{}", balancer.address));
        let caller = IpAddr::from(BALANCER).to_string();
        config.trusted_proxies.push(caller.parse().expect("a range"));
        (config.listen, config.admin_listen) = (FREE.into(), FREE.into());
        let api = Api::new(format!("http://{}", balancer.address));
        let mut all = Self { instances: Vec::new(), balancer, api, config };
        let starting = (0..instances).map(|_| Instance::start(&all.config));
        all.take(join_all(starting).await).await;
        all
    }

    /// A client of the balancer's address.
    pub(crate) fn api(&self) -> Api {
        self.api.clone()
    }

    /// A browser that follows its sessions by this transport.
    pub(crate) fn browser(&self, via: Via) -> Browser {
        Browser::new(self.api(), via)
    }

    /// Somebody's phone that looks at a scene; it has not scanned yet.
    pub(crate) fn phone(&self, scene: &str) -> Phone {
        Phone::new(self.api(), scene)
    }

    /// One instance more.
    pub(crate) async fn grows(&mut self) {
        let instance = Instance::start(&self.config).await;
        self.take([instance]).await;
    }

    /// The balancer sends nobody to this instance any more, whatever becomes of it.
    pub(crate) async fn gives_up(&mut self, instance: usize) -> Instance {
        let instance = self.instances.remove(instance);
        self.balancer.forgets(instance.address).await;
        instance
    }

    async fn take(&mut self, instances: impl IntoIterator<Item = Instance>) {
        let known = self.instances.len();
        for instance in instances {
            self.balancer.takes(instance.address, instance.admin).await;
            self.instances.push(instance);
        }
        // They are looked at all at once.
        for instance in &self.instances[known..] {
            self.balancer.until(instance.address, "UP").await;
        }
    }
}
