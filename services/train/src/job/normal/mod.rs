//! Good plots alone -> a model of what is normal, for a plot type that has no Bad example yet.
//!
//! It says Novel with a p-value and shows where. After a change of conditions a handful of
//! confirmed Goods teaches it: from its parent, nothing else is needed.

mod choose;
mod make;
mod recipe;
#[cfg(test)]
mod tests;

pub use make::{ARCHITECTURE, request};
pub use recipe::{Normal, NormalFigures, NormalRecipe};

use super::{JobError, Stored, Surroundings, Trainer};
use crate::eval::split::Fixed;
use crate::library;
use choose::Chosen;
use hydra_model::Library;
use hydra_model::manifest::Manifest;
use hydra_normality::{NormalityModel, NormalitySettings};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, Label, ModelDigest, PlotTypeName};
use hydra_store::release::{self, Action, By, Thresholds};
use hydra_store::training::{self, LabelledImage};
use make::{Sealed, make};

/// What the model looks at.
const INPUT: InputShape = InputShape { width: 288, height: 192, channels: 3, letterbox: false };

impl Trainer {
    /// Makes, for each plot type, a model of what is normal; with a parent, the parent learns
    /// from Goods that it does not know. They become candidates where that is asked for.
    ///
    /// # Errors
    /// See [`JobError`]; nothing is changed then for the plot type that failed and those after it.
    pub async fn normal(
        &self,
        id: &str,
        plot_types: &[PlotTypeName],
        recipe: &NormalRecipe,
        candidate: bool,
        by: &By,
    ) -> Result<Vec<Normal>, JobError> {
        let folder = self.folder.join(ContentHash::of(id.as_bytes()).to_string());
        let mut made = Vec::with_capacity(plot_types.len());
        for name in plot_types {
            let rows = training::labelled(&self.database, name.clone()).await?;
            let training::Fixed { test, trained } = training::fixed(&self.database, name).await?;
            let fixed = Fixed { test, trained };
            let parent = match recipe.parent {
                Some(digest) => Some((digest, self.known(digest).await?)),
                None => None,
            };
            let rows: Vec<LabelledImage> = rows.into_iter().filter(is_told).collect();
            let chosen = match &parent {
                None => Chosen::first(&rows, &fixed),
                Some((_, (_, manifest))) => Chosen::later(&rows, &fixed, &manifest.conditions),
            };
            // a child knows what its parent knew, too
            let taught = |row: &&LabelledImage| {
                let before = parent.is_some() && fixed.trained.contains(&row.image);
                before || chosen.train.contains(&row.image)
            };
            let taught: Vec<LabelledImage> = rows.iter().filter(taught).cloned().collect();
            let surroundings = Surroundings::of(&self.blobs, &taught).await?;
            let stored = Stored::open(&self.blobs, rows, INPUT, &folder, None).await?;
            let settings = NormalitySettings {
                false_alarm_rate: recipe.false_alarm_rate,
                ..NormalitySettings::default()
            };
            let (runtime, plot_type) = (self.runtime.clone(), name.clone());
            let work = tokio::task::spawn_blocking(move || {
                make(&plot_type, &stored, parent, &chosen, &settings, surroundings, &runtime)
            });
            let made_one = work.await?;
            if made_one.is_err() {
                self.clear(&folder).await;
            }
            let Sealed { bundle, numbers, trained, test, figures } = made_one?;
            self.blobs.put(numbers).await?;
            training::fix(&self.database, name, &test, &trained).await?;
            let shelf = Library::new(self.blobs.clone());
            let digest = library::add(&shelf, &self.database, &bundle, vec![name.clone()]).await?;
            if candidate {
                let action = Action::Candidate(digest, Thresholds::new());
                release::release(&self.database, name.clone(), action, by.clone()).await?;
            }
            tracing::info!(%digest, plot_type = %name, "a model of what is normal was made");
            made.push(Normal { plot_type: name.clone(), digest, figures });
        }
        self.clear(&folder).await;
        Ok(made)
    }

    /// The numbers of a model of what is normal.
    async fn known(&self, digest: ModelDigest) -> Result<(NormalityModel, Manifest), JobError> {
        let manifest = Library::new(self.blobs.clone()).manifest(&digest).await?;
        let key = manifest.evaluation["normality"].as_str();
        let no_parent = || {
            let wanted = "what is normal is learnt on from a model of `hydra model normal`";
            let architecture = manifest.architecture.clone();
            JobError::NoParent { parent: digest, architecture, wanted }
        };
        let key: ContentHash = key.and_then(|key| key.parse().ok()).ok_or_else(no_parent)?;
        let packed = self.blobs.get(&key).await?;
        let read = zstd::decode_all(&packed[..]).ok();
        let model = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok((model.ok_or_else(no_parent)?, manifest))
    }
}

/// Whether the label says something of the plot.
fn is_told(row: &LabelledImage) -> bool {
    row.label.as_str() != Label::IGNORE
}
