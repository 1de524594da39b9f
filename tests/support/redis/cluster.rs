//! A cluster of three nodes, which keep what they answered on disk.

use std::fmt::Write as _;

use super::super::certificates::Authority;
use super::{RedisServer, ports, until};

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// A cluster.
pub(crate) struct Cluster {
    /// Its nodes: those with a third of the slots each, then the replicas of the first ones.
    pub(crate) nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Three nodes.
    pub(crate) fn start() -> Self {
        Self::with_replicas(0)
    }

    /// Three nodes, of which the first so many have a replica.
    pub(crate) fn with_replicas(replicas: usize) -> Self {
        Self::of(replicas, RedisServer::with)
    }

    /// Three nodes that speak TLS, also to each other.
    pub(crate) fn with_tls(authority: &Authority) -> Self {
        let start = |settings: &[&str]| {
            let tls = ["--tls-cluster", "yes", "--tls-replication", "yes"];
            RedisServer::with_tls(authority, &[settings, &tls].concat())
        };
        Self::of(0, start)
    }

    fn of(replicas: usize, start_with: impl Fn(&[&str]) -> RedisServer) -> Self {
        let start = |_| {
            let bus = ports::free().to_string();
            let mut all = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
            all.extend(["--cluster-port", &bus]);
            all.extend(["--appendonly", "yes", "--appendfsync", "always"]);
            all.extend(["--repl-diskless-sync-delay", "0"]);
            (start_with(&all), bus)
        };
        let started: Vec<(RedisServer, String)> = (0..3 + replicas).map(start).collect();
        for (n, (node, _)) in started.iter().take(3).enumerate() {
            let (first, last) = (n * SLOTS / 3, (n + 1) * SLOTS / 3 - 1);
            let range = ["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()];
            node.asks::<()>(&range);
            node.asks::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        }
        for (node, bus) in &started[1..] {
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &node.known_port().to_string(), bus];
            started[0].0.asks::<()>(&meet);
        }
        let nodes: Vec<RedisServer> = started.into_iter().map(|(node, _)| node).collect();
        let cluster = Self { nodes };
        cluster.until_whole();
        for (n, replica) in cluster.nodes.iter().skip(3).enumerate() {
            let id: String = cluster.nodes[n].asks(&["CLUSTER", "MYID"]);
            until("a replica", || replica.tries::<()>(&["CLUSTER", "REPLICATE", &id]).is_ok());
            let follows = || {
                let said: String = replica.asks(&["INFO", "replication"]);
                said.contains("master_link_status:up")
            };
            until("a replica to follow", follows);
        }
        cluster.until_whole();
        cluster
    }

    /// Waits until every node knows all, and all slots are served.
    pub(crate) fn until_whole(&self) {
        let all = format!("cluster_known_nodes:{}", self.nodes.len());
        until("the cluster to be whole", || {
            self.nodes.iter().all(|node| {
                let said = node.tries::<String>(&["CLUSTER", "INFO"]).unwrap_or_default();
                said.contains("cluster_state:ok") && said.contains(&all)
            })
        });
    }

    /// Waits until a node is a master.
    pub(crate) fn until_master(&self, node: usize) {
        until("a replica to become a master", || {
            let said: String = self.nodes[node].asks(&["INFO", "replication"]);
            said.contains("role:master")
        });
    }

    /// Its address, with all nodes.
    pub(crate) fn url(&self) -> String {
        let tls = if self.nodes[0].tls_port.is_some() { "s" } else { "" };
        let mut url = format!("redis{tls}-cluster://");
        for (n, node) in self.nodes.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(url, "{comma}127.0.0.1:{}", node.known_port()).expect("a text");
        }
        url
    }
}
