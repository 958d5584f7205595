//! A part of the load in a process of its own: what one part takes of the processor is not charged
//! to another, and the system shares the cores between them as it does between machines' programs.

use hydra_testkit::{Usage, usage};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// This program once more, with other arguments. Ended with its parent.
pub struct Part {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Part {
    /// Starts it, so many steps nicer than the rest.
    pub fn start(nicer: u8, arguments: &[&str]) -> Self {
        let mut command = Command::new("nice");
        command.args(["-n", &nicer.to_string()]).arg(std::env::current_exe().unwrap());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("nice (coreutils) is installed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it prints.
    pub async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("a part of the load ended early")
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        self.child.id().and_then(usage).unwrap_or_default()
    }

    /// Asks it to end; returns what it still prints.
    pub async fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest.push(line);
        }
        assert!(self.child.wait().await.unwrap().success(), "a part of the load failed");
        rest
    }
}

/// Within a part: until its parent asks it to end, or has ended itself.
pub async fn until_asked() {
    let ended =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    ended.await.unwrap().unwrap();
}
