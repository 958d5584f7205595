//! A broker of one's own, to stop, kill and starve.

use crate::{Management, eventually::eventually_within, free_port, server::Server, unique};
use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use std::{fs, net::SocketAddr, path::PathBuf, process::Command, time::Duration};
use tempfile::TempDir;

const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
/// An Erlang node needs seconds to boot, many of them beside a compiler.
const BOOT_PATIENCE: Duration = Duration::from_secs(120);

/// A private RabbitMQ node: own name, data, cookie and ports. Ended when dropped.
pub struct RabbitNode {
    /// `amqp://guest:guest@host:port/%2f`.
    pub url: String,
    /// Its AMQP listener.
    pub address: SocketAddr,
    /// Its management API, on the virtual host `/`.
    pub api: Management,
    name: String,
    env: Vec<(&'static str, String)>,
    dir: TempDir,
    server: Option<Server>,
}

impl RabbitNode {
    /// Starts a node and waits until it serves.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a node with more lines in its `rabbitmq.conf`.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or does not start.
    pub async fn start_with(more: &str) -> Self {
        let mut node = Self::prepare(&unique("hydra"), more);
        node.restart().await;
        node
    }

    /// Writes what a node called `name@localhost` needs, and starts nothing.
    pub(crate) fn prepare(name: &str, more: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("hydra-rabbit").tempdir().expect("a folder");
        let (amqp, http) = (free_port(), free_port());
        let path = |name: &str| dir.path().join(name).display().to_string();
        let conf = format!(
            "listeners.tcp.default = 127.0.0.1:{amqp}\n\
             management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {http}\n\
             vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n\
             collect_statistics_interval = 1000\nlog.console.level = warning\n{more}\n"
        );
        fs::write(path("rabbitmq.conf"), conf).expect("its configuration");
        fs::write(path("plugins"), "[rabbitmq_management].\n").expect("its list of plugins");
        let name = format!("{name}@localhost");
        let env = vec![
            ("HOME", dir.path().display().to_string()),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
            ("RABBITMQ_NODENAME", name.clone()),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_LOGS", "-".into()),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins")),
            ("RABBITMQ_DIST_PORT", free_port().to_string()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +S 2:2".into()),
        ];
        Self {
            url: format!("amqp://guest:guest@127.0.0.1:{amqp}/%2f"),
            address: SocketAddr::from(([127, 0, 0, 1], amqp)),
            api: Management::new(&format!("http://guest:guest@127.0.0.1:{http}"), "/"),
            name,
            env,
            dir,
            server: None,
        }
    }

    /// Its name among the nodes of a cluster.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Nodes of a cluster know each other by this secret, 600 in the node's home.
    pub(crate) fn share_cookie(&self, secret: &str) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.file(".erlang.cookie");
        fs::write(&file, secret)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Boots the node on the data that it left, and waits until it serves. Ends a running one
    /// first, in order.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.boot();
        self.wait_ready().await;
    }

    /// Boots the node without waiting.
    ///
    /// # Panics
    /// When RabbitMQ is not installed.
    pub fn boot(&mut self) {
        let program = format!("{PROGRAMS}/rabbitmq-server");
        let server =
            Server::start(&program, &[], &self.env, self.dir.path(), &self.file("node.log"));
        self.server = Some(server.expect("RabbitMQ is installed (scripts/setup.sh test)"));
    }

    /// Waits until the node serves AMQP and HTTP.
    ///
    /// # Panics
    /// When it does not within two minutes; its log is in the message.
    pub async fn wait_ready(&self) {
        let log = self.server.as_ref().map(Server::log_tail).unwrap_or_default();
        eventually_within(BOOT_PATIENCE, &format!("RabbitMQ serves; log: {log}"), async || {
            self.api.get("overview").await.is_ok()
                && tokio::net::TcpStream::connect(self.address).await.is_ok()
        })
        .await;
    }

    /// Ends the node in order (SIGTERM), as an upgrade would.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.terminate().await;
        }
    }

    /// Waits until the node has noted all quorum queues of its virtual host `/` on disk. RabbitMQ
    /// 3.10 writes their names with a delay of seconds: a queue that is younger when the node dies
    /// comes back empty and without a leader, confirmed messages are gone, and who publishes to
    /// it waits for ever. Tests that kill the node ask for this first.
    ///
    /// # Panics
    /// When it has not after a while.
    pub async fn queues_on_disk(&self) {
        let file = format!("mnesia/{0}/quorum/{0}/names.dets", self.name);
        crate::eventually(&format!("all queues are noted in {file}"), async || {
            let noted = fs::read(self.file(&file)).unwrap_or_default();
            let Ok(queues) = self.api.get("queues/{vhost}?columns=name,type").await else {
                return false;
            };
            let quorum = queues.as_array().into_iter().flatten().filter(|q| q["type"] == "quorum");
            let names = quorum.map(|queue| format!("%2F_{}", queue["name"].as_str().unwrap_or("")));
            // with its length, which tells it from names that begin alike
            names
                .map(|name| [&[name.len() as u8], name.as_bytes()].concat())
                .all(|name| noted.windows(name.len()).any(|piece| piece == name))
        })
        .await;
    }

    /// Kills the node (SIGKILL), as a power cut would.
    pub fn kill9(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Freezes the node (SIGSTOP): ports open, nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends [`RabbitNode::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(server) = &self.server {
            server.signal(signal);
        }
    }

    /// Runs `rabbitmqctl` on the node and returns what it prints. Takes a second or two.
    ///
    /// # Errors
    /// When it fails; its output is in the message.
    pub async fn ctl(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(format!("{PROGRAMS}/rabbitmqctl"));
        command.args(["-q", "-n", &self.name]).args(args);
        command.envs(self.env.iter().map(|(k, v)| (k, v))).current_dir(self.dir.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await?;
        let output = output.context("rabbitmqctl")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "rabbitmqctl {args:?}: {text}{errors}");
        Ok(text)
    }

    /// Stops the broker inside the running Erlang node.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub async fn stop_app(&self) -> Result<()> {
        self.ctl(&["stop_app"]).await.map(drop)
    }

    /// Starts the broker inside the running Erlang node.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub async fn start_app(&self) -> Result<()> {
        self.ctl(&["start_app"]).await?;
        self.wait_ready().await;
        Ok(())
    }

    /// Raises the memory alarm (any watermark that is exceeded at once), or ends it.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub async fn memory_alarm(&self, on: bool) -> Result<()> {
        let watermark = if on { ["0.00001"].as_slice() } else { &["absolute", "1GB"] };
        self.ctl(&[&["set_vm_memory_high_watermark"], watermark].concat()).await?;
        self.wait_alarm("mem_alarm", on).await;
        Ok(())
    }

    /// Raises the disk alarm (a limit that no disk meets), or ends it.
    ///
    /// # Errors
    /// When `rabbitmqctl` fails.
    pub async fn disk_alarm(&self, on: bool) -> Result<()> {
        self.ctl(&["set_disk_free_limit", if on { "900TB" } else { "50MB" }]).await?;
        self.wait_alarm("disk_free_alarm", on).await;
        Ok(())
    }

    async fn wait_alarm(&self, alarm: &str, on: bool) {
        crate::eventually(&format!("{alarm} is {on}"), async || {
            self.api.get("nodes").await.is_ok_and(|nodes| nodes[0][alarm] == on)
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_node_survives_its_death_with_its_messages_and_leaves_no_process() {
        let mut node = RabbitNode::start().await;
        node.api.declare_queue("q", json!({"x-queue-type": "quorum"})).await.unwrap();
        assert!(node.api.publish("", "q", json!({}), "x").await.unwrap());
        node.queues_on_disk().await;
        node.kill9();
        assert!(node.api.get("overview").await.is_err());
        node.restart().await;
        crate::eventually("the message is back", async || {
            node.api.take("q", 2).await.is_ok_and(|m| m.len() == 1 && m[0]["payload"] == "x")
        })
        .await;
        assert!(node.ctl(&["list_queues", "name"]).await.unwrap().contains('q'));
        let (api, address) = (node.api.clone(), node.address);
        drop(node);
        assert!(api.get("overview").await.is_err());
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
