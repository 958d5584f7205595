//! What a process uses, read from /proc, and signals to it.

use rustix::process::{Pid, Signal, kill_process};

/// Resources of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Resident memory now, bytes.
    pub rss_bytes: u64,
    /// The most resident memory so far, bytes.
    pub peak_rss_bytes: u64,
    /// Processor time so far, user and system, seconds; ended and awaited children included.
    pub cpu_s: f64,
    /// Threads now.
    pub threads: u32,
    /// Open files now.
    pub open_files: u32,
}

/// What process `pid` uses, or `None` where there is no such process, or one that has ended and
/// was not awaited yet.
pub fn usage(pid: u32) -> Option<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line[name.len()..].split_whitespace().next()?.parse::<u64>().ok()
    };
    if status.contains("\nState:\tZ") {
        return None;
    }
    let rss_bytes = field("VmRSS:").unwrap_or(0) * 1024;
    Some(Usage {
        rss_bytes,
        peak_rss_bytes: field("VmHWM:").map_or(rss_bytes, |kib| kib * 1024),
        cpu_s: cpu_s(pid)?,
        threads: field("Threads:").unwrap_or(0) as u32,
        open_files: std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |d| d.count() as u32),
    })
}

/// Fields 14 to 17 of /proc/pid/stat (proc(5)), in ticks of 1/100 s, as Linux reports them to
/// user space on every architecture that we build for.
fn cpu_s(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold spaces.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let ticks = after_name.split_whitespace().skip(11).take(4);
    Some(ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// Sends `signal` to process `pid`; one that is gone already is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_threads_and_files() {
        let used = usage(std::process::id()).unwrap();
        assert!(used.rss_bytes > 100_000 && used.peak_rss_bytes >= used.rss_bytes / 2, "{used:?}");
        assert!(used.threads >= 1 && used.open_files >= 3, "{used:?}");
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = usage(std::process::id()).unwrap().cpu_s;
        let mut x = 1_u64;
        while usage(std::process::id()).unwrap().cpu_s < before + 0.05 {
            x = (0..100_000).fold(x, |x, i| x.wrapping_mul(31).wrapping_add(i));
        }
        assert_ne!(x, 0);
    }

    #[test]
    fn a_process_that_is_not_there_uses_nothing() {
        assert_eq!(usage(u32::MAX - 1), None);
    }
}
