//! Opens files of producers whom nobody has to trust: step by step below a root, following no
//! link, and nothing but plain files with a single name.

use crate::Refusal;
use hydra_vision::Refused;
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawMode, Stat, fstat, openat, statat},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
    path::{Component, Path},
};

/// What tells whether a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    pub size_bytes: u64,
    /// Last change of its bytes, nanoseconds since 1970.
    pub mtime_ns: i128,
    inode: (u64, u64),
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// It is not there any more.
    Gone,
    /// It is not a plain file, and will not become one.
    Refused(Refusal),
    /// The operating system says no; perhaps later.
    Failed(io::Error),
}

/// A plain file, and the folders that lead to it from the root.
pub(super) struct PlainFile {
    /// The root first, the file's own folder last.
    pub folders: Vec<OwnedFd>,
    /// What it was when it was opened.
    pub stamp: Stamp,
    file: File,
}

impl From<Errno> for NotOpened {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Gone,
            // What O_NOFOLLOW and O_DIRECTORY say of a link.
            Errno::LOOP | Errno::NOTDIR | Errno::MLINK => Self::link(),
            other => Self::Failed(other.into()),
        }
    }
}

impl NotOpened {
    fn link() -> Self {
        Self::not_plain("a symbolic link, or behind one")
    }

    fn not_plain(what: &'static str) -> Self {
        Self::Refused(Refusal::NotAPlainFile { what })
    }
}

impl PlainFile {
    /// Opens `relative` below `root`.
    pub fn open(root: &Path, relative: &Path) -> Result<Self, NotOpened> {
        let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // The root is configured by whoever runs us, and may be a link.
        let mut folders = vec![openat(CWD, root, folder_flags, Mode::empty())?];
        let mut names = relative.components().map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(NotOpened::not_plain("outside the folder")),
        });
        let name = names.next_back().ok_or(NotOpened::Gone)??;
        for folder in names {
            let above = folders.last().ok_or(NotOpened::Gone)?;
            let below = openat(above, folder?, folder_flags | OFlags::NOFOLLOW, Mode::empty())?;
            folders.push(below);
        }
        let folder = folders.last().ok_or(NotOpened::Gone)?;
        // Looked at before opening: to open a device may already do something.
        check(&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(folder, name, flags, Mode::empty())?;
        let stamp = check(&fstat(&file)?)?;
        Ok(Self { folders, stamp, file: file.into() })
    }

    /// All bytes, or `None` when the file changes meanwhile.
    pub fn read(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, NotOpened> {
        let Ok(size) = usize::try_from(self.stamp.size_bytes) else { return Ok(None) };
        if size > max_bytes {
            let refused = Refused::TooManyBytes { size_bytes: size, max_bytes };
            return Err(NotOpened::Refused(refused.into()));
        }
        let mut bytes = Vec::with_capacity(size + 1);
        let read = (&self.file).take(size as u64 + 1).read_to_end(&mut bytes);
        read.map_err(NotOpened::Failed)?;
        let unchanged = check(&fstat(&self.file)?)? == self.stamp && bytes.len() == size;
        Ok(unchanged.then_some(bytes))
    }
}

/// A small file beside the way, e.g. metadata; `None` if there is none. The same rules hold.
pub(super) fn read_small(
    folder: &OwnedFd,
    name: &str,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, NotOpened> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        found => check(&found?)?,
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty())?;
    check(&fstat(&file)?)?;
    let mut bytes = Vec::new();
    let read = File::from(file).take(max_bytes as u64 + 1).read_to_end(&mut bytes);
    read.map_err(NotOpened::Failed)?;
    if bytes.len() > max_bytes {
        let refused = Refused::TooManyBytes { size_bytes: bytes.len(), max_bytes };
        return Err(NotOpened::Refused(refused.into()));
    }
    Ok(Some(bytes))
}

fn check(stat: &Stat) -> Result<Stamp, NotOpened> {
    let what = match FileType::from_raw_mode(stat.st_mode as RawMode) {
        FileType::RegularFile if stat.st_nlink == 1 => {
            let mtime_ns = i128::from(stat.st_mtime) * 1_000_000_000 + stat.st_mtime_nsec as i128;
            let inode = (stat.st_dev, stat.st_ino);
            return Ok(Stamp { size_bytes: stat.st_size as u64, mtime_ns, inode });
        }
        // Deleted between our look and now.
        FileType::RegularFile if stat.st_nlink == 0 => return Err(NotOpened::Gone),
        FileType::RegularFile => "a file with several names (hard links)",
        FileType::Symlink => return Err(NotOpened::link()),
        FileType::Directory => "a folder",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "of an unknown kind",
    };
    Err(NotOpened::not_plain(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix, process::Command};

    fn refusal(root: &Path, relative: &str) -> String {
        match PlainFile::open(root, Path::new(relative)).map(|_| ()) {
            Err(NotOpened::Refused(refusal)) => refusal.to_string(),
            other => panic!("{relative}: {other:?}"),
        }
    }

    #[test]
    fn plain_files_are_read_whole() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/x.png"), b"bytes").unwrap();
        let mut file = PlainFile::open(root.path(), Path::new("a/x.png")).unwrap();
        assert_eq!(file.read(100).unwrap().unwrap(), b"bytes");
        assert_eq!(file.folders.len(), 2);
        let mut file = PlainFile::open(root.path(), Path::new("a/x.png")).unwrap();
        assert!(matches!(file.read(4), Err(NotOpened::Refused(_))));
        let mut file = PlainFile::open(root.path(), Path::new("a/x.png")).unwrap();
        fs::write(root.path().join("a/x.png"), b"other bytes").unwrap();
        assert_eq!(file.read(100).unwrap(), None, "it changed after it was opened");
    }

    #[test]
    fn links_pipes_devices_and_ways_out_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let (here, there) = (root.path(), outside.path());
        fs::write(there.join("secret.png"), b"secret").unwrap();
        fs::write(here.join("plain.png"), b"plain").unwrap();
        unix::fs::symlink(there.join("secret.png"), here.join("link.png")).unwrap();
        unix::fs::symlink(there, here.join("away")).unwrap();
        unix::fs::symlink("plain.png", here.join("near.png")).unwrap();
        fs::hard_link(here.join("plain.png"), here.join("hard.png")).unwrap();
        fs::create_dir(here.join("folder.png")).unwrap();
        assert!(Command::new("mkfifo").arg(here.join("pipe.png")).status().unwrap().success());
        let _socket = unix::net::UnixListener::bind(here.join("socket.png")).unwrap();
        for (name, what) in [
            ("link.png", "symbolic"),
            ("near.png", "symbolic"),
            ("away/secret.png", "symbolic"),
            ("hard.png", "hard links"),
            ("plain.png", "hard links"),
            ("folder.png", "a folder"),
            ("pipe.png", "a pipe"),
            ("socket.png", "a socket"),
            ("../x.png", "outside"),
            ("/etc/passwd", "outside"),
        ] {
            let text = refusal(here, name);
            assert!(text.contains(what), "{name}: {text}");
        }
        assert!(refusal(Path::new("/dev"), "null").contains("a device"));
        let gone = PlainFile::open(here, Path::new("nowhere.png"));
        assert!(matches!(gone, Err(NotOpened::Gone)));
    }

    #[test]
    fn a_sparse_giant_is_refused_without_being_read() {
        let root = tempfile::tempdir().unwrap();
        let file = File::create(root.path().join("x.png")).unwrap();
        file.set_len(10 << 30).unwrap();
        let mut file = PlainFile::open(root.path(), Path::new("x.png")).unwrap();
        assert!(matches!(file.read(32 << 20), Err(NotOpened::Refused(Refusal::Image(_)))));
    }
}
