//! The demo's models: what is normal for each plot type, learnt from Good plots alone.
//!
//! Until labels exist, the verdicts are those of statistics of Goods (see `hydra_normality`): a
//! plot unlike them is called Bad, so that the crew's alarms can be watched too. The simulator's
//! truth is never asked; what is drawn for training is drawn without faults, as an expert would
//! pick Goods by eye.

use crate::producer;
use anyhow::{Context, anyhow};
use futures::{StreamExt, stream};
use hydra_hall::{Hall, Mix, Painter, PlotType};
use hydra_model::{
    Bundle, Library, Runtime,
    import::{ImportRequest, Source, import},
    manifest::{PlotLayout, Seen},
};
use hydra_proto::{Label, ModelDigest, PlotTypeName, registry::InputShape};
use hydra_store::{
    Database,
    release::{self, Action, By, Thresholds},
};
use hydra_train::{
    job::normal_request,
    normality::{NormalitySettings, fit_normality},
};
use hydra_vision::{Limits, Workbench};
use indicatif::ProgressBar;
use std::sync::Arc;

/// Good plots a plot type.
pub const GOODS: usize = 150;
/// Runs that they are taken from; the demo shows those that follow.
pub const TRAINING_RUNS: u32 = 60;
/// One false alarm in so many Good plots is accepted.
const FALSE_ALARM_RATE: f64 = 0.001;
/// What the models look at.
const SHAPE: InputShape = InputShape { width: 288, height: 192, channels: 3, letterbox: false };

/// Learns, imports and activates a model for each plot type of the hall that has none yet.
///
/// # Errors
/// When a model cannot be made, kept or released.
pub async fn prepare(
    hall: Arc<Hall>,
    runtime: Runtime,
    library: &Library,
    database: &Database,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let registry = hydra_store::registry(database).await?;
    let missing: Vec<PlotType> = hall
        .plot_types()
        .iter()
        .filter(|t| registry.plot_types.get(&t.name).is_none_or(|known| known.active.is_none()))
        .cloned()
        .collect();
    bar.set_length(missing.len() as u64);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let learning = missing.into_iter().map(|plot_type| {
        let (hall, runtime) = (hall.clone(), runtime.clone());
        async move {
            let name = plot_type.name.clone();
            let work = tokio::task::spawn_blocking(move || learn(&hall, &plot_type, &runtime));
            let learnt = work.await?;
            let learnt = learnt.with_context(|| format!("learning what is normal for {name}"))?;
            anyhow::Ok((name, learnt))
        }
    });
    let mut learning = stream::iter(learning).buffer_unordered(cores);
    while let Some(learnt) = learning.next().await {
        let (name, learnt) = learnt?;
        bar.set_message(name.to_string());
        let digest =
            hydra_train::library::add(library, database, &learnt, vec![name.clone()]).await?;
        activate(database, name, digest).await?;
        bar.inc(1);
    }
    Ok(())
}

fn learn(hall: &Hall, plot_type: &PlotType, runtime: &Runtime) -> anyhow::Result<Bundle> {
    let Goods { images, runs, layouts, conditions } = goods(hall, plot_type)?;
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let settings =
        NormalitySettings { false_alarm_rate: FALSE_ALARM_RATE, ..NormalitySettings::default() };
    let model = fit_normality(&images, &runs, SHAPE, &settings)?;
    let labels = vec![Label::GOOD.parse()?, Label::BAD.parse()?];
    let request = ImportRequest {
        plot_type: Some(plot_type.name.clone()),
        layouts: PlotLayout::common(&layouts),
        conditions: Seen::of(conditions.iter().map(String::as_str)),
        evaluation: serde_json::json!({ "training": { "labels": { Label::GOOD: images.len() } } }),
        ..normal_request(labels)
    };
    let onnx = model.to_onnx(&[]);
    Ok(import(Source::Network(&onnx), &request, runtime)?.bundle)
}

/// Good plots of the training runs at the model's size, and what is known of each.
#[derive(Default)]
struct Goods {
    images: Vec<Vec<u8>>,
    runs: Vec<u32>,
    layouts: Vec<PlotLayout>,
    conditions: Vec<String>,
}

fn goods(hall: &Hall, plot_type: &PlotType) -> anyhow::Result<Goods> {
    let first = hall.first_run();
    let good = Mix { bad_share: 0.0, ..Mix::default() };
    let mut samples = hall.samples(plot_type, GOODS, first..first + TRAINING_RUNS, &good, 0);
    samples.sort_by_key(|sample| sample.at);
    let (mut painter, mut bench) = (Painter::new(), Workbench::new(Limits::default()));
    let mut goods = Goods::default();
    for sample in &samples {
        let drawn = hall.draw_with(&mut painter, plot_type, sample.at, None)?;
        let mut picture = bench.open(&drawn.png).map_err(|error| anyhow!(error))?;
        goods.images.push(picture.resized(&SHAPE).to_vec());
        goods.runs.push(sample.at.run);
        let sight = picture.sight();
        goods.layouts.push(PlotLayout::seen(picture.width(), picture.height(), &sight));
        goods.conditions.push(producer::conditions(&drawn.truth.conditions)?);
    }
    Ok(goods)
}

async fn activate(
    database: &Database,
    plot_type: PlotTypeName,
    digest: ModelDigest,
) -> anyhow::Result<()> {
    let by = By { who: "demo".to_owned(), why: "learnt from Good plots".to_owned() };
    let action = Action::Activate(digest, Thresholds::new());
    release::release(database, plot_type, action, by).await?;
    Ok(())
}
