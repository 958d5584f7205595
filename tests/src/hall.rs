//! Broker, database, blobs and the roles as processes.

mod quiet;
mod roles;

use crate::{Producer, producer::PLOT_TYPES, release_small_model};
use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::{Database as Scratch, Engine, Hydra, MariaDbNode, Proxy, Rabbit, RabbitNode};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

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
}

/// `host:port` of a URL with a user.
fn address(url: &str) -> String {
    let rest = url.split_once('@').map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}
