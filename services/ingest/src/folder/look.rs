//! One look at one file: is it new, whole and at rest, and what does its path say?

use super::{
    FolderConfig,
    grammar::{Place, set_folder},
    journal::{Journal, key},
    metadata::{self, Metadata},
    plain_file::{NotOpened, PlainFile, Stamp, read_small},
};
use crate::{Facts, Refusal, refusal::shown};
use bytes::Bytes;
use hydra_vision::{Limits, Refused, probe};
use rustix::fs::{Dir, fstat};
use std::{
    collections::BTreeMap,
    io,
    os::fd::OwnedFd,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A change longer ago needs no second look: whoever wrote it has long gone on.
const AT_REST: Duration = Duration::from_secs(10);

/// What a look found.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing to take: gone, no plot, or dealt with before.
    Nothing,
    /// Not whole or not at rest; look again. Says why, for people.
    Wait(Option<Stamp>, String),
    /// It will never be taken as it is now.
    Refused(Stamp, Refusal),
    /// It is not a file that has a stamp, and is refused.
    NoFile(Refusal),
    /// It can be taken.
    Ready(Stamp, Facts, Bytes),
}

/// What a look needs to know.
pub(super) struct Lookout {
    pub config: FolderConfig,
    pub limits: Limits,
    pub journal: Mutex<Journal>,
}

impl Lookout {
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at `relative`; `before` is its stamp at an earlier look, if it was the same for the
    /// settling time.
    pub fn look(&self, relative: &Path, before: Option<Stamp>) -> Look {
        self.try_look(relative, before).unwrap_or_else(|error| match error {
            NotOpened::Gone => Look::Nothing,
            NotOpened::Refused(refusal) => Look::NoFile(refusal),
            NotOpened::Failed(error) => Look::Wait(None, error.to_string()),
        })
    }

    fn try_look(&self, relative: &Path, before: Option<Stamp>) -> Result<Look, NotOpened> {
        // By its name first: what is no plot is not even opened.
        let full = self.config.path.join(relative);
        let place = match self.config.grammar.read(&full) {
            Ok(None) => return Ok(Look::Nothing),
            place => place,
        };
        let mut file = PlainFile::open(&self.config.path, relative)?;
        let stamp = file.stamp;
        if self.journal().knows(&key(relative), stamp.size_bytes, stamp.mtime_ns) {
            return Ok(Look::Nothing);
        }
        let place = match place {
            Ok(Some(place)) => place,
            Ok(None) => return Ok(Look::Nothing),
            Err(refusal) => return Ok(Look::Refused(stamp, refusal)),
        };
        if age(stamp.mtime_ns) < AT_REST && before != Some(stamp) {
            return Ok(Look::Wait(Some(stamp), "it may still be written".into()));
        }
        if place.set.is_some() && self.set_age(&file)? < Duration::from_secs(self.config.set_age_s)
        {
            return Ok(Look::Wait(Some(stamp), "its set may still be written".into()));
        }
        self.take(relative, place, &mut file)
    }

    /// The last half: reads metadata and bytes of a file that is at rest.
    fn take(&self, relative: &Path, place: Place, file: &mut PlainFile) -> Result<Look, NotOpened> {
        let stamp = file.stamp;
        let mut metadata = Metadata::default();
        for folder in &file.folders {
            let Some(bytes) = read_small(folder, metadata::FILE, metadata::MAX_BYTES)? else {
                continue;
            };
            if let Err(why) = metadata.lay_over(&bytes) {
                let why = format!("{} above it cannot be read: {why}", metadata::FILE);
                return Ok(Look::Wait(Some(stamp), why));
            }
        }
        let texts = metadata.into_texts(self.texts(&place, &stamp, file)?);
        let facts = match Facts::read(&texts) {
            Ok(facts) => facts,
            Err(refusal) => return Ok(Look::Refused(stamp, refusal)),
        };
        let Some(bytes) = (match file.read(self.limits.size_bytes) {
            Err(NotOpened::Refused(refusal)) => return Ok(Look::Refused(stamp, refusal)),
            read => read?,
        }) else {
            return Ok(Look::Wait(None, "it changed while it was read".into()));
        };
        Ok(match probe(&bytes, &self.limits) {
            Err(refused @ (Refused::Truncated { .. } | Refused::Empty)) => {
                Look::Wait(Some(stamp), refused.to_string())
            }
            Err(refused) => Look::Refused(stamp, refused.into()),
            Ok(_) => {
                tracing::trace!(path = %shown(&relative.to_string_lossy()), "taking a file");
                Look::Ready(stamp, facts, bytes.into())
            }
        })
    }

    /// Facts from the path, the file's time and the configuration.
    fn texts(
        &self,
        place: &Place,
        stamp: &Stamp,
        file: &PlainFile,
    ) -> Result<BTreeMap<String, String>, NotOpened> {
        let mut chunk = place.chunk;
        if let (Some(run), Some(set)) = (place.run, place.set) {
            let present = || sets_beside(file, run);
            chunk = self.journal().chunk(run, set, present).map_err(NotOpened::Failed)?;
        }
        let source = match self.config.source.as_str() {
            "" => shown(&self.config.path.to_string_lossy()),
            source => source.to_owned(),
        };
        let run_period = place.run_period.as_ref().unwrap_or(&self.config.run_period);
        let facts = [
            ("plot-type", Some(place.plot_type.to_string())),
            ("run", place.run.map(|run| run.to_string())),
            ("chunk", chunk.map(|chunk| chunk.to_string())),
            ("run-period", Some(run_period.clone())),
            ("source", Some(source)),
            ("taken-at", Some((stamp.mtime_ns / 1000).to_string())),
        ];
        Ok(facts.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))).collect())
    }

    /// How long nothing was written into the set of `file`.
    fn set_age(&self, file: &PlainFile) -> Result<Duration, NotOpened> {
        let folder = file.folders.last().ok_or(NotOpened::Gone)?;
        let stat = fstat(folder)?;
        let folder_ns = i128::from(stat.st_mtime) * 1_000_000_000 + stat.st_mtime_nsec as i128;
        Ok(age(folder_ns.max(file.stamp.mtime_ns)))
    }
}

/// The sets of a run that lie beside the one of `file`.
fn sets_beside(file: &PlainFile, run: u32) -> io::Result<Vec<super::grammar::SetStamp>> {
    let above: Option<&OwnedFd> = file.folders.iter().nth_back(1);
    let Some(above) = above else {
        // The set's own folder is the watched one: it stands alone.
        return Ok(Vec::new());
    };
    let mut stamps = Vec::new();
    for entry in Dir::read_from(above)? {
        let entry = entry?;
        let set = entry.file_name().to_str().ok().and_then(set_folder);
        stamps.extend(set.filter(|(of, _)| *of == run).map(|(_, stamp)| stamp));
    }
    Ok(stamps)
}

/// How long ago; nothing for a time in the future, as of a file server with a fast clock.
fn age(mtime_ns: i128) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let age_ns = i128::try_from(now).unwrap_or_default() - mtime_ns;
    Duration::from_nanos(u64::try_from(age_ns.max(0)).unwrap_or(u64::MAX))
}
