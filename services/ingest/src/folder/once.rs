//! A folder that is read once, by hand, as the door reads one that it watches.

use super::{FolderConfig, journal::Journal, look::Look, look::Lookout, scan::scan};
use crate::Facts;
use bytes::Bytes;
use hydra_vision::Limits;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

/// A folder and what its plots have in common.
pub struct Once {
    lookout: Lookout,
}

impl Once {
    /// The folder of `config`, whose sets are complete. `journal` is a file that may be deleted
    /// afterwards: it holds the numbers of sets.
    ///
    /// # Errors
    /// When folder or journal cannot be opened.
    pub fn open(config: FolderConfig, journal: &Path) -> io::Result<Self> {
        let path = std::fs::canonicalize(&config.path)?;
        let config = FolderConfig { path, set_age_s: 0, ..config };
        let journal = Mutex::new(Journal::open(journal)?);
        Ok(Self { lookout: Lookout { config, limits: Limits::default(), journal } })
    }

    /// Every plot below the folder, in order of the names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = scan(&self.lookout, Path::new(""), usize::MAX);
        found.paths.sort();
        found.error.map_or(Ok(found.paths), Err)
    }

    /// The facts and bytes of one of them; nothing if it is gone or no plot. `Err` says why it is
    /// left out.
    ///
    /// # Errors
    /// In words.
    pub fn read(&self, relative: &Path) -> Option<Result<(Facts, Bytes), String>> {
        let mut look = self.lookout.look(relative, None);
        if let Look::Wait(stamp @ Some(_), _) = look {
            // nobody else writes here, says who asks
            look = self.lookout.look(relative, stamp);
        }
        match look {
            Look::Nothing => None,
            Look::Wait(_, why) => Some(Err(why)),
            Look::Refused(_, refusal) | Look::NoFile(refusal) => Some(Err(refusal.to_string())),
            Look::Ready(_, facts, bytes) => Some(Ok((facts, bytes))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Grammar;

    #[test]
    fn metadata_and_sets_count_as_in_a_watched_folder_and_what_is_left_out_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("plots");
        let png = hydra_vision::write_rgb_png(4, 4, &[200; 48]);
        let write = |name: &str, bytes: &[u8]| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        for set in
            ["clas12mon_17101_10-25-2022_02.20.54_PM", "clas12mon_17101_10-25-2022_03.20.54_PM"]
        {
            write(&format!("{set}/DC_occupancy.png"), &png);
        }
        write("metadata.json", br#"{"conditions": {"target": "LH2"}}"#);
        write("clas12mon_17101_10-25-2022_03.20.54_PM/CUT.png", &png[..png.len() / 2]);
        let config = FolderConfig::new(&root, Grammar::Mon12);
        let once = Once::open(config, &dir.path().join("journal")).unwrap();
        let read = |path: &PathBuf| once.read(path).unwrap();
        let paths = once.paths().unwrap();
        let (cut, whole): (Vec<_>, Vec<_>) =
            paths.iter().partition(|path| path.ends_with("CUT.png"));
        let facts: Vec<Facts> = whole.into_iter().map(|path| read(path).unwrap().0).collect();
        let chunks: Vec<_> = facts.iter().map(|facts| (facts.run, facts.chunk)).collect();
        assert_eq!(chunks, [(17101, Some(1)), (17101, Some(2))]);
        assert_eq!(facts[0].conditions_json, r#"{"target":"LH2"}"#);
        assert!(facts[0].taken_at_us.is_some());
        assert_eq!(cut.len(), 1);
        assert!(read(cut[0]).unwrap_err().contains("cut off"), "{:?}", read(cut[0]));
    }
}
