//! The `hydra` binary as a child process: real signals, real memory, real exit status.

use crate::{Usage, eventually::eventually_within, signal, usage};
use rustix::process::Signal;
use std::{
    env,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// Path of the `hydra` binary: `HYDRA_BIN`, else the one that this build made beside its tests.
///
/// # Panics
/// When it has not been built (`cargo build --bin hydra`).
pub fn hydra_binary() -> PathBuf {
    if let Ok(path) = env::var("HYDRA_BIN") {
        return path.into();
    }
    let test = env::current_exe().expect("a test has a path");
    let folders = test.ancestors().skip(1).take(3);
    let found = folders.map(|folder| folder.join("hydra")).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no hydra near {}: cargo build --bin hydra", test.display()))
}

/// A running `hydra`. Killed when dropped.
pub struct Hydra {
    child: Child,
    pid: u32,
    lines: Arc<Mutex<Vec<String>>>,
    /// End with their streams.
    collectors: [JoinHandle<()>; 2],
}

impl Hydra {
    /// Starts `hydra args` with `variables` beside the environment of the test.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(hydra_binary());
        command.args(args).envs(variables.iter().copied());
        Self::spawn(command)
    }

    /// Starts any command in the same way.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(mut command: Command) -> Self {
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::default();
        let collectors = [
            collect(child.stdout.take().expect("stdout is piped"), &lines),
            collect(child.stderr.take().expect("stderr is piped"), &lines),
        ];
        let pid = child.id().expect("it has just been started");
        Self { child, pid, lines, collectors }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All that it has printed so far, both streams in the order of arrival.
    pub fn output(&self) -> String {
        self.lines.lock().expect("no panic under this lock").join("\n")
    }

    /// Waits for a line that holds `text`, and returns it.
    ///
    /// # Panics
    /// When none comes within a minute, or the process ends before; with the output.
    pub async fn line(&self, text: &str) -> String {
        let mut found = None;
        eventually_within(Duration::from_secs(60), &format!("a line with {text:?}"), async || {
            // Asked first: what was printed before the end counts.
            let ended = self.collectors.iter().all(JoinHandle::is_finished);
            let lines = self.lines.lock().expect("no panic under this lock");
            found = lines.iter().find(|line| line.contains(text)).cloned();
            found.is_some() || ended
        })
        .await;
        found.unwrap_or_else(|| panic!("ended without a line with {text:?}:\n{}", self.output()))
    }

    /// The address (`host:port`) in the first line that holds `text`.
    ///
    /// # Panics
    /// As [`Hydra::line`], or when that line has no address.
    pub async fn address(&self, text: &str) -> String {
        let line = self.line(text).await;
        address_in(&line).unwrap_or_else(|| panic!("no address in {line:?}"))
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills it (SIGKILL).
    pub fn kill9(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends it any signal.
    pub fn signal(&self, which: Signal) {
        if self.child.id().is_some() {
            signal(self.pid, which);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end within `patience`; with the output.
    pub async fn wait(&mut self, patience: Duration) -> ExitStatus {
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => status.expect("a child can be waited for"),
            Err(_) => panic!("still running after {patience:?}:\n{}", self.output()),
        }
    }

    /// What it uses now; zero after its end.
    pub fn usage(&self) -> Usage {
        usage(self.pid).unwrap_or_default()
    }
}

fn collect(
    stream: impl AsyncRead + Unpin + Send + 'static,
    lines: &Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    let lines = lines.clone();
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            lines.lock().expect("no panic under this lock").push(line);
        }
    })
}

/// The first `host:port` in a line.
fn address_in(line: &str) -> Option<String> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || ".:-[]".contains(c)));
    words.map(|word| word.trim_matches(|c| c == '.' || c == ':')).find_map(|word| {
        let (host, port) = word.rsplit_once(':')?;
        let valid = !host.is_empty()
            && host.contains(|c: char| c.is_ascii_alphabetic() || c == '.' || c == ']')
            && !host.contains("::")
            && port.parse::<u16>().is_ok();
        valid.then(|| word.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Hydra {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        Hydra::spawn(command)
    }

    #[test]
    fn addresses_are_found_in_any_line() {
        for (line, address) in [
            ("serves http://127.0.0.1:8080/ now", Some("127.0.0.1:8080")),
            ("INFO http address=localhost:1,", Some("localhost:1")),
            ("12:30:01 nothing here", None),
            ("12:30:01 http=127.0.0.1:77", Some("127.0.0.1:77")),
            ("port 127.0.0.1:99999", None),
        ] {
            assert_eq!(address_in(line).as_deref(), address, "{line}");
        }
    }

    #[tokio::test]
    async fn lines_addresses_usage_and_status_are_reported() {
        let mut child = shell("echo ready http://127.0.0.1:12; echo bad >&2; read x <&2; exit 3");
        assert_eq!(child.address("ready").await, "127.0.0.1:12");
        child.line("bad").await;
        assert_eq!(child.wait(Duration::from_secs(10)).await.code(), Some(3));
        assert_eq!(child.usage(), Usage::default());
    }

    #[tokio::test]
    async fn signals_reach_it() {
        let mut child = shell(
            "trap 'echo drained; exit 0' TERM; echo up; while :; do read -t 1 x <> <(:); done",
        );
        child.line("up").await;
        assert!(child.usage().rss_bytes > 0);
        child.terminate();
        child.line("drained").await;
        assert!(child.wait(Duration::from_secs(10)).await.success());
        let mut child = shell("echo up; exec sleep 300");
        child.line("up").await;
        child.kill9();
        assert!(!child.wait(Duration::from_secs(10)).await.success());
    }

    #[tokio::test]
    #[should_panic(expected = "ended without a line")]
    async fn waiting_for_a_line_ends_with_the_process() {
        shell("echo other").line("never").await;
    }
}
