//! A training job: labels of the database and originals of the blob store -> models in the
//! library, each with its evaluation. Nothing goes live by itself.

mod eight;
mod material;
mod normal;
mod stage;
mod stored;
mod surroundings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use eight::Change;
pub use material::material;
pub use normal::{ARCHITECTURE, Normal, NormalFigures, NormalRecipe, request as normal_request};
pub use stage::Train;
pub use stored::{Stored, StoredError};
pub use surroundings::Surroundings;

use crate::eval::split::Fixed;
use crate::fit::{CheckpointError, Control, TrainError};
use crate::library::{self, AddError};
use crate::quantise::QuantiseError;
use crate::recipe::{
    Embeddings, Kind, LearnError, Learnt, Network, Parent, ParentError, PlotSet, Recipe, bundle_of,
    check, learn,
};
use crate::weights::Weights;
use burn::tensor::Device;
use bytes::Bytes;
use hydra_blobs::{BlobError, Blobs};
use hydra_model::import::ImportError;
use hydra_model::{Library, LibraryError, Runtime};
use hydra_proto::{ContentHash, ImageId, ModelDigest, PlotTypeName};
use hydra_store::release::{self, Action, By, Thresholds};
use hydra_store::training::{self, LabelledImage};
use hydra_store::{Database, StoreError};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Names the folder that it is resumed from.
    pub id: String,
    /// For which plot types.
    pub plot_types: Vec<PlotTypeName>,
    /// How.
    pub recipe: Recipe,
    /// Weights of elsewhere that its network starts from, but for the last layer.
    pub start: Option<Weights>,
    /// Whether the models become candidates, which predict in the shadow.
    pub candidate: bool,
    /// Who asked, and why.
    pub by: By,
}

/// A model that a job made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its name.
    pub digest: ModelDigest,
    /// What it is.
    pub learnt: Learnt,
    /// Images that could not be used, and why.
    pub left_out: Vec<String>,
}

/// Why a job ended without models. The library and the releases are as before.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No model can come of it.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The database.
    #[error("the database")]
    Store(#[from] StoreError),
    /// The blob store.
    #[error("the blob store")]
    Blob(#[from] BlobError),
    /// The library.
    #[error("the library")]
    Library(#[source] Box<LibraryError>),
    /// The new model is not in the library.
    #[error("the model was not added")]
    Add(#[source] Box<AddError>),
    /// Originals or the folder for their pixels.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// Nothing to train on.
    #[error("there are no labels: `hydra label import` brings them in")]
    NoLabels,
    /// The parent's weights.
    #[error("the parent {parent}")]
    Parent {
        /// Which.
        parent: ModelDigest,
        /// Why.
        #[source]
        source: ParentError,
    },
    /// The parent has nothing that training goes on from.
    #[error("model {parent} ({architecture}) is no parent here: {wanted}")]
    NoParent {
        /// Which.
        parent: ModelDigest,
        /// What it is.
        architecture: String,
        /// What is.
        wanted: &'static str,
    },
    /// What was made cannot be sealed.
    #[error("the new model is refused")]
    Import(#[from] ImportError),
    /// It cannot be written in 8 bits.
    #[error("it stays in float32")]
    Quantise(#[from] QuantiseError),
    /// Its network serves others, too.
    #[error("model {0} shares its trunk with others: only a network of its own becomes 8 bits")]
    Shared(ModelDigest),
    /// 8 bits cost too much.
    #[error(
        "8 bits cost too much accuracy: {:.4} instead of {:.4} of {} images, at most {limit} less is \
        allowed", change.accuracy[1], change.accuracy[0], change.images
    )]
    Costs {
        /// What was measured.
        change: Change,
        /// What was allowed.
        limit: f64,
    },
    /// The work panicked.
    #[error("training broke off")]
    Broken(#[from] tokio::task::JoinError),
}

impl JobError {
    /// Whether the same job, asked for again, can go on from what is in its folder.
    fn goes_on(&self) -> bool {
        match self {
            Self::Learn(LearnError::Train(error)) => {
                matches!(error, TrainError::Checkpoint(_) | TrainError::Cancelled { .. })
            }
            Self::Learn(LearnError::Pixels(_)) | Self::Broken(_) => true,
            Self::Blob(source) => source.is_transient(),
            Self::Store(source) => source.is_transient(),
            _ => false,
        }
    }
}

impl From<LibraryError> for JobError {
    fn from(error: LibraryError) -> Self {
        Self::Library(Box::new(error))
    }
}

impl From<AddError> for JobError {
    fn from(error: AddError) -> Self {
        Self::Add(Box::new(error))
    }
}

/// Runs jobs.
#[derive(Clone)]
pub struct Trainer {
    /// Labels, library index, releases.
    pub database: Database,
    /// Originals and models.
    pub blobs: Blobs,
    /// For embeddings and checks.
    pub runtime: Runtime,
    /// A folder for jobs under way: pixels and checkpoints.
    pub folder: PathBuf,
    /// What trains.
    pub device: Device,
}

impl Trainer {
    /// Runs a job, or goes on where it was left.
    ///
    /// # Errors
    /// See [`JobError`].
    pub async fn run(&self, job: &Job, control: Control) -> Result<Vec<Made>, JobError> {
        let folder = self.folder.join(ContentHash::of(job.id.as_bytes()).to_string());
        let parent = match (job.recipe.parent, &job.start) {
            (Some(digest), _) => Some(self.parent(digest).await?),
            (None, Some(weights)) => Some(Parent::outside(&job.recipe, weights.clone())),
            (None, None) => None,
        };
        let shape = parent.as_ref().map_or(job.recipe.input, |parent| parent.network.input);
        // heads are fitted to what the parent's trunk makes of plots, and it may have seen them
        let trunk = parent.as_ref().filter(|_| job.recipe.kind == Kind::Transfer);
        let embeddings = self.folder.join("embeddings");
        let known = trunk.map(|parent| Embeddings::of(&parent.network, &embeddings));
        let known = known.transpose()?.flatten();
        let mut labels = Vec::with_capacity(job.plot_types.len());
        for name in &job.plot_types {
            let rows = training::labelled(&self.database, name.clone()).await?;
            let training::Fixed { test, trained } = training::fixed(&self.database, name).await?;
            let fixed = Fixed { test, trained };
            // before anything is decoded
            check(name, &stored::listed(&rows), &fixed, &job.recipe)?;
            labels.push((rows, fixed));
        }
        let mut sets = Vec::with_capacity(job.plot_types.len());
        for (name, (rows, fixed)) in job.plot_types.iter().zip(&labels) {
            let stored =
                Stored::open(&self.blobs, rows.clone(), shape, &folder, known.as_ref()).await?;
            sets.push((name.clone(), stored, fixed.clone()));
        }
        let left_out: Vec<Vec<String>> =
            sets.iter().map(|(_, stored, _)| stored.left_out.clone()).collect();
        let (runtime, device, recipe) =
            (self.runtime.clone(), self.device.clone(), job.recipe.clone());
        let checkpoint = folder.join("training.checkpoint");
        let learnt = tokio::task::spawn_blocking(move || {
            let sets: Vec<PlotSet<'_>> = sets
                .iter()
                .map(|(name, stored, fixed)| {
                    let (name, fixed) = (name.clone(), fixed.clone());
                    PlotSet { name, data: stored, fixed, parts: None }
                })
                .collect();
            let (checkpoint, embeddings) = (Some(checkpoint), Some(embeddings));
            let control = Control { checkpoint, embeddings, ..control };
            let work = || learn(&sets, &recipe, parent.as_ref(), &runtime, &device, &control);
            match work() {
                Err(LearnError::Train(TrainError::Checkpoint(CheckpointError::Other { path }))) => {
                    tracing::warn!(path = %path.display(), "labels changed since: starts anew");
                    std::fs::remove_file(&path)
                        .map_err(|source| StoredError::File { path, source })?;
                    Ok(work()?)
                }
                learnt => learnt.map_err(JobError::from),
            }
        });
        let learnt = match learnt.await? {
            Err(error) if !error.goes_on() => {
                self.clear(&folder).await;
                return Err(error);
            }
            learnt => learnt?,
        };
        let mut made = Vec::with_capacity(learnt.len());
        for ((mut one, left_out), (rows, _)) in learnt.into_iter().zip(left_out).zip(labels) {
            // what it saw, not what judges it
            let trained: HashSet<ImageId> = one.trained.iter().copied().collect();
            let seen: Vec<LabelledImage> =
                rows.into_iter().filter(|row| trained.contains(&row.image)).collect();
            let around = Surroundings::of(&self.blobs, &seen).await?;
            (one.layouts, one.conditions) = (around.layouts, around.conditions);
            made.push(self.keep(job, one, left_out).await?);
        }
        self.clear(&folder).await;
        Ok(made)
    }

    /// Deletes the folder of a job that does not go on: only what it needs to go on was there.
    async fn clear(&self, folder: &Path) {
        if let Err(error) = tokio::fs::remove_dir_all(folder).await {
            tracing::warn!(%error, folder = %folder.display(), "a finished job's folder stays");
        }
    }

    /// The network behind a model of the library.
    async fn parent(&self, digest: ModelDigest) -> Result<Parent, JobError> {
        let manifest = Library::new(self.blobs.clone()).manifest(&digest).await?;
        let weights = manifest.evaluation["weights"].as_str();
        let weights: ContentHash = weights.and_then(|w| w.parse().ok()).ok_or_else(|| {
            let wanted = "training goes on from a network that was trained here (recipes full, \
                          trunk and transfer)";
            JobError::NoParent { parent: digest, architecture: manifest.architecture, wanted }
        })?;
        let bytes = self.blobs.get(&weights).await?;
        let network = Network::from_bytes(&bytes)
            .map_err(|source| JobError::Parent { parent: digest, source })?;
        Ok(Parent { digest: Some(digest), network })
    }

    /// Puts a model into the library: files first, the row last.
    async fn keep(
        &self,
        job: &Job,
        learnt: Learnt,
        left_out: Vec<String>,
    ) -> Result<Made, JobError> {
        let runtime = self.runtime.clone();
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let sealing = tokio::task::spawn_blocking(move || {
            let bundle = bundle_of(&learnt, &now, &runtime)?;
            Ok::<_, ImportError>((bundle, learnt))
        });
        let (bundle, learnt) = sealing.await??;
        if let Some(network) = &learnt.network {
            self.blobs.put(Bytes::from(network.to_bytes())).await?;
        }
        let name = &learnt.plot_type;
        training::fix(&self.database, name, &learnt.test, &learnt.trained).await?;
        let shelf = Library::new(self.blobs.clone());
        let digest = library::add(&shelf, &self.database, &bundle, vec![name.clone()]).await?;
        training::remember(&self.database, digest, name, taught(&learnt)).await?;
        if job.candidate {
            let proposed = &bundle.manifest.thresholds;
            let thresholds: Thresholds = proposed.clone().into_iter().collect();
            let action = Action::Candidate(digest, thresholds);
            release::release(&self.database, name.clone(), action, job.by.clone()).await?;
        }
        tracing::info!(%digest, plot_type = %name, "a model came into the library");
        Ok(Made { digest, learnt, left_out })
    }
}

fn taught(learnt: &Learnt) -> Vec<training::Taught> {
    let of = learnt.taught.iter().map(|one| training::Taught {
        image: one.image,
        label: one.label.to_string(),
        features: one.features.clone(),
    });
    of.collect()
}
