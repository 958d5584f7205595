//! Good plots alone -> a model of what is normal, for a plot type that has no Bad example yet.
//!
//! It says Novel with a p-value and shows where. After a change of conditions a handful of
//! confirmed Goods teaches it: from its parent, nothing else is needed.

use super::{JobError, Stored, Surroundings, Trainer};
use crate::library;
use crate::recipe::LearnError;
use bytes::Bytes;
use hydra_model::import::{ImportError, ImportRequest, Source, import};
use hydra_model::manifest::{
    Guards, Manifest, Method, Normalisation, Novelty, NoveltyKind, ScoreKind,
};
use hydra_model::{Bundle, Library, Runtime};
use hydra_normality::{CONFIRMED_GOODS, NormalityModel, NormalitySettings, fit_normality};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label, ModelDigest, PlotTypeName};
use hydra_store::release::{self, Action, By, Thresholds};
use hydra_store::training::{self, LabelledImage};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::data::Dataset;

/// Kind of these models, for people.
pub const ARCHITECTURE: &str = "normality of pixels";
/// What the model looks at.
const INPUT: InputShape = InputShape { width: 288, height: 192, channels: 3, letterbox: false };
/// zstd level of the numbers that are kept beside the file.
const LEVEL: i32 = 3;

/// How a model of what is normal is made: `recipe_json` of a job with `"kind": "normality"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalRecipe {
    /// `normality`.
    pub kind: NormalKind,
    /// Share of Goods that may be called novel.
    #[serde(default = "default_rate")]
    pub false_alarm_rate: f64,
    /// Learn what is new from this model on, by the Goods that it does not know.
    #[serde(default)]
    pub parent: Option<ModelDigest>,
}

/// The one kind there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormalKind {
    /// From Goods alone.
    Normality,
}

fn default_rate() -> f64 {
    0.01
}

impl Default for NormalRecipe {
    fn default() -> Self {
        let kind = NormalKind::Normality;
        Self { kind, false_alarm_rate: default_rate(), parent: None }
    }
}

/// A model that was made, and what is said of it.
#[derive(Debug, Clone)]
pub struct Normal {
    /// Its plot type.
    pub plot_type: PlotTypeName,
    /// Its name.
    pub digest: ModelDigest,
    /// Its evaluation.
    pub figures: NormalFigures,
}

/// The `evaluation` of such a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalFigures {
    /// What it was made from: `labels` by name, as of every model.
    pub training: serde_json::Value,
    /// Blob key of the model's numbers, from which others can learn on.
    pub normality: String,
    /// Share of Goods that may be called novel.
    pub false_alarm_rate: f64,
    /// Images that people label otherwise, and those of them that it calls novel. They were not
    /// used to make it.
    pub others: usize,
    /// See `others`.
    pub others_novel: usize,
    /// Goods that taught it new conditions.
    pub learnt_from: usize,
}

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
            let fixed = training::fixed(&self.database, name).await?;
            let parent = match recipe.parent {
                Some(digest) => Some((digest, self.known(digest).await?)),
                None => None,
            };
            let surroundings = Surroundings::of(&self.blobs, &rows).await?;
            let rows: Vec<LabelledImage> = rows.into_iter().filter(is_told).collect();
            let stored = Stored::open(&self.blobs, rows, INPUT, &folder).await?;
            let settings = NormalitySettings {
                false_alarm_rate: recipe.false_alarm_rate,
                ..NormalitySettings::default()
            };
            let (runtime, plot_type) = (self.runtime.clone(), name.clone());
            let work = tokio::task::spawn_blocking(move || {
                make(&plot_type, &stored, parent, &fixed.trained, &settings, surroundings, &runtime)
            });
            let Sealed { bundle, numbers, trained, figures } = work.await??;
            self.blobs.put(numbers).await?;
            training::fix(&self.database, name, &[], &trained).await?;
            let shelf = Library::new(self.blobs.clone());
            let digest = library::add(&shelf, &self.database, &bundle, vec![name.clone()]).await?;
            if candidate {
                let action = Action::Candidate(digest, Thresholds::new());
                release::release(&self.database, name.clone(), action, by.clone()).await?;
            }
            tracing::info!(%digest, plot_type = %name, "a model of what is normal was made");
            made.push(Normal { plot_type: name.clone(), digest, figures });
        }
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            tracing::warn!(%error, folder = %folder.display(), "a finished job's folder stays");
        }
        Ok(made)
    }

    /// The numbers of a model of what is normal.
    async fn known(&self, digest: ModelDigest) -> Result<(NormalityModel, Manifest), JobError> {
        let manifest = Library::new(self.blobs.clone()).manifest(&digest).await?;
        let key = manifest.evaluation["normality"].as_str();
        let key: ContentHash =
            key.and_then(|key| key.parse().ok()).ok_or(JobError::NoWeights(digest))?;
        let packed = self.blobs.get(&key).await?;
        let read = zstd::decode_all(&packed[..]).ok();
        let model = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok((model.ok_or(JobError::NoWeights(digest))?, manifest))
    }
}

/// Whether the label says something of the plot.
fn is_told(row: &LabelledImage) -> bool {
    row.label.as_str() != Label::IGNORE
}

struct Sealed {
    bundle: Bundle,
    numbers: Bytes,
    trained: Vec<ImageId>,
    figures: NormalFigures,
}

type Known = (ModelDigest, (NormalityModel, Manifest));

fn make(
    plot_type: &PlotTypeName,
    stored: &Stored,
    parent: Option<Known>,
    trained: &HashSet<ImageId>,
    settings: &NormalitySettings,
    surroundings: Surroundings,
    runtime: &Runtime,
) -> Result<Sealed, JobError> {
    let refused = |why: String| JobError::Learn(LearnError::Recipe(format!("{plot_type}: {why}")));
    let examples = stored.examples();
    let new = |i: &usize| parent.is_none() || !trained.contains(&examples[*i].image);
    let goods: Vec<usize> =
        (0..examples.len()).filter(|i| examples[*i].label.counts_as_good()).filter(new).collect();
    let pixels_of = |some: &[usize]| -> Result<Vec<Vec<u8>>, JobError> {
        let all = some.iter().map(|i| stored.pixels(*i, INPUT)).collect::<Result<_, _>>();
        all.map_err(|error| JobError::Learn(error.into()))
    };
    let pixels = pixels_of(&goods)?;
    let views: Vec<&[u8]> = pixels.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = goods.iter().map(|i| examples[*i].run).collect();
    let (model, learnt_from) = match &parent {
        None => {
            let model = fit_normality(&views, &runs, INPUT, settings);
            (model.map_err(|error| refused(error.to_string()))?, 0)
        }
        Some((_, (known, _))) => {
            // the first to come are the first to be confirmed
            let some = &views[..views.len().min(2 * CONFIRMED_GOODS)];
            let model = known.learn(some).map_err(|error| {
                refused(format!("of Goods that the parent does not know, {error}"))
            })?;
            (model, some.len())
        }
    };
    let others: Vec<usize> =
        (0..examples.len()).filter(|i| !examples[*i].label.counts_as_good()).collect();
    let mut others_novel = 0;
    for pixels in pixels_of(&others)? {
        others_novel += usize::from(model.judge(&pixels).is_ok_and(|judged| judged.novel()));
    }
    let json = serde_json::to_vec(&model).unwrap_or_default();
    let packed = zstd::encode_all(&json[..], LEVEL).map_err(|error| refused(error.to_string()))?;
    let numbers = Bytes::from(packed);
    let distinct: HashSet<u32> = runs.iter().copied().collect();
    let figures = NormalFigures {
        training: serde_json::json!({
            "images": goods.len(), "runs": distinct.len(), "labels": { "Good": goods.len() },
        }),
        normality: ContentHash::of(&numbers).to_string(),
        false_alarm_rate: model.false_alarm_rate,
        others: others.len(),
        others_novel,
        learnt_from,
    };
    let trained: Vec<ImageId> = goods.iter().map(|i| examples[*i].image).collect();
    let about = About { plot_type: plot_type.clone(), surroundings, trained: &trained };
    let parent = parent.map(|(digest, (_, manifest))| (digest, manifest));
    let bundle = sealed(&model, about, parent, &figures, runtime)?;
    Ok(Sealed { bundle, numbers, trained, figures })
}

/// What a bundle says of itself.
struct About<'a> {
    plot_type: PlotTypeName,
    surroundings: Surroundings,
    trained: &'a [ImageId],
}

fn sealed(
    model: &NormalityModel,
    about: About<'_>,
    parent: Option<(ModelDigest, Manifest)>,
    figures: &NormalFigures,
    runtime: &Runtime,
) -> Result<Bundle, ImportError> {
    let labels = [Label::GOOD, Label::BAD].map(|label| label.parse().expect("a constant"));
    let mut ids: Vec<String> = about.trained.iter().map(ToString::to_string).collect();
    ids.sort();
    let request = ImportRequest {
        plot_type: Some(about.plot_type),
        layouts: about.surroundings.layouts,
        conditions: about.surroundings.conditions,
        training_set: Some(ContentHash::of(ids.join("\n").as_bytes())),
        evaluation: serde_json::to_value(figures).unwrap_or_default(),
        parent: parent.map(|(digest, _)| digest),
        novelty: Some(Novelty {
            output: "p_value".to_owned(),
            kind: NoveltyKind::PValue,
            threshold: model.false_alarm_rate as f32,
            guards: Guards::Every,
        }),
        ..request(labels.to_vec())
    };
    let onnx = model.to_onnx(&[]);
    Ok(import(Source::Network(&onnx), &request, runtime)?.bundle)
}

/// What a file of [`NormalityModel::to_onnx`] with these two labels needs to be imported.
pub fn request(labels: Vec<Label>) -> ImportRequest {
    let created_at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    ImportRequest {
        normalisation: Normalisation::inside(),
        scores: Some("probabilities".to_owned()),
        score_kind: Some(ScoreKind::Softmax),
        map: Some(("cam".to_owned(), Method::Model)),
        architecture: ARCHITECTURE.to_owned(),
        ..ImportRequest::new(labels, created_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Trainer;
    use hydra_blobs::Blobs;
    use hydra_model::RuntimeConfig;
    use hydra_proto::events;
    use hydra_store::entity::{alias, image};
    use hydra_store::keeping::{Batch, NewImage, commit, plot_types};
    use hydra_store::orm::EntityTrait;
    use hydra_store::{Database, DatabaseConfig, label};
    use rand::{RngExt, SeedableRng};
    use std::sync::Arc;

    fn by() -> By {
        By { who: "test".into(), why: "test".into() }
    }

    /// A frame with counts that fluctuate, on paper of this shade; with a hole where asked for.
    fn plot(seed: u64, shade: u8, hole: bool) -> Vec<u8> {
        let (wide, high) = (288, 192);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut rgb = vec![shade; wide * high * 3];
        for bin in 0..32 {
            let count = 90.0 + rng.random_range(-12.0..12.0f64);
            let count = if hole && (10..14).contains(&bin) { 4.0 } else { count };
            for y in 0..count as usize {
                for x in 0..7 {
                    let at = ((180 - y) * wide + 20 + bin * 8 + x) * 3;
                    rgb[at..at + 3].copy_from_slice(&[60, 80, 200]);
                }
            }
        }
        for x in 18..=278 {
            for y in [20, 182] {
                rgb[(y * wide + x) * 3..][..3].fill(0);
            }
        }
        for y in 20..=182 {
            for x in [18, 278] {
                rgb[(y * wide + x) * 3..][..3].fill(0);
            }
        }
        hydra_vision::write_rgb_png(wide as u32, high as u32, &rgb)
    }

    /// Keeps plots as `keep` does, and labels them.
    async fn labelled(trainer: &Trainer, plots: Vec<(u32, Vec<u8>)>, label: &str, target: &str) {
        let name: PlotTypeName = "A".parse().unwrap();
        let (_, facts) = plot_types(&trainer.database, vec![name.clone()]).await.unwrap();
        let body = format!(r#"{{"target":"{target}"}}"#);
        let mut images = Vec::new();
        let mut ids = Vec::new();
        for (run, png) in plots {
            let content = trainer.blobs.put(png.into()).await.unwrap();
            let id = ImageId::of(&name, run, Some(1), &content);
            let conditions = hydra_store::entity::conditions::Model {
                id: hydra_store::id::conditions(run, &body),
                body: body.clone(),
            };
            ids.push(id);
            images.push(NewImage {
                image: image::Model {
                    id: id.as_bytes().to_vec(),
                    plot_type_id: facts[&name].id,
                    run: run.into(),
                    chunk: Some(1),
                    taken_us: i64::from(run),
                    arrived_us: i64::from(run),
                    committed_us: 0,
                    commit_no: 0,
                    content: content.as_bytes().to_vec(),
                    thumbnail: None,
                    width: 288,
                    height: 192,
                    size_bytes: 1,
                    source: String::new(),
                    conditions_id: Some(conditions.id.clone()),
                    beam: None,
                    kept: true,
                    stored: true,
                    no_verdict_reason: None,
                },
                period: String::new(),
                conditions: Some(conditions),
                predictions: vec![],
                embeddings: vec![],
                wire: events::Image::default(),
                data: vec![],
                may_be_stuck: false,
                unfamiliar: None,
            });
        }
        commit(&trainer.database, Arc::new(Batch { images, ..Batch::default() })).await.unwrap();
        let set = ids.into_iter().map(|id| (id, Some(label.parse().unwrap())));
        label::set(&trainer.database, set.collect(), by()).await.unwrap();
    }

    #[tokio::test]
    async fn goods_alone_make_a_candidate_that_learns_new_conditions_from_twenty_more() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("hydra.db").display());
        let database = Database::connect(&DatabaseConfig::at(&url)).await.unwrap();
        database.migrate().await.unwrap();
        let trainer = Trainer {
            database: database.clone(),
            blobs: Blobs::in_memory(),
            runtime: Runtime::load(&RuntimeConfig::default()).unwrap(),
            folder: dir.path().join("jobs"),
            device: crate::device(),
        };
        let names = ["A".parse().unwrap()];
        let recipe = NormalRecipe::default();
        let of = |range: std::ops::Range<u32>, shade, hole| -> Vec<(u32, Vec<u8>)> {
            range.map(|run| (run, plot(run.into(), shade, hole))).collect()
        };
        labelled(&trainer, of(1..11, 255, false), "Good", "LH2").await;
        let refused = trainer.normal("few", &names, &recipe, true, &by()).await.unwrap_err();
        assert!(refused.to_string().contains("A: 10 Good plots, at least 20"), "{refused}");
        labelled(&trainer, of(11..81, 255, false), "Good", "LH2").await;
        labelled(&trainer, of(201..209, 255, true), "Bad", "LH2").await;
        let made = trainer.normal("first", &names, &recipe, true, &by()).await.unwrap().remove(0);
        let figures = &made.figures;
        assert_eq!((figures.others, figures.others_novel, figures.learnt_from), (8, 8, 0));
        let shelf = Library::new(trainer.blobs.clone());
        let manifest = shelf.manifest(&made.digest).await.unwrap();
        assert_eq!(manifest.layouts.len(), 1);
        assert_eq!(manifest.layouts[0].panels.as_ref().unwrap().len(), 1);
        assert_eq!(manifest.conditions.unfamiliar(r#"{"target":"C12"}"#).unwrap(), "target C12");
        let aliases = database
            .run(|pool| async move { alias::Entity::find().all(&pool).await })
            .await
            .unwrap();
        assert_eq!((aliases.len(), aliases[0].alias.as_str()), (1, "candidate"));

        // another target dims the paper; twenty Goods of it teach the model
        labelled(&trainer, of(301..321, 235, false), "Good", "C12").await;
        let recipe = NormalRecipe { parent: Some(made.digest), ..recipe };
        let child = trainer.normal("second", &names, &recipe, false, &by()).await.unwrap();
        let child = &child[0];
        assert_eq!((child.figures.learnt_from, child.figures.others_novel), (20, 8));
        let manifest = shelf.manifest(&child.digest).await.unwrap();
        assert_eq!(manifest.parent, Some(made.digest));
        assert_eq!(manifest.conditions.unfamiliar(r#"{"target":"C12"}"#), None);
        let (before, _) = trainer.known(made.digest).await.unwrap();
        let (after, _) = trainer.known(child.digest).await.unwrap();
        let mut bench = hydra_vision::Workbench::default();
        let mut novel = |model: &NormalityModel, run: u64| {
            let png = plot(run, 235, false);
            let pixels = bench.open(&png).unwrap().resized(&INPUT).to_vec();
            model.judge(&pixels).unwrap().novel()
        };
        let count = |model: &NormalityModel,
                     novel: &mut dyn FnMut(&NormalityModel, u64) -> bool| {
            (400..440).filter(|run| novel(model, *run)).count()
        };
        assert_eq!(count(&before, &mut novel), 40, "every plot is new to the parent");
        let alarms = count(&after, &mut novel);
        assert!(alarms <= 3, "{alarms} of 40");
    }
}
