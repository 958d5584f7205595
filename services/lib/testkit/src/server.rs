//! A private server process that never outlives the test, however the test ends.

use crate::eventually::eventually_within;
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Runs a command in a process group of its own under a guard: a shell that holds the reading
/// end of a pipe from this process. When this process ends, in whatever way, the pipe closes and
/// the guard kills the group.
pub(crate) struct Server {
    guard: Child,
    log: PathBuf,
}

const GUARD: &str = r#""$@" </dev/null & while read -r _; do :; done; kill -KILL 0"#;

impl Server {
    /// Starts `program args` with `env`, output to `log` (appended, so that restarts are seen).
    pub fn start(
        program: &str,
        args: &[String],
        env: &[(&str, String)],
        dir: &Path,
        log: &Path,
    ) -> Result<Self> {
        let out = File::options().create(true).append(true).open(log).context("its log")?;
        let guard = Command::new("bash")
            .args(["-c", GUARD, "guard", program])
            .args(args)
            .envs(env.iter().map(|(k, v)| (k, v)))
            .current_dir(dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self { guard, log: log.to_owned() })
    }

    /// Sends `signal` to the whole group.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.guard.id()).ok().and_then(Pid::from_raw);
        let _gone = kill_process_group(pid.expect("a child has an id"), signal);
    }

    /// Asks the group to end (SIGTERM) and waits until it has, then reaps the guard.
    ///
    /// # Panics
    /// When it has not after 30 s.
    pub async fn terminate(mut self) {
        self.signal(Signal::TERM);
        let group = self.guard.id();
        let what = format!("process group {group} ends; log: {}", self.log_tail());
        eventually_within(Duration::from_secs(30), &what, async || !group_lives(group)).await;
        self.kill();
    }

    /// Kills the group at once, as a power cut would, and waits until all of it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _reaped = self.guard.wait();
        let end = Instant::now() + Duration::from_secs(10);
        while group_lives(self.guard.id()) && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// The last lines of its log, for messages.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Whether a process of this group still runs (proc(5): state and process group are the fields
/// after the name). A zombie whose threads are still ending holds its sockets.
fn group_lives(group: u32) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after_name = stat.rfind(')').map_or("", |at| &stat[at + 1..]);
        let mut fields = after_name.split_whitespace();
        let state = fields.next().unwrap_or("Z");
        let ours = fields.nth(1).and_then(|f| f.parse().ok()) == Some(group);
        let threads = || std::fs::read_dir(entry.path().join("task")).map_or(0, Iterator::count);
        ours && (state != "Z" || threads() > 1)
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{eventually, usage};

    async fn started(dir: &Path) -> (Server, u32) {
        let script = "echo $$ >pid; exec sleep 300".to_owned();
        let server =
            Server::start("bash", &["-c".into(), script], &[], dir, &dir.join("log")).unwrap();
        let mut pid = 0;
        eventually("the server wrote its pid", async || {
            let text = std::fs::read_to_string(dir.join("pid")).unwrap_or_default();
            pid = text.trim().parse().unwrap_or(0);
            pid != 0
        })
        .await;
        (server, pid)
    }

    #[tokio::test]
    async fn dropping_ends_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let (server, pid) = started(dir.path()).await;
        assert!(usage(pid).is_some());
        drop(server);
        eventually("the server is gone", async || usage(pid).is_none()).await;
    }

    #[tokio::test]
    async fn terminating_waits_for_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (server, pid) = started(dir.path()).await;
        server.terminate().await;
        assert_eq!(usage(pid), None);
    }

    #[tokio::test]
    async fn the_guard_ends_the_server_when_the_pipe_closes() {
        let dir = tempfile::tempdir().unwrap();
        let (mut server, pid) = started(dir.path()).await;
        drop(server.guard.stdin.take());
        eventually("the server is gone", async || usage(pid).is_none()).await;
    }
}
