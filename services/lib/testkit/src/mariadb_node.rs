//! A MariaDB of one's own, to kill, freeze and fill.

use crate::{database::client, eventually::eventually_within, free_port, server::Server};
use anyhow::Result;
use rustix::process::Signal;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// A private MariaDB: own data and port, user `root` without password over TCP and a database
/// `hydra`. Ended when dropped.
pub struct MariaDbNode {
    /// Of the database `hydra`, as sea-orm takes it.
    pub url: String,
    /// Its listener, `127.0.0.1:port`.
    pub address: String,
    dir: PathBuf,
    /// Deletes the folder with the node; absent where it is to stay.
    _temporary: Option<TempDir>,
    /// The server, with whatever must come before it.
    command: Vec<String>,
    arguments: Vec<String>,
    server: Option<Server>,
}

/// MariaDB wants to be told that running as root is meant.
fn as_this_user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

impl MariaDbNode {
    /// Installs and starts a server with `extra` options, e.g. `--max-connections=10`.
    ///
    /// # Panics
    /// When MariaDB is not installed or does not start.
    pub async fn start(extra: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("hydra-mariadb").tempdir().expect("a folder");
        Self::open(dir.path().to_path_buf(), Some(dir), extra).await
    }

    /// The same in a folder that stays, going on with the data that an earlier node left there.
    ///
    /// # Panics
    /// As [`MariaDbNode::start`].
    pub async fn start_in(folder: &Path, extra: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let folder = folder.canonicalize().expect("a folder");
        Self::open(folder, None, extra).await
    }

    async fn open(dir: PathBuf, temporary: Option<TempDir>, extra: &[&str]) -> Self {
        let path = |name: &str| dir.join(name).display().to_string();
        let port = free_port();
        if !dir.join("data/mysql").is_dir() {
            install(path("data"), extra).await;
        }
        // every server makes this for itself; a replica must not get it twice
        let init = "set session sql_log_bin = 0;\n\
                    create database if not exists hydra;\n\
                    grant all on *.* to root@127.0.0.1 with grant option;\n";
        fs::write(path("init.sql"), init).expect("its first statements");
        let mut arguments = vec!["--no-defaults".to_owned()];
        arguments.extend(as_this_user().map(String::from));
        arguments.extend([
            format!("--datadir={}", path("data")),
            format!("--socket={}", path("socket")),
            format!("--pid-file={}", path("pid")),
            format!("--init-file={}", path("init.sql")),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".into(),
            "--innodb-buffer-pool-size=32M".into(),
            "--performance-schema=0".into(),
            "--character-set-server=utf8mb4".into(),
        ]);
        arguments.extend(extra.iter().map(|option| (*option).to_owned()));
        let mut node = Self {
            url: format!("mysql://root@127.0.0.1:{port}/hydra"),
            address: format!("127.0.0.1:{port}"),
            dir: dir.clone(),
            _temporary: temporary,
            command: vec!["mariadbd".to_owned()],
            arguments,
            server: None,
        };
        node.restart().await;
        node
    }

    /// Moves the data to a file system of `size_mib` mebibytes, in a mount namespace of the server
    /// alone; what is written there is lost at its end.
    ///
    /// # Panics
    /// As [`MariaDbNode::restart`], or where nobody may mount.
    pub async fn restart_on_small_disk(&mut self, size_mib: u32) {
        let [small, data] = ["small", "data"].map(|name| self.dir.join(name).display().to_string());
        fs::create_dir_all(&small).expect("a folder");
        let script = format!(
            "mount -t tmpfs -o size={size_mib}m tmpfs {small} && cp -a {data}/. {small}/ && exec \"$@\""
        );
        let apart = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", &script, "_"];
        self.command = apart.into_iter().chain(["mariadbd"]).map(str::to_owned).collect();
        // it is root in there, whoever it is outside
        self.arguments.retain(|argument| argument != "--user=root");
        self.arguments.insert(1, "--user=root".to_owned());
        self.restart_with(&format!("--datadir={small}")).await;
    }

    /// The small disk, as this process can reach it.
    fn small_disk(&self) -> PathBuf {
        let pid = fs::read_to_string(self.dir.join("pid")).expect("the server runs");
        let small = self.dir.join("small").display().to_string();
        PathBuf::from(format!("/proc/{}/root{small}", pid.trim()))
    }

    /// Fills the small disk with something else, to the last block.
    ///
    /// # Panics
    /// Where there is none.
    pub fn fill_disk(&self) {
        let mut filler = fs::File::create(self.small_disk().join("filler")).expect("a small disk");
        for size in [1 << 20, 4096] {
            let block = vec![0_u8; size];
            while filler.write_all(&block).is_ok() {}
        }
    }

    /// Ends [`MariaDbNode::fill_disk`].
    ///
    /// # Panics
    /// Where it was not filled.
    pub fn free_disk(&self) {
        fs::remove_file(self.small_disk().join("filler")).expect("a full disk");
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Starts the server on the data that it left, and waits until it serves. Ends a running
    /// one first, in order.
    ///
    /// # Panics
    /// When it does not come up within a minute; its log is in the message.
    pub async fn restart(&mut self) {
        self.stop().await;
        let arguments: Vec<String> =
            self.command[1..].iter().chain(&self.arguments).cloned().collect();
        let server = Server::start(&self.command[0], &arguments, &[], &self.dir, &self.log());
        let server = self.server.insert(server.expect("MariaDB is installed"));
        let tail = server.log_tail();
        eventually_within(
            Duration::from_secs(60),
            &format!("MariaDB serves; {tail}"),
            async || self.sql("select 1").is_ok(),
        )
        .await;
    }

    /// Starts the server on the same data with one more option, which wins over an earlier one of
    /// its name: an operator's remedy.
    ///
    /// # Panics
    /// As [`MariaDbNode::restart`].
    pub async fn restart_with(&mut self, option: &str) {
        self.arguments.push(option.to_owned());
        self.restart().await;
    }

    /// Ends the server in order (SIGTERM).
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.terminate().await;
        }
    }

    /// Kills the server (SIGKILL), as a power cut would.
    pub fn kill9(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Freezes the server (SIGSTOP): the port is open, nobody answers.
    pub fn freeze(&self) {
        if let Some(server) = &self.server {
            server.signal(Signal::STOP);
        }
    }

    /// Ends [`MariaDbNode::freeze`].
    pub fn thaw(&self) {
        if let Some(server) = &self.server {
            server.signal(Signal::CONT);
        }
    }

    /// Starts a primary and a replica, as `docs/operate/servers.md` wants them: a commit is
    /// answered once the replica has it on disk (semi-synchronous, `AFTER_SYNC`), and a replica
    /// takes no writes but the primary's.
    ///
    /// # Panics
    /// When MariaDB is not installed or the replica does not follow.
    pub async fn start_pair() -> (Self, Self) {
        let common =
            ["--log-bin=bin", "--log-slave-updates", "--gtid-strict-mode=1", "--sync-binlog=1"];
        let primary = [
            "--server-id=1",
            "--rpl-semi-sync-master-enabled=1",
            "--rpl-semi-sync-master-timeout=600000",
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
        ];
        let replica = ["--server-id=2", "--read-only=1", "--rpl-semi-sync-slave-enabled=1"];
        let replica = Self::start(&[common.as_slice(), &replica].concat()).await;
        let primary = Self::start(&[common.as_slice(), &primary].concat()).await;
        let port = primary.address.rsplit(':').next().unwrap_or_default();
        let follow = format!(
            "change master to master_host = '127.0.0.1', master_port = {port}, \
             master_user = 'root', master_use_gtid = slave_pos; start slave"
        );
        replica.sql(&follow).expect("it follows");
        eventually_within(Duration::from_secs(30), "the replica listens", async || {
            let asked = primary.sql("show status like 'Rpl_semi_sync_master_clients'");
            asked.is_ok_and(|answer| answer.ends_with('1'))
        })
        .await;
        (primary, replica)
    }

    /// Makes a primary of this replica: it first writes all that it has received.
    ///
    /// # Panics
    /// When it does not come to the end of it within half a minute.
    pub async fn promote(&self) {
        self.sql("stop slave io_thread").expect("it takes statements");
        let field = |name: &str| {
            let all = self.sql("show slave status\\G").unwrap_or_default();
            let value = all.lines().find_map(|line| {
                line.trim().strip_prefix(name)?.strip_prefix(": ").map(str::to_owned)
            });
            value.unwrap_or_default()
        };
        let received = field("Gtid_IO_Pos");
        let done = format!("select master_gtid_wait('{received}', 30)");
        assert_eq!(self.sql(&done).expect("it takes statements"), "0", "all of {received}");
        self.sql("stop slave; reset slave all; set global read_only = 0").expect("its promotion");
    }

    /// Runs one statement as root in the database `hydra`; rows as tab-separated lines.
    ///
    /// # Errors
    /// When the server does not answer or the statement fails.
    pub fn sql(&self, statement: &str) -> Result<String> {
        client(&format!("mysql://root@{}", self.address), "hydra", statement)
    }
}

async fn install(data: String, extra: &[&str]) {
    let mut install = Command::new("mariadb-install-db");
    install
        .arg("--no-defaults")
        .args(as_this_user())
        .arg(format!("--datadir={data}"))
        .args(["--skip-test-db", "--auth-root-authentication-method=normal"])
        .args(extra.iter().filter(|option| option.starts_with("--innodb")));
    let installed = tokio::task::spawn_blocking(move || install.output()).await;
    let installed = installed.expect("a thread").expect("MariaDB is installed");
    let said = [&installed.stdout[..], &installed.stderr[..]].concat();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_committed_survives_the_servers_death() {
        let mut node = MariaDbNode::start(&["--max-connections=17"]).await;
        assert!(node.sql("show variables like 'max_connections'").unwrap().ends_with("17"));
        node.sql("create table t (n int)").unwrap();
        node.sql("insert into t values (1)").unwrap();
        node.kill9();
        assert!(node.sql("select 1").is_err());
        node.restart().await;
        assert_eq!(node.sql("select n from t").unwrap(), "1");
        let address = node.address.clone();
        drop(node);
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
