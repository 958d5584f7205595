//! What was taken from a folder, over restarts: an append-only file, a JSON object a line.
//!
//! A file is known by its path, size and time of last change; its hash and what became of it
//! stand beside for people. Lost lines do no harm: the door knows the image again. So nothing is
//! synced, and a last line that a crash cut short is passed over.

use super::{grammar::SetStamp, plain_file::Stamp, sets::SetBook};
use hydra_proto::ContentHash;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};
use tracing::{info, warn};

/// Lines beyond twice those in force before the file is written anew.
const SPARE_LINES: usize = 10_000;

/// A path in 16 bytes, so that millions fit in memory.
pub(super) type PathKey = [u8; 16];

/// The memory of one folder.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    files: HashMap<PathKey, (u64, i128)>,
    /// Links, pipes and the like, which were refused in this process: they are refused and
    /// counted once, and once more after a restart.
    no_files: HashMap<PathKey, (u64, i128)>,
    sets: SetBook,
    lines: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    File {
        key: String,
        size_bytes: u64,
        mtime_ns: i128,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<ContentHash>,
        /// `new`, `known`, or the reason of a refusal.
        outcome: String,
        /// For people, escaped.
        path: String,
    },
    Set {
        run: u32,
        stamp: SetStamp,
        chunk: u32,
    },
}

/// The key of a path below the folder.
pub(super) fn key(relative: &Path) -> PathKey {
    let mut key = PathKey::default();
    let hash = ContentHash::of(relative.as_os_str().as_bytes());
    key.copy_from_slice(&hash.as_bytes()[..16]);
    key
}

impl Journal {
    /// Opens or makes the journal at `path`.
    ///
    /// # Errors
    /// When it cannot be read and written, or another process holds it.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            io::Error::new(io::ErrorKind::ResourceBusy, "another process watches this folder")
        })?;
        let (files, no_files, sets) = Default::default();
        let mut journal = Self { path: path.into(), file, files, no_files, sets, lines: 0 };
        journal.replay()?;
        Ok(journal)
    }

    fn replay(&mut self) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(&self.path)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            self.lines += 1;
            match serde_json::from_slice(&line) {
                Ok(Line::File { key, size_bytes, mtime_ns, .. }) => {
                    if let Ok(key) = u128::from_str_radix(&key, 16) {
                        self.files.insert(key.to_be_bytes(), (size_bytes, mtime_ns));
                    }
                }
                Ok(Line::Set { run, stamp, chunk }) => self.sets.remember(run, stamp, chunk),
                Err(_) => warn!(line = self.lines, "passed over a line of a folder's journal"),
            }
            line.clear();
        }
        // What comes next must not continue a line that was cut short.
        if self.lines > 0 {
            self.file.write_all(b"\n")?;
        }
        info!(files = self.files.len(), "read a folder's journal");
        Ok(())
    }

    /// Whether this file was dealt with as it is now.
    pub fn knows(&self, key: &PathKey, size_bytes: u64, mtime_ns: i128) -> bool {
        let now = Some(&(size_bytes, mtime_ns));
        self.files.get(key) == now || self.no_files.get(key) == now
    }

    /// Notes that something which is no plain file was refused.
    pub fn note_no_file(&mut self, relative: &Path, size_bytes: u64, mtime_ns: i128) {
        self.no_files.insert(key(relative), (size_bytes, mtime_ns));
    }

    /// Notes what became of a file.
    pub fn note(
        &mut self,
        relative: &Path,
        stamp: &Stamp,
        hash: Option<ContentHash>,
        outcome: &str,
    ) -> io::Result<()> {
        let key = key(relative);
        let line = Line::File {
            key: format!("{:032x}", u128::from_be_bytes(key)),
            size_bytes: stamp.size_bytes,
            mtime_ns: stamp.mtime_ns,
            hash,
            outcome: outcome.to_owned(),
            path: relative.as_os_str().as_bytes().escape_ascii().to_string(),
        };
        self.append(&line)?;
        self.files.insert(key, (stamp.size_bytes, stamp.mtime_ns));
        Ok(())
    }

    /// The chunk of a set, numbering it and its neighbours `present` where that is not done yet.
    pub fn chunk(
        &mut self,
        run: u32,
        stamp: SetStamp,
        present: impl FnOnce() -> io::Result<Vec<SetStamp>>,
    ) -> io::Result<Option<u32>> {
        if self.sets.chunk(run, &stamp).is_none() {
            let mut present = present()?;
            present.push(stamp);
            for (stamp, chunk) in self.sets.number(run, &present) {
                self.append(&Line::Set { run, stamp, chunk })?;
            }
        }
        Ok(self.sets.chunk(run, &stamp))
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.lines += 1;
        self.file.write_all(&text)
    }

    /// Forgets files that are not among `seen`, all that a whole scan found. An empty folder is
    /// more likely a disk that is not mounted than one that was emptied: nothing is forgotten.
    pub fn retain(&mut self, seen: &HashSet<PathKey>) -> io::Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        self.files.retain(|key, _| seen.contains(key));
        self.no_files.retain(|key, _| seen.contains(key));
        if self.lines > 2 * self.files.len() + SPARE_LINES { self.rewrite() } else { Ok(()) }
    }

    /// Writes only the lines that are in force to a new file, and puts it in place of the old.
    fn rewrite(&mut self) -> io::Result<()> {
        let fresh_path = self.path.with_extension("new");
        let mut fresh = BufWriter::new(File::create(&fresh_path)?);
        let (mut lines, mut line) = (0, Vec::new());
        let mut reader = BufReader::new(File::open(&self.path)?);
        while reader.read_until(b'\n', &mut line)? > 0 {
            let in_force = match serde_json::from_slice(&line) {
                Ok(Line::File { key, size_bytes, mtime_ns, .. }) => {
                    let key = u128::from_str_radix(&key, 16).unwrap_or_default().to_be_bytes();
                    self.knows(&key, size_bytes, mtime_ns)
                }
                Ok(Line::Set { .. }) => true,
                Err(_) => false,
            };
            if in_force {
                fresh.write_all(&line)?;
                lines += 1;
            }
            line.clear();
        }
        fresh.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let file = OpenOptions::new().read(true).append(true).open(&fresh_path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&fresh_path, &self.path)?;
        (self.file, self.lines) = (file, lines);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::grammar::set_folder;
    use super::super::plain_file::PlainFile;
    use super::*;
    use tempfile::TempDir;

    /// A folder with a file `name` of `len` bytes, and its stamp.
    fn stamp(folder: &TempDir, name: &str, len: usize) -> Stamp {
        fs::write(folder.path().join(name), vec![0; len]).unwrap();
        PlainFile::open(folder.path(), Path::new(name)).unwrap().stamp
    }

    fn knows(journal: &Journal, name: &str, stamp: &Stamp) -> bool {
        journal.knows(&key(Path::new(name)), stamp.size_bytes, stamp.mtime_ns)
    }

    #[test]
    fn what_was_noted_is_known_after_a_restart_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/a.journal");
        let (one, two) = (stamp(&folder, "x", 1), stamp(&folder, "x", 2));
        let mut journal = Journal::open(&path).unwrap();
        journal.note(Path::new("x"), &one, Some(ContentHash::of(b"x")), "new").unwrap();
        assert!(knows(&journal, "x", &one) && !knows(&journal, "x", &two));
        assert!(!knows(&journal, "y", &one));
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert!(knows(&journal, "x", &one) && !knows(&journal, "x", &two));
    }

    #[test]
    fn one_process_at_a_time_holds_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let journal = Journal::open(&path).unwrap();
        let error = Journal::open(&path).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        drop(journal);
        assert!(Journal::open(&path).is_ok());
    }

    #[test]
    fn a_journal_that_a_crash_cut_anywhere_is_read_as_far_as_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let one = stamp(&folder, "x", 1);
        let mut journal = Journal::open(&path).unwrap();
        journal.note(Path::new("x"), &one, None, "new").unwrap();
        journal.note(Path::new("y"), &one, None, "new").unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let mut journal = Journal::open(&path).unwrap();
            assert_eq!(knows(&journal, "x", &one), end >= first, "cut at {end}");
            // What is noted next stands on a line of its own.
            journal.note(Path::new("z"), &one, None, "new").unwrap();
            drop(journal);
            assert!(knows(&Journal::open(&path).unwrap(), "z", &one), "cut at {end}");
        }
    }

    #[test]
    fn names_that_are_hostile_or_not_utf8_stay_on_their_line() {
        use std::ffi::OsStr;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let one = stamp(&folder, "x", 1);
        let name = Path::new(OsStr::from_bytes(b"a\n{\"file\":\xff\"}\n.png"));
        let mut journal = Journal::open(&path).unwrap();
        journal.note(name, &one, None, "new").unwrap();
        drop(journal);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        let journal = Journal::open(&path).unwrap();
        assert!(journal.knows(&key(name), one.size_bytes, one.mtime_ns));
    }

    #[test]
    fn files_that_are_gone_are_forgotten_unless_all_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let one = stamp(&folder, "x", 1);
        let mut journal = Journal::open(&path).unwrap();
        for _ in 0..SPARE_LINES + 5 {
            journal.note(Path::new("x"), &one, None, "new").unwrap();
        }
        journal.note(Path::new("y"), &one, None, "new").unwrap();
        let sets = || Ok(vec![set_folder("clas12mon_1_06-13-2023_10.00.00_AM").unwrap().1]);
        let set = sets().unwrap()[0];
        assert_eq!(journal.chunk(1, set, sets).unwrap(), Some(1));
        journal.retain(&HashSet::new()).unwrap();
        assert!(knows(&journal, "x", &one) && knows(&journal, "y", &one));
        journal.retain(&HashSet::from([key(Path::new("y"))])).unwrap();
        assert!(!knows(&journal, "x", &one) && knows(&journal, "y", &one));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2, "one file, one set");
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        assert!(!knows(&journal, "x", &one) && knows(&journal, "y", &one));
        assert_eq!(journal.chunk(1, set, || Ok(Vec::new())).unwrap(), Some(1));
    }
}
