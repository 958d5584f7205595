//! Roles as processes of their own, on the broker and the database of the configuration, and what
//! they use of the machine.

use anyhow::{Context, bail};
use std::{
    fs,
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// For a process to become ready: networks are loaded, queues declared.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// Linux counts processor time in hundredths of a second for every program.
const TICKS_PER_S: f64 = 100.0;

/// A process with some roles.
pub struct Worker {
    child: Child,
    health: SocketAddr,
    pid: u32,
}

impl Worker {
    /// Starts this same program with `hydra run ROLES`, and waits until it is ready. It inherits
    /// the environment; `extra` comes on top.
    ///
    /// # Errors
    /// When it ends or is not ready in time.
    pub async fn start(roles: &[&str], extra: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut arguments = vec!["run"];
        arguments.extend(roles);
        let mut worker = Self::launch(&arguments, extra).await?;
        let begun = Instant::now();
        while !worker.is_ready().await {
            if let Some(status) = worker.child.try_wait()? {
                bail!("hydra run {} ended while starting: {status}", roles.join(" "));
            }
            if begun.elapsed() > READY_WITHIN {
                bail!("hydra run {} is not ready after {READY_WITHIN:?}", roles.join(" "));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(worker)
    }

    async fn launch(arguments: &[&str], extra: &[(&str, &str)]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program's own file")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        for door in ["INGEST", "QUERY", "HEALTH"] {
            command.env(format!("HYDRA_{door}__ADDRESS"), "127.0.0.1:0");
        }
        command.env("HYDRA_TELEMETRY__LOG", "warn").envs(extra.iter().copied());
        let mut child = command.spawn().context("starting a worker")?;
        let pid = child.id().context("the worker ended at once")?;
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let health = loop {
            let line = lines.next_line().await?.context("the worker said no address")?;
            if let Some(address) = line.strip_prefix("health: http://") {
                break address.parse().context("the worker's address")?;
            }
        };
        // the pipe must not fill up
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, health, pid })
    }

    async fn is_ready(&self) -> bool {
        let asked = timeout(Duration::from_secs(2), get(self.health, "/ready")).await;
        asked.is_ok_and(|answer| answer.is_ok_and(|text| text.starts_with("HTTP/1.1 200")))
    }

    /// Processor time so far, seconds.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu_s(&self) -> anyhow::Result<f64> {
        cpu_s(self.pid)
    }

    /// Resident memory, bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("its memory")?;
        Ok(kib.parse::<f64>()? * 1024.0)
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid)?;
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let ended = timeout(Duration::from_secs(60), self.child.wait()).await;
        let status = ended.context("a worker did not stop")??;
        if !status.success() {
            bail!("a worker ended with {status}");
        }
        Ok(())
    }
}

/// Processor time of the servers that serve the workers, seconds: broker and database on this
/// machine.
pub fn servers_cpu_s() -> f64 {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            ["beam.smp", "mariadbd", "postgres"].contains(&name.trim())
        })
        .filter_map(|pid| cpu_s(pid).ok())
        .sum()
}

/// Processor time of a process so far, in user and kernel mode, seconds.
fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // the name in parentheses may hold anything; the fields after it do not
    let fields = stat.rsplit_once(')').context("the process's figures")?.1;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    Ok((ticks(11).context("user time")? + ticks(12).context("kernel time")?) / TICKS_PER_S)
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
