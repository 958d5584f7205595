//! Three brokers that are one, to lose one of.

use crate::{Proxy, RabbitNode, eventually_some, eventually_within, unique};
use anyhow::{Context as _, Result};
use std::time::Duration;

/// What a node that is cut off takes for the others' secret.
const ESTRANGED: &str = "estranged";
/// A node that comes back has to boot, join and catch up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A RabbitMQ cluster of three on this host; a node without the majority pauses, as
/// `docs/operate/servers.md` wants it. Ended when dropped. Tried by `f44_cluster_minority_partition`
/// of `hydra-amqp`.
pub struct RabbitCluster {
    /// Its nodes, each reached on its own.
    pub nodes: Vec<RabbitNode>,
    /// One address before all nodes, as a service of a real cluster has.
    pub front: Proxy,
    cookie: String,
}

impl RabbitCluster {
    /// Starts three nodes and waits until each knows the others.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or the cluster does not form.
    pub async fn start() -> Self {
        let cookie = unique("cookie");
        let names: Vec<String> = (1..=3).map(|n| unique(&format!("hydra{n}"))).collect();
        let mut conf = "cluster_partition_handling = pause_minority\n\
                        cluster_formation.peer_discovery_backend = classic_config\n"
            .to_owned();
        for (n, name) in (1..).zip(&names) {
            conf += &format!("cluster_formation.classic_config.nodes.{n} = {name}@localhost\n");
        }
        let mut nodes: Vec<RabbitNode> =
            names.iter().map(|name| RabbitNode::prepare(name, &conf)).collect();
        for node in &nodes {
            node.share_cookie(&cookie).expect("its cookie");
        }
        // the others join the first
        nodes[0].restart().await;
        for node in &mut nodes[1..] {
            node.boot();
        }
        let addresses: Vec<String> = nodes.iter().map(|node| node.address.to_string()).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let cluster = Self { front: Proxy::before(&addresses).await, nodes, cookie };
        for node in &cluster.nodes {
            node.wait_ready().await;
        }
        cluster.is_whole().await;
        cluster
    }

    /// The cluster's URL, by way of [`RabbitCluster::front`].
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.front.address)
    }

    /// Waits until every node sees three that run.
    ///
    /// # Panics
    /// When they do not after two minutes.
    pub async fn is_whole(&self) {
        eventually_within(PATIENCE, "three nodes run", async || {
            for node in &self.nodes {
                let running = |nodes: &serde_json::Value| {
                    nodes.as_array().is_some_and(|all| {
                        all.len() == 3 && all.iter().all(|one| one["running"] == true)
                    })
                };
                if !node.api.get("nodes").await.is_ok_and(|nodes| running(&nodes)) {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// Waits until every member of these quorum queues is there and has caught up: what a rolling
    /// restart asks before it goes on (`rabbitmq-diagnostics check_if_node_is_quorum_critical`).
    ///
    /// # Panics
    /// When they are not after two minutes.
    pub async fn is_replicated(&self, queues: &[&str]) {
        for queue in queues {
            eventually_within(PATIENCE, &format!("{queue} has three members"), async || {
                let Some(asked) = self.api_that_answers().await else { return false };
                let found = asked.queue(queue).await.unwrap_or_default();
                found["online"].as_array().is_some_and(|online| online.len() == 3)
            })
            .await;
        }
    }

    async fn api_that_answers(&self) -> Option<&crate::Management> {
        for node in &self.nodes {
            if node.api.get("overview").await.is_ok() {
                return Some(&node.api);
            }
        }
        None
    }

    /// Which node leads a quorum queue, once one does.
    ///
    /// # Panics
    /// When none does after half a minute.
    pub async fn leader(&self, queue: &str) -> usize {
        eventually_some(&format!("{queue} has a leader"), async || {
            let found = self.api_that_answers().await?.queue(queue).await.ok()?;
            let leader = found["leader"].as_str()?.to_owned();
            self.nodes.iter().position(|node| node.name() == leader)
        })
        .await
    }

    /// Cuts one node off from the two others: no connection between them lives or can be made.
    /// Clients still reach it.
    ///
    /// Nodes that do not share a secret do not speak to each other, so this node is told a wrong
    /// one for its peers (erl(1), `erlang:set_cookie/2`). It needs no rights over the host's
    /// network; both sides see the loss at once, as by a reset, not by silence.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub async fn isolate(&self, node: usize) -> Result<()> {
        self.peers(node, "erlang:set_cookie(N, SECRET), erlang:disconnect_node(N)", ESTRANGED).await
    }

    /// Ends [`RabbitCluster::isolate`] and waits until the node is back.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    ///
    /// # Panics
    /// When the cluster does not become whole.
    pub async fn reunite(&self, node: usize) -> Result<()> {
        self.peers(node, "erlang:set_cookie(N, SECRET), net_adm:ping(N)", &self.cookie).await?;
        self.is_whole().await;
        Ok(())
    }

    /// Runs Erlang on a node for each of its peers `N`.
    async fn peers(&self, node: usize, action: &str, secret: &str) -> Result<()> {
        let action = action.replace("SECRET", &format!("'{secret}'"));
        let peers = self.nodes.iter().enumerate().filter(|(n, _)| *n != node);
        let peers: Vec<String> = peers.map(|(_, peer)| format!("'{}'", peer.name())).collect();
        let all = format!("[begin {action} end || N <- [{}]].", peers.join(", "));
        self.nodes[node].ctl(&["eval", &all]).await.map(drop).context("the peers of a node")
    }
}
