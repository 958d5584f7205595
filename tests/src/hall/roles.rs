//! The roles of a hall, each a process that can be killed, ended and started again.

use super::{Hall, Running};
use hydra_testkit::Hydra;
use std::time::Duration;
use tokio::process::Command;

impl Hall {
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

    /// Where the process with `role` answers for its health: `host:port`.
    ///
    /// # Panics
    /// When it is not ready.
    pub async fn health(&mut self, role: &str) -> String {
        assert!(self.is_ready(role).await, "{role} answers");
        let ready = &self.running[self.index(role)].ready;
        ready.trim_start_matches("http://").trim_end_matches("/ready").to_owned()
    }

    /// The metrics of the process with `role`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn metrics(&mut self, role: &str) -> String {
        let url = format!("http://{}/metrics", self.health(role).await);
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
}

async fn is_ready(url: &str) -> bool {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
    let Ok(client) = client else { return false };
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}
