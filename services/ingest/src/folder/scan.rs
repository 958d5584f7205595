//! Walks the tree for files that nobody has dealt with yet.

use super::{
    journal::{PathKey, key},
    look::Lookout,
};
use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Folders in folders, at most: a loop of mounts must end.
const MAX_DEPTH: usize = 32;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Plots that are new or changed, below the folder.
    pub paths: Vec<PathBuf>,
    /// Every plot that was seen, new or not.
    pub seen: HashSet<PathKey>,
    /// Whether all was seen: no limit was met, and no folder refused.
    pub complete: bool,
    /// Why not even the first folder could be read.
    pub error: Option<io::Error>,
}

/// Walks everything below `from` (itself below the watched folder), up to `room` new paths.
pub(super) fn scan(lookout: &Lookout, from: &Path, room: usize) -> Found {
    let mut found = Found { complete: true, ..Found::default() };
    let mut folders = vec![(from.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        match list(lookout, &folder, room, &mut found) {
            Ok(below) if depth < MAX_DEPTH => {
                folders.extend(below.into_iter().rev().map(|path| (path, depth + 1)));
            }
            // Deleted while we walked.
            Err(error) if error.kind() == io::ErrorKind::NotFound && depth > 0 => {}
            Ok(_) => found.complete = false,
            Err(error) => {
                found.complete = false;
                found.error = found.error.or((depth == 0).then_some(error));
            }
        }
    }
    found
}

/// Notes the files of one folder, in order of their names; returns its folders.
fn list(
    lookout: &Lookout,
    relative: &Path,
    room: usize,
    found: &mut Found,
) -> io::Result<Vec<PathBuf>> {
    let (mut below, mut new) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(lookout.config.path.join(relative))? {
        let entry = entry?;
        let path = relative.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            below.push(path);
            continue;
        }
        if matches!(lookout.config.grammar.read(&lookout.config.path.join(&path)), Ok(None)) {
            continue;
        }
        let key = key(&path);
        found.seen.insert(key);
        // Of a link this is the link's own; a link is refused when it is looked at.
        let Ok(meta) = entry.metadata() else { continue };
        let mtime_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
        if !lookout.journal().knows(&key, meta.len(), mtime_ns) {
            new.push(path);
        }
    }
    below.sort();
    new.sort();
    let left = room.saturating_sub(found.paths.len());
    found.complete &= new.len() <= left;
    new.truncate(left);
    found.paths.append(&mut new);
    Ok(below)
}
