//! The address of a Redis: one server, a master that sentinels watch, or a cluster.
//!
//! Belongs here: the forms of an address and what is wrong with one. No text here repeats any part
//! of it, for wherever somebody mistyped it, that part may be the password.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

/// Where sentinels listen unless it is said.
const SENTINEL_PORT: u16 = 26_379;

/// An address.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// One server.
    One(Box<ConnectionInfo>),
    /// The master of a name, as the sentinels know it.
    Sentinels {
        /// Where they are, and how to speak to them.
        sentinels: Vec<ConnectionInfo>,
        /// The master's name.
        master: String,
        /// How to speak to the master.
        redis: RedisConnectionInfo,
        /// Whether all speak TLS.
        tls: bool,
    },
    /// Some nodes of a cluster; they know the others.
    Cluster(Vec<ConnectionInfo>),
}

/// What an address looks like.
const ONE: &str = "expected redis://[[user]:password@]host[:port][/db], or rediss:// for TLS";
const SENTINELS: &str = "expected redis-sentinel://[[user]:password@]host[:port][,host[:port]…][/db]\
                         ?sentinelMasterId=name, or rediss-sentinel:// for TLS";
const CLUSTER: &str = "expected redis-cluster://[[user]:password@]host[:port][,host[:port]…], \
                       or rediss-cluster:// for TLS";
const ANY: &str = "expected redis:…, rediss:…, redis-sentinel:… or redis-cluster:…";

impl Address {
    /// Reads an address; a refusal says what is wrong and what was expected.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or(ANY)?;
        if rest.contains('#') {
            return Err("a # in a user or password is written %23".to_owned());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, db) = rest.split_once('/').unwrap_or((rest, ""));
        if !db.bytes().all(|b| b.is_ascii_digit()) {
            return Err("what follows the / is no number of a database".to_owned());
        }
        let (user, hosts) = match place.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), place),
        };
        let tls = scheme.starts_with("rediss");
        let parts = Parts { tls, user, hosts, db };
        let (address, expected) = match scheme {
            "redis" | "rediss" => (parts.one(query), ONE),
            "redis-sentinel" | "rediss-sentinel" => (parts.sentinels(query), SENTINELS),
            "redis-cluster" | "rediss-cluster" => (parts.cluster(query), CLUSTER),
            _ => return Err(ANY.to_owned()),
        };
        address.map_err(|wrong| format!("{wrong}: {expected}"))
    }

    pub(super) fn is_tls(&self) -> bool {
        let tls = |address: &ConnectionAddr| matches!(address, ConnectionAddr::TcpTls { .. });
        match self {
            Self::One(one) => tls(one.addr()),
            Self::Sentinels { tls, .. } => *tls,
            Self::Cluster(nodes) => nodes.iter().any(|node| tls(node.addr())),
        }
    }
}

/// The parts of an address.
struct Parts<'a> {
    tls: bool,
    /// With its `@`, if there is one.
    user: String,
    hosts: &'a str,
    db: &'a str,
}

impl Parts<'_> {
    /// Each host, as an address of its own.
    fn each(&self, port: Option<u16>) -> Result<Vec<ConnectionInfo>, &'static str> {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let one = |host: &str| {
            let after_brackets = host.rsplit_once(']').map_or(host, |(_, after)| after);
            let port = match port {
                Some(port) if !after_brackets.contains(':') => format!(":{port}"),
                _ => String::new(),
            };
            let url = format!("{scheme}://{}{host}{port}/{}", self.user, self.db);
            url.into_connection_info().map_err(|_| "it has no host, or one that is none")
        };
        self.hosts.split(',').map(one).collect()
    }

    fn one(&self, query: &str) -> Result<Address, &'static str> {
        if !query.is_empty() {
            return Err("it takes no parameters");
        }
        let [one] = self.each(None)?.try_into().map_err(|_| "it has several hosts")?;
        Ok(Address::One(Box::new(one)))
    }

    fn sentinels(&self, query: &str) -> Result<Address, &'static str> {
        let (mut master, mut user, mut password) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let known = match &*name {
                "sentinelMasterId" => &mut master,
                "sentinelUsername" => &mut user,
                "sentinelPassword" => &mut password,
                _ => {
                    return Err("it has another parameter than sentinelMasterId, \
                                sentinelUsername, sentinelPassword");
                }
            };
            if value.is_empty() || known.replace(value.into_owned()).is_some() {
                return Err("a parameter is empty or there twice");
            }
        }
        let mut sentinels = self.each(Some(SENTINEL_PORT))?;
        let redis = sentinels.first().map(|it| it.redis_settings().clone()).unwrap_or_default();
        let mut own = RedisConnectionInfo::default();
        if let Some(user) = user {
            own = own.set_username(user);
        }
        if let Some(password) = password {
            own = own.set_password(password);
        }
        for sentinel in &mut sentinels {
            *sentinel = sentinel.clone().set_redis_settings(own.clone());
        }
        let master = master.ok_or("it names no master")?;
        Ok(Address::Sentinels { sentinels, master, redis, tls: self.tls })
    }

    fn cluster(&self, query: &str) -> Result<Address, &'static str> {
        if !query.is_empty() {
            return Err("it takes no parameters");
        }
        if !self.db.is_empty() {
            return Err("a cluster has no databases");
        }
        Ok(Address::Cluster(self.each(None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::read(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
    }

    fn told(address: &ConnectionAddr) -> String {
        address.to_string()
    }

    #[test]
    fn one_server() {
        for (text, at, db) in [
            ("redis://cache", "cache:6379", 0),
            ("redis://me:pa%2Fss@cache:1/3", "cache:1", 3),
            ("redis://:pass@[::1]:2/", "::1:2", 0),
            ("rediss://cache/15", "cache:6379", 15),
        ] {
            let Address::One(one) = read(text) else { panic!("{text}") };
            assert_eq!((told(one.addr()), one.redis_settings().db()), (at.to_owned(), db));
            assert_eq!(read(text).is_tls(), text.starts_with("rediss"));
        }
    }

    #[test]
    fn a_master_that_sentinels_watch() {
        let text = "redis-sentinel://me:pass@a,b:5,[::1]/2?sentinelMasterId=main\
                    &sentinelPassword=o%20ther";
        let Address::Sentinels { sentinels, master, redis, tls } = read(text) else {
            panic!("{text}");
        };
        let at: Vec<String> = sentinels.iter().map(|it| told(it.addr())).collect();
        assert_eq!(at, ["a:26379", "b:5", "::1:26379"]);
        assert_eq!((&*master, redis.db(), tls), ("main", 2, false));
        assert_eq!((redis.username(), redis.password()), (Some("me"), Some("pass")));
        for sentinel in sentinels {
            let own = sentinel.redis_settings();
            assert_eq!((own.username(), own.password(), own.db()), (None, Some("o ther"), 0));
        }
        assert!(read("rediss-sentinel://a?sentinelMasterId=main").is_tls());
    }

    #[test]
    fn some_nodes_of_a_cluster() {
        let Address::Cluster(nodes) = read("redis-cluster://:pass@a:1,b") else { panic!() };
        let at: Vec<String> = nodes.iter().map(|node| told(node.addr())).collect();
        assert_eq!(at, ["a:1", "b:6379"]);
        assert!(nodes.iter().all(|node| node.redis_settings().password() == Some("pass")));
        assert!(read("rediss-cluster://a,b").is_tls());
    }

    #[test]
    fn what_is_wrong_is_said_and_nothing_of_the_address() {
        for (text, says) in [
            ("hunter2", "expected redis:"),
            ("http://:hunter2@a", "expected redis:"),
            ("redis+cluster://:hunter2@a", "expected redis:"),
            ("redis://:hunter2@", "no host"),
            ("redis://:hunter2@a:hunter", "no host"),
            ("redis://:hun/ter2@a", "no number of a database"),
            ("redis://:hun?ter2@a", "no"),
            ("redis://:hun#ter2@a", "%23"),
            ("redis://:hunter2@a/hunter", "no number of a database"),
            ("redis://:hunter2@a,b", "several hosts"),
            ("redis://:hunter2@a?hunter=1", "no parameters"),
            ("rediss://:hunter2@a#insecure", "%23"),
            ("redis-sentinel://:hunter2@a", "names no master"),
            ("redis-sentinel://:hunter2@a?sentinelMasterId=", "empty"),
            ("redis-sentinel://:hunter2@?sentinelMasterId=main", "no host"),
            ("redis-sentinel://:hunter2@a,,b?sentinelMasterId=main", "no host"),
            ("redis-sentinel://a?sentinelMasterId=main&hunter=1", "another parameter"),
            ("redis-sentinel://a?sentinelMasterId=a&sentinelMasterId=hunter", "twice"),
            ("redis-cluster://:hunter2@a,b/1", "no databases"),
            ("redis-cluster://:hunter2@", "no host"),
            ("redis-cluster://:hunter2@a?hunter=1", "no parameters"),
        ] {
            let wrong = Address::read(text).expect_err(text);
            assert!(wrong.contains(says), "{text}: {wrong}");
            assert!(wrong.contains("expected") || wrong.contains("no") || wrong.contains("%23"));
            assert!(!wrong.contains("hun") && !wrong.contains("ter2"), "{text}: {wrong}");
        }
    }
}
