//! Writes plots into folders as monitoring programs do.

use crate::{
    error::HallError,
    fault::Moment,
    hall::{Drawn, Hall},
};
use serde_json::json;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use time::macros::format_description;

/// Whose names folders and files have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `clas12mon_<run>_<MM-dd-yyyy_hh.mm.ss_AM|PM>/<plot type>.png`: a folder a chunk.
    Mon12,
    /// `RunPeriod-<year>-<month>/Run<run, 6 digits>/<plot type>_<chunk, 4 digits>.png`: a folder a run.
    Rsai,
}

impl Grammar {
    /// The folder of a chunk's plots, below the root.
    pub fn folder(self, hall: &Hall, at: Moment) -> PathBuf {
        match self {
            Self::Mon12 => {
                let format = format_description!(
                    "[month]-[day]-[year]_[hour repr:12].[minute].[second]_[period]"
                );
                let time = hall.taken_at(at).format(&format).unwrap_or_default();
                PathBuf::from(format!("clas12mon_{}_{time}", at.run))
            }
            Self::Rsai => Path::new(&hall.run_period()).join(format!("Run{:06}", at.run)),
        }
    }

    /// The file of a plot, below the root.
    pub fn path(self, hall: &Hall, plot_type: &str, at: Moment) -> PathBuf {
        let folder = self.folder(hall, at);
        match self {
            Self::Mon12 => folder.join(format!("{plot_type}.png")),
            Self::Rsai => folder.join(format!("{plot_type}_{:04}.png", at.chunk)),
        }
    }
}

/// Where the truth of an image is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TruthFiles {
    /// Nowhere.
    #[default]
    Off,
    /// Beside the image, as `<name>.truth.json`.
    Beside,
    /// Below another folder, at the image's path, as `<name>.truth.json`.
    Below(PathBuf),
}

/// Writes drawn plots below a folder.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Made if it is not there.
    pub root: PathBuf,
    /// Names of folders and files.
    pub grammar: Grammar,
    /// Where truth goes.
    pub truth: TruthFiles,
}

impl Writer {
    /// Writes images and no truth.
    pub fn new(root: impl Into<PathBuf>, grammar: Grammar) -> Self {
        Self { root: root.into(), grammar, truth: TruthFiles::Off }
    }

    /// Writes the image under another name and then renames it, so that nobody sees half of it, and
    /// its truth before it where that is wanted; answers where the image is.
    ///
    /// # Errors
    /// [`HallError::Write`] names the file or folder.
    pub fn write(&self, hall: &Hall, drawn: &Drawn) -> Result<PathBuf, HallError> {
        let path = self.prepare(hall, drawn)?;
        atomically(&path, &drawn.png)?;
        Ok(path)
    }

    /// As [`Writer::write`], but under its final name from the start, in so many pieces: a reader can
    /// see half a PNG. `between` is called after each piece but the last, and may take its time.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn write_in_place(
        &self,
        hall: &Hall,
        drawn: &Drawn,
        pieces: u32,
        mut between: impl FnMut(),
    ) -> Result<PathBuf, HallError> {
        let path = self.prepare(hall, drawn)?;
        let mut file = fs::File::create(&path).map_err(failed(&path))?;
        let size = drawn.png.len().div_ceil(pieces.max(1) as usize).max(1);
        for (index, piece) in drawn.png.chunks(size).enumerate() {
            if index > 0 {
                between();
            }
            file.write_all(piece).map_err(failed(&path))?;
        }
        Ok(path)
    }

    /// Makes the image's folder and writes its truth.
    fn prepare(&self, hall: &Hall, drawn: &Drawn) -> Result<PathBuf, HallError> {
        let at = Moment { run: drawn.truth.run, chunk: drawn.truth.chunk };
        let inner = self.grammar.path(hall, &drawn.truth.plot_type, at);
        let path = self.root.join(&inner);
        make_folder(&path)?;
        let truth_path = match &self.truth {
            TruthFiles::Off => return Ok(path),
            TruthFiles::Beside => path.with_extension("truth.json"),
            TruthFiles::Below(folder) => folder.join(inner).with_extension("truth.json"),
        };
        make_folder(&truth_path)?;
        let text = serde_json::to_vec_pretty(&drawn.truth).unwrap_or_default();
        atomically(&truth_path, &text)?;
        Ok(path)
    }

    /// Writes `metadata.json` into the folder of this chunk: run, run period and conditions, which
    /// apply to every image below.
    ///
    /// # Errors
    /// [`HallError::Write`] names the file or folder.
    pub fn write_metadata(&self, hall: &Hall, at: Moment) -> Result<PathBuf, HallError> {
        let path = self.root.join(self.grammar.folder(hall, at)).join("metadata.json");
        let metadata = json!({
            "run": at.run,
            "run_period": hall.run_period(),
            "conditions": hall.conditions(at.run),
        });
        make_folder(&path)?;
        atomically(&path, format!("{metadata:#}\n").as_bytes())?;
        Ok(path)
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> HallError + '_ {
    |source| HallError::Write { path: path.to_owned(), source }
}

fn make_folder(file: &Path) -> Result<(), HallError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed(folder))
}

fn atomically(path: &Path, bytes: &[u8]) -> Result<(), HallError> {
    // hidden, and without the extension that watchers look for
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    fs::write(&partial, bytes).map_err(failed(&partial))?;
    fs::rename(&partial, path).map_err(failed(path))
}
