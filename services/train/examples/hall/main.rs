//! The simulated hall, labelled and learnt: the table of the supervised models.
//!
//!     cargo run --release -p hydra-train --example hall -- [--seeds 1,2,3] [--labels 300]
//!         [--types 19] [--skip 0] [--plot NAME]... [--recipe deviations|full|trunk|transfer]
//!         [--input 448x208] [--detail 4] [--pixels] [--settings RECIPE.json] [--epochs 12] [--shown deviations]
//!         [--architecture compact] [--save NETWORK] [--parent NETWORK] [--synthetic 0] [--bad 300]
//!         [--withhold dead_board] [--apart] [--int8] [--kinds] [--released] [--measures FOLDER]
//!
//! Training, validation and test have runs of their own, as `hydra model train` splits them; with
//! `--apart` they have conditions of their own, too (then whoever judges has never seen a target, a
//! gain or a dead channel of the test). Thresholds come from validation; intervals are Wilson's.

mod plots;
mod released;
mod said;

use anyhow::{Context, Result};
use burn::tensor::Device;
use hydra_hall::{Hall, PlotType};
use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::registry::InputShape;
use hydra_train::align::Shown;
use hydra_train::fit::{Control, FitSettings, Progress};
use hydra_train::graph::Architecture;
use hydra_train::recipe::{
    Kind, Learnt, Network, Parent, PlotSet, Recipe, compared_for, input_for, learn,
};
use plots::{Labels, Plots, drawn};
use released::Released;
use said::Table;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Wanted {
    seeds: Vec<u64>,
    labels: usize,
    types: usize,
    /// Plot types of the hall that are passed over.
    skip: usize,
    /// These plot types alone, where some are named.
    plots: Vec<String>,
    /// Bad labels at most; as the mix brings them if absent.
    bad: Option<usize>,
    /// Where the trained network is kept.
    save: Option<PathBuf>,
    parent: Option<Parent>,
    /// A kind of fault that is in the test part alone.
    withheld: Option<String>,
    /// See [`Labels::apart`].
    apart: bool,
    int8: bool,
    /// A folder for what every plot measures, as text.
    measures: Option<PathBuf>,
    kinds: bool,
    /// Whether each model is released, and how long that takes from the labels on.
    released: bool,
    /// What models read; the canvas made smaller if absent.
    input: Option<InputShape>,
    recipe: Recipe,
}

fn wanted() -> Result<Wanted> {
    let mut wanted = Wanted {
        seeds: vec![1],
        labels: 300,
        types: usize::MAX,
        skip: 0,
        plots: Vec::new(),
        bad: None,
        save: None,
        parent: None,
        withheld: None,
        apart: false,
        int8: false,
        measures: None,
        kinds: false,
        released: false,
        input: None,
        recipe: Recipe {
            architecture: Architecture::Compact,
            fit: FitSettings { epochs: 12, learning_rate: 3e-3, ..Default::default() },
            ..Recipe::new(Kind::Deviations)
        },
    };
    let recipe = &mut wanted.recipe;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context("a value is missing");
        match argument.as_str() {
            "--seeds" => {
                let seeds = value()?.split(',').map(str::parse).collect::<Result<_, _>>();
                wanted.seeds = seeds.context("--seeds")?;
            }
            "--labels" => wanted.labels = value()?.parse()?,
            "--types" => wanted.types = value()?.parse()?,
            "--skip" => wanted.skip = value()?.parse()?,
            "--plot" => wanted.plots.push(value()?),
            "--epochs" => recipe.fit.epochs = value()?.parse()?,
            "--bad" => wanted.bad = Some(value()?.parse()?),
            "--synthetic" => recipe.synthetic = value()?.parse()?,
            "--withhold" => wanted.withheld = Some(value()?),
            "--apart" => wanted.apart = true,
            "--measures" => wanted.measures = Some(value()?.into()),
            "--int8" => wanted.int8 = true,
            "--kinds" => wanted.kinds = true,
            "--released" => wanted.released = true,
            "--pixels" => recipe.normal.cells = false,
            "--detail" => recipe.normal.detail = value()?.parse()?,
            "--recipe" => {
                recipe.kind = serde_json::from_value(value()?.into()).context("--recipe")?;
                recipe.shown = Recipe::new(recipe.kind).shown;
            }
            "--save" => wanted.save = Some(value()?.into()),
            "--parent" => {
                let network = Network::from_bytes(&std::fs::read(value()?)?)?;
                wanted.input = Some(network.input);
                wanted.parent = Some(Parent { digest: None, network });
            }
            "--shown" => {
                let name = value()?;
                let found = Shown::ALL.into_iter().find(|s| s.name() == name);
                recipe.shown = found.context("pixels, deviations or both")?;
            }
            "--architecture" => {
                let name = value()?;
                let found = Architecture::ALL.into_iter().find(|a| a.name() == name);
                recipe.architecture = found.context("no such architecture")?;
            }
            "--input" => {
                let size = value()?;
                let (width, height) = size.split_once('x').context("WIDTHxHEIGHT")?;
                let (width, height) = (width.parse()?, height.parse()?);
                wanted.input = Some(InputShape { width, height, channels: 3, letterbox: false });
            }
            "--settings" => *recipe = serde_json::from_slice(&std::fs::read(value()?)?)?,
            other => anyhow::bail!("{other} is not known"),
        }
    }
    Ok(wanted)
}

fn main() -> Result<()> {
    let wanted = wanted()?;
    let runtime = Runtime::load(&RuntimeConfig::default())?;
    for seed in &wanted.seeds {
        measured(*seed, &wanted, &runtime)?;
    }
    Ok(())
}

/// The table of one hall.
fn measured(seed: u64, wanted: &Wanted, runtime: &Runtime) -> Result<()> {
    let hall = Hall::new(seed);
    let asked = |p: &&PlotType| {
        wanted.plots.is_empty() || wanted.plots.iter().any(|name| name == p.name.as_str())
    };
    let plot_types: Vec<&PlotType> =
        hall.plot_types().iter().filter(asked).skip(wanted.skip).take(wanted.types).collect();
    println!("seed {seed}, {} plot types, {} labels each", plot_types.len(), wanted.labels);
    let mut recipe = wanted.recipe.clone();
    recipe.fit.seed = seed;
    let labels = Labels {
        count: wanted.labels,
        bad: wanted.bad,
        withheld: wanted.withheld.as_deref(),
        apart: wanted.apart,
    };
    let (mut drawing, mut training) = (Duration::ZERO, Duration::ZERO);
    let mut table = Table::new();
    let hall_of_its_own = wanted.released.then(Released::new).transpose()?;
    // a trunk sees all plot types together
    let together = if recipe.kind == Kind::Trunk { plot_types.len().max(1) } else { 1 };
    for group in plot_types.chunks(together) {
        let canvas = (group[0].width, group[0].height);
        match wanted.input {
            Some(input) => recipe.input = input,
            None if recipe.kind == Kind::Deviations => {
                (recipe.input, recipe.normal.detail) = compared_for(canvas);
            }
            None => recipe.input = input_for(canvas),
        }
        let begun = Instant::now();
        let sets: Vec<Plots> =
            group.iter().map(|p| drawn(&hall, p, &labels, recipe.input)).collect::<Result<_>>()?;
        drawing += begun.elapsed();
        let embeddings = hall_of_its_own.as_ref().map(Released::embeddings);
        let learn = || {
            let begun = Instant::now();
            let learnt = learnt(group, &sets, &recipe, wanted, embeddings.clone(), runtime)?;
            anyhow::Ok((learnt, begun.elapsed()))
        };
        let (learnt, learning) = learn()?;
        training += learning;
        if let (Some(place), [one]) = (&hall_of_its_own, &learnt[..]) {
            released::told(one, "pixels", learning, place.release(one, runtime)?)?;
            if recipe.kind == Kind::Transfer {
                let (again, learning) = learn()?;
                released::told(one, "embeddings", learning, place.release(&again[0], runtime)?)?;
            }
        }
        if let (Some(path), Some(one)) = (&wanted.save, learnt.first()) {
            let network = one.network.as_ref().context("there is no network to keep")?;
            std::fs::write(path, network.to_bytes())?;
        }
        for (one, data) in learnt.iter().zip(&sets) {
            table.add(one, data)?;
            table.explained(runtime, one, data)?;
            if let Some(kind) = &wanted.withheld {
                table.guarded(runtime, one, data, kind)?;
            }
            if let Some(folder) = &wanted.measures {
                said::measured(runtime, one, data, folder)?;
            }
            if wanted.int8 {
                table.eight_bits(runtime, one, data)?;
            }
        }
    }
    table.close(wanted.kinds);
    if let Some(place) = hall_of_its_own {
        place.close();
    }
    println!(
        "drawn in {:.0} s, learnt and judged in {:.0} s",
        drawing.as_secs_f64(),
        training.as_secs_f64()
    );
    Ok(())
}

fn learnt(
    group: &[&PlotType],
    sets: &[Plots],
    recipe: &Recipe,
    wanted: &Wanted,
    embeddings: Option<PathBuf>,
    runtime: &Runtime,
) -> Result<Vec<Learnt>> {
    let given: Vec<PlotSet<'_>> = group
        .iter()
        .zip(sets)
        .map(|(p, data)| PlotSet {
            name: p.name.clone(),
            data,
            fixed: Default::default(),
            parts: Some(data.parts.clone()),
        })
        .collect();
    let report = |p: &Progress| {
        if p.images % 1024 < 32 {
            eprintln!(
                "epoch {} loss {:.4} {:.0} images/s",
                p.epoch, p.training_loss, p.images_per_s
            );
        }
    };
    let control = Control { report: Some(Arc::new(report)), embeddings, ..Control::default() };
    Ok(learn(&given, recipe, wanted.parent.as_ref(), runtime, &Device::flex(), &control)?)
}
