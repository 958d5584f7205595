//! What a process will need -> a process that can do nothing else.
//!
//! For roles that run files from elsewhere as code: models. Two of the kernel's means, neither of
//! which needs rights, and from which there is no way back: Landlock bounds the files that can be
//! opened and the TCP ports that can be used, a filter of system calls forbids starting programs
//! and looking into other processes. Both bind the calling thread and every thread and process
//! that comes of it, so [`Sandbox::enter`] belongs before the first thread is started.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::{collections::BTreeMap, path::PathBuf};

/// The newest version of Landlock that is asked for; an older kernel gives what it has.
const NEWEST: ABI = ABI::V5;
/// Files that every program reads: libraries, the names of hosts, authorities, what the machine has.
const COMMON: [&str; 8] =
    ["/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/run/systemd/resolve", "/opt"];
/// Devices, graphics cards among them.
const DEVICES: &str = "/dev";
/// Of a name server, where an answer is too long for a datagram.
const DNS: u16 = 53;
/// What no role does: programs, other processes, mounts, the kernel itself.
const FORBIDDEN: [libc::c_long; 20] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
];

/// What stays possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Files and folders to read, beside those of the system. What is not there is left out.
    pub read: Vec<PathBuf>,
    /// Folders to write to.
    pub write: Vec<PathBuf>,
    /// TCP ports of other hosts.
    pub connect: Vec<u16>,
    /// TCP ports to listen on; 0 stands for any.
    pub listen: Vec<u16>,
}

/// Why a process is not in its sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The rules for files and ports could not be set.
    #[error("files and ports are not bounded")]
    Files(#[from] RulesetError),
    /// The filter of system calls could not be set.
    #[error("programs may be started")]
    Calls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How far the kernel went along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// All of it.
    All,
    /// Programs cannot be started; of files and ports the kernel bounds only a part.
    Some,
    /// Programs cannot be started; the kernel has no Landlock.
    CallsOnly,
}

impl Sandbox {
    /// Bounds this thread and what will come of it, for good.
    ///
    /// # Errors
    /// [`SandboxError`]; then nothing, or only the first half, is in force.
    pub fn enter(&self) -> Result<Bounds, SandboxError> {
        let bounds = self.bound_files()?;
        forbid_calls().map_err(SandboxError::Calls)?;
        Ok(bounds)
    }

    fn bound_files(&self) -> Result<Bounds, RulesetError> {
        let all = AccessFs::from_all(NEWEST);
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .handle_access(AccessNet::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(COMMON, AccessFs::from_read(NEWEST)))?
            .add_rules(path_beneath_rules(&self.read, AccessFs::from_read(NEWEST)))?
            .add_rules(path_beneath_rules([DEVICES], all))?
            .add_rules(path_beneath_rules(&self.write, all))?;
        for port in self.connect.iter().chain([&DNS]) {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
        for port in &self.listen {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
        }
        Ok(match rules.restrict_self()?.ruleset {
            RulesetStatus::FullyEnforced => Bounds::All,
            RulesetStatus::PartiallyEnforced => Bounds::Some,
            RulesetStatus::NotEnforced => Bounds::CallsOnly,
        })
    }
}

fn forbid_calls() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let rules: BTreeMap<i64, _> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let machine = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, machine)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        io::ErrorKind,
        net::{TcpListener, TcpStream},
        process::Command,
    };

    /// In a thread of its own, since there is no way back.
    fn inside<T: Send + 'static>(sandbox: Sandbox, work: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(move || {
            assert_eq!(sandbox.enter().unwrap(), Bounds::All, "this kernel has no Landlock 5");
            work()
        });
        thread.join().unwrap()
    }

    #[test]
    fn s20_programs_files_and_ports_outside_are_out_of_reach() {
        let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(ours.path().join("model"), "weights").unwrap();
        fs::write(other.path().join("secret"), "of another").unwrap();
        let (open, closed) =
            ["127.0.0.1:0"; 2].map(|address| TcpListener::bind(address).unwrap()).into();
        let ports = [&open, &closed].map(|listener| listener.local_addr().unwrap());
        let sandbox = Sandbox {
            write: vec![ours.path().into()],
            connect: vec![ports[0].port()],
            listen: vec![],
            ..Sandbox::default()
        };
        let (mine, theirs) = (ours.path().to_owned(), other.path().to_owned());
        inside(sandbox, move || {
            let kind = |error: std::io::Error| error.kind();
            let denied = Err(ErrorKind::PermissionDenied);
            assert_eq!(fs::read_to_string(mine.join("model")).unwrap(), "weights");
            fs::write(mine.join("map"), "a heat map").unwrap();
            assert_eq!(fs::read(theirs.join("secret")).map(drop).map_err(kind), denied);
            assert_eq!(fs::write(theirs.join("new"), "x").map_err(kind), denied);
            assert_eq!(fs::read_dir("/root").map(drop).map_err(kind), denied);
            assert!(fs::read_to_string("/etc/passwd").is_ok(), "the system's files are read");
            assert_eq!(fs::write("/etc/hydra-was-here", "x").map_err(kind), denied);
            TcpStream::connect(ports[0]).unwrap();
            assert_eq!(TcpStream::connect(ports[1]).map(drop).map_err(kind), denied);
            assert_eq!(TcpListener::bind("127.0.0.1:0").map(drop).map_err(kind), denied);
            assert_eq!(Command::new("/bin/true").status().map(drop).map_err(kind), denied);
            // what comes of it is bound as well
            std::thread::spawn(move || {
                assert_eq!(fs::read(theirs.join("secret")).map(drop).map_err(kind), denied);
                assert_eq!(Command::new("/bin/true").status().map(drop).map_err(kind), denied);
            })
            .join()
            .unwrap();
        });
        // this thread is not
        assert!(fs::read(other.path().join("secret")).is_ok());
        assert!(Command::new("/bin/true").status().unwrap().success());
    }
}
