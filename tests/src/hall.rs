//! Broker, database, blobs and the roles as processes.

use crate::{Producer, producer::PLOT_TYPES, release_small_model};
use hydra_proto::ImageId;
use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::{
    Balance, Database as Scratch, Engine, Hydra, MariaDbNode, Proxy, Rabbit, RabbitNode,
    eventually, eventually_within,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::Command;

/// Every stage of the pipeline, first to last.
pub const STAGES: [&str; 5] = ["ingest", "resize", "infer", "gradcam", "keep"];

/// More than any role needs for plots of this size; growth shows as a multiple of it.
const RSS_MAX_BYTES: u64 = 400 << 20;

/// Whether a server is shared with other tests or may be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A virtual host or database of its own on the shared server.
    Shared,
    /// A server of its own.
    Own,
}

/// A broker of either kind.
enum Broker {
    Shared(Rabbit),
    Own(Box<RabbitNode>),
}

/// A database of either kind.
enum Rows {
    Shared(Scratch),
    Own(Box<MariaDbNode>),
}

/// One role's process.
struct Running {
    roles: Vec<&'static str>,
    process: Hydra,
    ready: String,
}

/// A hall.
pub struct Hall {
    broker: Broker,
    rows: Rows,
    /// Between the roles and the broker.
    pub broker_proxy: Proxy,
    /// Between the roles and the database.
    pub rows_proxy: Proxy,
    folder: TempDir,
    /// By way of no proxy.
    pub db: Database,
    /// Publishes plots, by way of no proxy.
    pub producer: Producer,
    running: Vec<Running>,
    /// What ended processes had printed.
    logs: Vec<String>,
    /// More variables for the processes that are started from now on.
    pub variables: Vec<(String, String)>,
}

impl Hall {
    /// A hall without roles: queues are declared by the roles, the schema is there, a small model
    /// serves three of four plot types.
    ///
    /// # Panics
    /// When a server cannot be started.
    pub async fn open(broker: Place, rows: Place) -> Self {
        Self::open_for(broker, rows, &PLOT_TYPES[..3]).await
    }

    /// The same with a model for these plot types.
    ///
    /// # Panics
    /// As [`Hall::open`].
    pub async fn open_for(broker: Place, rows: Place, plot_types: &[&str]) -> Self {
        let broker = match broker {
            Place::Shared => Broker::Shared(Rabbit::start().await),
            Place::Own => Broker::Own(Box::new(RabbitNode::start().await)),
        };
        let rows = match rows {
            Place::Shared => Rows::Shared(Scratch::create(Engine::MariaDb)),
            Place::Own => Rows::Own(Box::new(MariaDbNode::start(&[]).await)),
        };
        let (broker_url, broker_address) = match &broker {
            Broker::Shared(rabbit) => (rabbit.url.clone(), rabbit.address.clone()),
            Broker::Own(node) => (node.url.clone(), node.address.to_string()),
        };
        let (rows_url, rows_address) = match &rows {
            Rows::Shared(scratch) => (scratch.url.clone(), address(&scratch.url)),
            Rows::Own(node) => (node.url.clone(), node.address.clone()),
        };
        let folder = tempfile::Builder::new().prefix("hydra-hall").tempdir().expect("a folder");
        let db = Database::connect(&DatabaseConfig::at(rows_url)).await.expect("a URL");
        db.migrate().await.expect("a fresh database");
        release_small_model(&folder.path().join("blobs"), &db, plot_types).await;
        Self {
            broker_proxy: Proxy::start(&broker_address).await,
            rows_proxy: Proxy::start(&rows_address).await,
            producer: Producer::new(&broker_url),
            broker,
            rows,
            folder,
            db,
            running: Vec::new(),
            logs: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// A hall on the shared servers with each stage as a process of its own.
    ///
    /// # Panics
    /// When a server or a role does not start.
    pub async fn running() -> Self {
        let mut hall = Self::open(Place::Shared, Place::Shared).await;
        hall.start_each(&STAGES).await;
        hall
    }

    /// The folder of blobs.
    pub fn blobs(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    /// A folder for anything else.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The broker's node.
    ///
    /// # Panics
    /// Where the broker is shared.
    pub fn node(&mut self) -> &mut RabbitNode {
        match &mut self.broker {
            Broker::Own(node) => node,
            Broker::Shared(_) => panic!("the broker is shared"),
        }
    }

    /// The database's server.
    ///
    /// # Panics
    /// Where it is shared.
    pub fn mariadb(&mut self) -> &mut MariaDbNode {
        match &mut self.rows {
            Rows::Own(node) => node,
            Rows::Shared(_) => panic!("the database is shared"),
        }
    }

    /// The broker's management API.
    pub fn api(&self) -> &hydra_testkit::Management {
        match &self.broker {
            Broker::Shared(rabbit) => &rabbit.api,
            Broker::Own(node) => &node.api,
        }
    }

    /// The variables that every process gets. Servers are reached through the proxies.
    pub fn environment(&self) -> Vec<(String, String)> {
        let broker = match &self.broker {
            Broker::Shared(rabbit) => rabbit.url_through(self.broker_proxy.address),
            Broker::Own(node) => {
                let proxy = self.broker_proxy.address.to_string();
                node.url.replace(&node.address.to_string(), &proxy)
            }
        };
        let proxy = self.rows_proxy.address.to_string();
        let rows = match &self.rows {
            Rows::Shared(scratch) => scratch.url.replace(&address(&scratch.url), &proxy),
            Rows::Own(node) => node.url.replace(&node.address, &proxy),
        };
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut all = vec![
            ("HYDRA_BROKER__URL".into(), broker),
            ("HYDRA_BROKER__HEARTBEAT_S".into(), "2".into()),
            ("HYDRA_BROKER__CONNECT_TIMEOUT_S".into(), "3".into()),
            ("HYDRA_BROKER__CONFIRM_TIMEOUT_S".into(), "3".into()),
            ("HYDRA_DATABASE__URL".into(), rows),
            ("HYDRA_DATABASE__ACQUIRE_TIMEOUT_S".into(), "2".into()),
            ("HYDRA_BLOBS__URL".into(), format!("file://{}", path("blobs"))),
            ("HYDRA_INGEST__ADDRESS".into(), "127.0.0.1:0".into()),
            ("HYDRA_INGEST__JOURNALS".into(), path("journals")),
            ("HYDRA_HEALTH__ADDRESS".into(), "127.0.0.1:0".into()),
            ("HYDRA_WORK__THREADS".into(), "2".into()),
        ];
        all.extend(self.variables.iter().cloned());
        all
    }

    /// Starts one process with these roles and does not wait.
    pub fn start(&mut self, roles: &[&'static str]) {
        let mut args = vec!["run"];
        args.extend(roles);
        let all = self.environment();
        let all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let process = Hydra::start(&args, &all);
        self.running.push(Running { roles: roles.to_vec(), process, ready: String::new() });
    }

    /// Starts a process with these roles by a shell script, which finds the binary as `$0` and
    /// `arguments` behind it.
    pub fn start_by_shell(&mut self, roles: &[&'static str], script: &str, arguments: &[String]) {
        self.spawn(roles, Command::new("bash"), script, arguments);
    }

    /// The same in a mount namespace of its own, in which the script may mount.
    pub fn start_by_shell_apart(
        &mut self,
        roles: &[&'static str],
        script: &str,
        arguments: &[String],
    ) {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "bash"]);
        self.spawn(roles, command, script, arguments);
    }

    fn spawn(
        &mut self,
        roles: &[&'static str],
        mut command: Command,
        script: &str,
        arguments: &[String],
    ) {
        command.args(["-c", script]).arg(hydra_testkit::hydra_binary()).args(arguments);
        command.envs(self.environment());
        let process = Hydra::spawn(command);
        self.running.push(Running { roles: roles.to_vec(), process, ready: String::new() });
    }

    /// The metrics of the process with `role`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn metrics(&mut self, role: &str) -> String {
        assert!(self.is_ready(role).await, "{role} answers");
        let url = self.running[self.index(role)].ready.replace("/ready", "/metrics");
        reqwest::get(url).await.expect("an answer").text().await.expect("text")
    }

    /// Starts a process for each of these roles and waits until all are ready.
    ///
    /// # Panics
    /// When one does not become ready.
    pub async fn start_each(&mut self, roles: &[&'static str]) {
        for role in roles {
            self.start(&[role]);
        }
        self.all_ready().await;
    }

    /// Waits until every process says that it is ready.
    ///
    /// # Panics
    /// When one is not after a minute; with what it printed.
    pub async fn all_ready(&mut self) {
        for index in 0..self.running.len() {
            if self.running[index].ready.is_empty() {
                let address = self.running[index].process.address("health: http").await;
                self.running[index].ready = format!("http://{address}/ready");
            }
            let running = &self.running[index];
            let begun = std::time::Instant::now();
            while !is_ready(&running.ready).await {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "{:?} is not ready:\n{}",
                    running.roles,
                    running.process.output()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Whether the process with `role` says that it is ready.
    ///
    /// # Panics
    /// When there is none, or it has not printed its address.
    pub async fn is_ready(&mut self, role: &str) -> bool {
        let index = self.index(role);
        if self.running[index].ready.is_empty() {
            let address = self.running[index].process.address("health: http").await;
            self.running[index].ready = format!("http://{address}/ready");
        }
        is_ready(&self.running[index].ready).await
    }

    fn index(&self, role: &str) -> usize {
        let found = self.running.iter().position(|running| running.roles.contains(&role));
        found.unwrap_or_else(|| panic!("no process with {role}"))
    }

    /// The first process with `role`.
    ///
    /// # Panics
    /// When there is none.
    pub fn process(&mut self, role: &str) -> &mut Hydra {
        let index = self.index(role);
        &mut self.running[index].process
    }

    /// How many processes have `role`.
    pub fn count(&self, role: &str) -> usize {
        self.running.iter().filter(|running| running.roles.contains(&role)).count()
    }

    /// Kills the process with `role` and waits for its end.
    ///
    /// # Panics
    /// When there is none.
    pub async fn kill9(&mut self, role: &str) {
        self.process(role).kill9();
        self.remove(role, Duration::from_secs(10)).await;
    }

    /// Asks the process with `role` to end and waits; its exit status.
    ///
    /// # Panics
    /// When it does not end within `patience`.
    pub async fn terminate(&mut self, role: &str, patience: Duration) -> Option<i32> {
        self.process(role).terminate();
        self.remove(role, patience).await
    }

    async fn remove(&mut self, role: &str, patience: Duration) -> Option<i32> {
        let index = self.index(role);
        let mut running = self.running.remove(index);
        let status = running.process.wait(patience).await;
        self.logs.push(running.process.output());
        status.code()
    }

    /// Messages of all stages, waiting or in hand, as the broker counts them (up to a second old).
    pub async fn in_queues(&self) -> Option<u64> {
        let queues = self.api().get("queues/{vhost}").await.ok()?;
        let mut sum = 0;
        for queue in queues.as_array()? {
            if !queue["name"].as_str()?.ends_with(".dead") {
                sum += queue["messages"].as_u64()?;
            }
        }
        Some(sum)
    }

    /// Dead letters of all stages.
    pub async fn dead(&self) -> u64 {
        let mut dead = 0;
        for stage in STAGES {
            dead += self.producer.depth(stage).await.map_or(0, |(_, dead)| dead);
        }
        dead
    }

    /// Runs a command of the binary to its end; what it printed.
    ///
    /// # Panics
    /// When it fails, or takes longer than two minutes.
    pub async fn command(&self, args: &[&str]) -> String {
        let mut command = self.begin(args);
        let status = command.wait(Duration::from_secs(120)).await;
        assert!(status.success(), "hydra {args:?}: {}", command.output());
        command.output()
    }

    /// Starts a command of the binary.
    pub fn begin(&self, args: &[&str]) -> Hydra {
        let all = self.environment();
        let all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        Hydra::start(args, &all)
    }

    /// Sends all dead letters to their stages again, by the command for it.
    ///
    /// # Panics
    /// When the command fails.
    pub async fn replay_dead(&self) {
        self.command(&["dead", "replay", "--all"]).await;
    }

    /// Waits until every confirmed image has its row, with `dead` given up, and the queues are
    /// empty; then asserts that nothing is lost, unexpected, doubled or counted twice, that no
    /// process panicked and none grew.
    ///
    /// # Panics
    /// When any of this is not so.
    pub async fn settle(&mut self, patience: Duration, dead: u64) -> Balance<ImageId> {
        let wanted = self.producer.ledger.confirmed();
        let found = tokio::time::timeout(patience, async {
            while self.count_rows().await as u64 + dead < wanted as u64
                || self.in_queues().await != Some(0)
            {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        if found.await.is_err() {
            let mut waiting = Vec::new();
            for stage in STAGES {
                waiting.push((stage, self.producer.depth(stage).await));
            }
            let rows = self.count_rows().await;
            panic!(
                "not quiet after {patience:?}: {rows} rows of {wanted}, waiting and dead {waiting:?}\n{}",
                self.last_words()
            );
        }
        let sums = self.sums().await;
        assert_eq!(sums.counted, [sums.images; 3], "runs, outcomes, days");
        assert_eq!(self.dead().await, dead, "given up\n{}", self.last_words());
        let rows = self.rows().await;
        let balance = self.producer.ledger.balance(rows);
        if dead == 0 {
            balance.assert_clean();
        } else {
            assert!(balance.unexpected.is_empty() && balance.duplicate.is_empty());
            assert_eq!(balance.lost.len() as u64, dead);
        }
        self.assert_sound();
        balance
    }

    /// No process panicked, and none uses more memory than it may.
    ///
    /// # Panics
    /// Otherwise.
    pub fn assert_sound(&self) {
        let living = self.running.iter().map(|running| running.process.output());
        for log in living.chain(self.logs.iter().cloned()) {
            assert!(!log.contains("panicked"), "{log}");
        }
        for running in &self.running {
            let usage = running.process.usage();
            let most = usage.peak_rss_bytes;
            assert!(most < RSS_MAX_BYTES, "{:?} used {} MiB", running.roles, most >> 20);
        }
    }

    /// The last lines of every process, for messages.
    pub fn last_words(&self) -> String {
        let living = self.running.iter().map(|r| (format!("{:?}", r.roles), r.process.output()));
        let last = living.map(|(roles, log)| {
            let lines: Vec<&str> = log.lines().collect();
            format!("{roles}\n{}", lines[lines.len().saturating_sub(12)..].join("\n"))
        });
        last.collect::<Vec<_>>().join("\n")
    }

    /// Waits until at least so many images have rows.
    ///
    /// # Panics
    /// After a minute.
    pub async fn has_rows(&self, count: usize) {
        let what = format!("{count} rows");
        eventually_within(Duration::from_secs(60), &what, async || {
            self.count_rows().await >= count
        })
        .await;
    }

    /// Waits until the queue of `stage` has so many waiting messages.
    ///
    /// # Panics
    /// After half a minute.
    pub async fn waits(&self, stage: &str, count: u64) {
        eventually(&format!("{count} messages wait for {stage}"), async || {
            self.producer.depth(stage).await.is_some_and(|(ready, _)| ready >= count)
        })
        .await;
    }
}

async fn is_ready(url: &str) -> bool {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
    let Ok(client) = client else { return false };
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// `host:port` of a URL with a user.
fn address(url: &str) -> String {
    let rest = url.split_once('@').map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}
