//! Goods -> model, figures, bundle.

use super::choose::Chosen;
use super::{INPUT, NormalFigures};
use crate::data::Dataset;
use crate::job::{JobError, Stored, Surroundings};
use crate::recipe::LearnError;
use bytes::Bytes;
use hydra_model::import::{ImportError, ImportRequest, Source, import};
use hydra_model::manifest::{
    Guards, Manifest, Method, Normalisation, Novelty, NoveltyKind, ScoreKind,
};
use hydra_model::{Bundle, Runtime};
use hydra_normality::{NormalityModel, NormalitySettings, fit_normality};
use hydra_proto::{ContentHash, ImageId, Label, ModelDigest, PlotTypeName};
use std::collections::HashSet;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Kind of these models, for people.
pub const ARCHITECTURE: &str = "normality of pixels";
/// zstd level of the numbers that are kept beside the file.
const LEVEL: i32 = 3;

/// A model that is ready for the library.
pub(super) struct Sealed {
    pub bundle: Bundle,
    pub numbers: Bytes,
    pub trained: Vec<ImageId>,
    pub test: Vec<ImageId>,
    pub figures: NormalFigures,
}

type Known = (ModelDigest, (NormalityModel, Manifest));

/// The model of the Goods that were chosen, or what the parent learns from them.
pub(super) fn make(
    plot_type: &PlotTypeName,
    stored: &Stored,
    parent: Option<Known>,
    chosen: &Chosen,
    settings: &NormalitySettings,
    surroundings: Surroundings,
    runtime: &Runtime,
) -> Result<Sealed, JobError> {
    let refused = |why: String| JobError::Learn(LearnError::Recipe(format!("{plot_type}: {why}")));
    let examples = stored.examples();
    let of = |images: &HashSet<ImageId>| -> Vec<usize> {
        (0..examples.len()).filter(|i| images.contains(&examples[*i].image)).collect()
    };
    let (goods, judges) = (of(&chosen.train), of(&chosen.test));
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
            let model = known.learn(&views).map_err(|error| {
                refused(format!("of Goods that the parent does not know, {error}"))
            })?;
            (model, views.len())
        }
    };
    let novel_among = |some: &[usize]| -> Result<usize, JobError> {
        let mut novel = 0;
        for i in some {
            let pixels = pixels_of(&[*i])?;
            novel += usize::from(model.judge(&pixels[0]).is_ok_and(|judged| judged.novel()));
        }
        Ok(novel)
    };
    let others: Vec<usize> =
        (0..examples.len()).filter(|i| !examples[*i].label.counts_as_good()).collect();
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
        goods: judges.len(),
        goods_novel: novel_among(&judges)?,
        others: others.len(),
        others_novel: novel_among(&others)?,
        learnt_from,
    };
    let images = |some: &[usize]| some.iter().map(|i| examples[*i].image).collect::<Vec<_>>();
    let (trained, test) = (images(&goods), images(&judges));
    let about = About { plot_type: plot_type.clone(), surroundings, trained: &trained };
    let parent = parent.map(|(digest, (_, manifest))| (digest, manifest));
    let bundle = sealed(&model, about, parent, &figures, runtime)?;
    Ok(Sealed { bundle, numbers, trained, test, figures })
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
