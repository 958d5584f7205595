//! What becomes of a producer's file after it was taken, where the configuration says so.

use super::{
    After,
    plain_file::{NotOpened, PlainFile, Stamp},
};
use rustix::fs::{AtFlags, unlinkat};
use std::{fs, io, path::Path};

/// Deletes or moves the file, if it is still the one that was taken.
pub(super) fn tidy(root: &Path, relative: &Path, taken: &Stamp, after: &After) -> io::Result<()> {
    if *after == After::Keep {
        return Ok(());
    }
    let file = match PlainFile::open(root, relative) {
        Ok(file) if file.stamp == *taken => file,
        // Written again or gone: it is not ours to touch.
        Ok(_) | Err(NotOpened::Gone | NotOpened::Refused(_)) => return Ok(()),
        Err(NotOpened::Failed(error)) => return Err(error),
    };
    let (Some(folder), Some(name)) = (file.folders.last(), relative.file_name()) else {
        return Ok(());
    };
    match after {
        After::Keep => Ok(()),
        After::Delete => Ok(unlinkat(folder, name, AtFlags::empty())?),
        After::MoveTo(target) => {
            let to = target.join(relative);
            if let Some(above) = to.parent() {
                fs::create_dir_all(above)?;
            }
            Ok(rustix::fs::renameat(folder, name, rustix::fs::CWD, &to)?)
        }
    }
}
