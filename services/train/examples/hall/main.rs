//! The simulated hall, labelled and learnt: the table of the supervised models.
//!
//!     cargo run --release -p hydra-train --example hall -- [--seed N] [--labels 300]
//!         [--types 19] [--epochs 12] [--shown deviations] [--alone]
//!         [--architecture compact] [--input 128x96] [--settings RECIPE.json] [--skip 0]
//!         [--save NETWORK] [--parent NETWORK] [--transfer] [--synthetic 0] [--bad 300]
//!         [--withhold dead-board] [--int8]
//!
//! Runs are split: training, validation and test have runs of their own, and conditions that
//! the others do not have. Thresholds come from validation; intervals are Wilson's.

use anyhow::{Context, Result};
use burn::tensor::Device;
use hydra_hall::{Hall, Mix, Painter, PlotType, Strength};
use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label};
use hydra_train::align::Shown;
use hydra_train::data::{Dataset, Example, PixelError};
use hydra_train::eval::report::recall_at;
use hydra_train::eval::split::Part;
use hydra_train::eval::{Scored, calibration::calibration_error};
use hydra_train::fit::{Control, FitSettings, Progress};
use hydra_train::graph::Architecture;
use hydra_train::quantise::quantise;
use hydra_train::recipe::{Files, Kind, Learnt, Network, Parent, PlotSet, Recipe, learn};
use hydra_train::runner::Runner;
use hydra_vision::{Limits, Workbench};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

#[derive(Default)]
struct Plots {
    examples: Vec<Example>,
    parts: Vec<Part>,
    pixels: Vec<Vec<u8>>,
    /// Name of the strength; empty for Goods and faults without amplitude.
    strengths: HashMap<ImageId, String>,
    /// Name of the fault; empty for Goods.
    kinds: HashMap<ImageId, String>,
    /// Share of width and height where the fault is: left, top, right, bottom.
    boxes: HashMap<ImageId, [f64; 4]>,
}

impl Dataset for Plots {
    fn examples(&self) -> &[Example] {
        &self.examples
    }
    fn pixels(&self, index: usize, _: InputShape) -> Result<Vec<u8>, PixelError> {
        Ok(self.pixels[index].clone())
    }
}

fn drawn(
    hall: &Hall,
    plot_type: &PlotType,
    labels: usize,
    bad: Option<usize>,
    withheld: Option<&str>,
    shape: InputShape,
) -> Result<Plots> {
    let first = hall.first_run();
    let parts = [
        (Part::Train, labels, first..first + 60, 1),
        (Part::Validation, labels * 2 / 3, first + 60..first + 100, 2),
        (Part::Test, labels, first + 100..first + 180, 3),
    ];
    let mut plots = Plots::default();
    for (part, count, runs, seed) in parts {
        let mut samples = hall.samples(plot_type, count, runs, &Mix::default(), seed);
        if part != Part::Test {
            samples.retain(|s| s.fault.is_none_or(|fault| Some(fault.kind.name()) != withheld));
        }
        if let (Some(most), true) = (bad, part != Part::Test) {
            // the test part stays what it is: it judges
            let most = if part == Part::Train { most } else { most * 2 / 3 };
            let mut seen = 0;
            samples.retain(|sample| {
                seen += usize::from(sample.fault.is_some());
                sample.fault.is_none() || seen <= most
            });
        }
        let made: Vec<(Vec<u8>, Vec<u8>, hydra_hall::Truth)> = samples
            .par_iter()
            .map(|sample| -> Result<_> {
                let fault = sample.fault.as_ref();
                let one = hall.draw_with(&mut Painter::new(), plot_type, sample.at, fault)?;
                let mut bench = Workbench::new(Limits::default());
                let mut picture = bench.open(&one.png)?;
                Ok((picture.resized(&shape).to_vec(), one.png, one.truth))
            })
            .collect::<Result<_>>()?;
        for (sample, (pixels, png, truth)) in samples.iter().zip(made) {
            let content = ContentHash::of(&png);
            let (run, chunk) = (sample.at.run, Some(sample.at.chunk));
            let image = ImageId::of(&plot_type.name, run, chunk, &content);
            if let Some(fault) = &truth.fault {
                plots.kinds.insert(image, fault.kind.clone());
                let (across, down) = (f64::from(truth.width), f64::from(truth.height));
                let (x, y) = (f64::from(fault.area.x), f64::from(fault.area.y));
                let (w, h) = (f64::from(fault.area.width), f64::from(fault.area.height));
                if fault.local {
                    let place = [x / across, y / down, (x + w) / across, (y + h) / down];
                    plots.boxes.insert(image, place);
                }
            }
            let strength = truth.fault.and_then(|fault| fault.strength).unwrap_or_default();
            plots.strengths.insert(image, strength);
            plots.examples.push(Example {
                image,
                content,
                plot_type: plot_type.name.clone(),
                run,
                chunk,
                // every kind of trouble is one class: some have too few images for one of their own
                label: if truth.label == Label::GOOD { Label::GOOD } else { Label::BAD }.parse()?,
                weight: 1.0,
                condition: format!("target {}", truth.conditions.target),
                synthetic: false,
            });
            plots.parts.push(part);
            plots.pixels.push(pixels);
        }
    }
    Ok(plots)
}

struct Wanted {
    seed: u64,
    labels: usize,
    types: usize,
    /// A network for each plot type instead of one for all.
    alone: bool,
    /// Plot types of the hall that are passed over.
    skip: usize,
    /// Bad labels at most; as the mix brings them if absent.
    bad: Option<usize>,
    /// Where the trained network is kept.
    save: Option<std::path::PathBuf>,
    parent: Option<Parent>,
    /// A kind of fault that is in the test part alone.
    withheld: Option<String>,
    int8: bool,
    recipe: Recipe,
}

fn wanted() -> Result<Wanted> {
    let (mut seed, mut labels, mut types, mut alone, mut skip) = (1, 300, 19, false, 0);
    let (mut save, mut parent, mut bad, mut withheld, mut int8) = (None, None, None, None, false);
    let mut recipe = Recipe {
        architecture: Architecture::Compact,
        fit: FitSettings { epochs: 12, learning_rate: 3e-3, ..Default::default() },
        ..Recipe::new(Kind::Trunk)
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context("a value is missing");
        match argument.as_str() {
            "--seed" => seed = value()?.parse()?,
            "--labels" => labels = value()?.parse()?,
            "--types" => types = value()?.parse()?,
            "--epochs" => recipe.fit.epochs = value()?.parse()?,
            "--alone" => alone = true,
            "--skip" => skip = value()?.parse()?,
            "--bad" => bad = Some(value()?.parse()?),
            "--synthetic" => recipe.synthetic = value()?.parse()?,
            "--withhold" => withheld = Some(value()?),
            "--int8" => int8 = true,
            "--transfer" => recipe.kind = Kind::Transfer,
            "--save" => save = Some(value()?.into()),
            "--parent" => {
                let network = Network::from_bytes(&std::fs::read(value()?)?)?;
                parent = Some(Parent { digest: None, network });
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
                recipe.input.width = width.parse()?;
                recipe.input.height = height.parse()?;
            }
            "--settings" => recipe = serde_json::from_slice(&std::fs::read(value()?)?)?,
            other => anyhow::bail!("{other} is not known"),
        }
    }
    recipe.fit.seed = seed;
    if alone && recipe.kind == Kind::Trunk {
        recipe.kind = Kind::Full;
    }
    if let Some(parent) = &parent {
        recipe.input = parent.network.input;
    }
    Ok(Wanted { seed, labels, types, alone, skip, bad, save, parent, withheld, int8, recipe })
}

fn main() -> Result<()> {
    let Wanted { seed, labels, types, alone, skip, bad, save, parent, withheld, int8, recipe } =
        wanted()?;
    let hall = Hall::new(seed);
    let begun = Instant::now();
    let plot_types: Vec<&PlotType> = hall.plot_types().iter().skip(skip).take(types).collect();
    let types = plot_types.len();
    let draw = |p: &&PlotType| drawn(&hall, p, labels, bad, withheld.as_deref(), recipe.input);
    let sets: Vec<Plots> = plot_types.iter().map(draw).collect::<Result<_>>()?;
    println!("seed {seed}: {types} plot types drawn in {:.0} s", begun.elapsed().as_secs_f64());
    let given: Vec<PlotSet<'_>> = plot_types
        .iter()
        .zip(&sets)
        .map(|(p, data)| PlotSet {
            name: p.name.clone(),
            data,
            fixed: Default::default(),
            parts: Some(data.parts.clone()),
        })
        .collect();
    let runtime = Runtime::load(&RuntimeConfig::default())?;
    let report = |p: &Progress| {
        if p.images % 1024 < 32 {
            eprintln!(
                "epoch {} loss {:.4} {:.0} images/s",
                p.epoch, p.training_loss, p.images_per_s
            );
        }
    };
    let control = Control { report: Some(Arc::new(report)), ..Control::default() };
    let begun = Instant::now();
    let groups = if alone { given.chunks(1) } else { given.chunks(types.max(1)) };
    let mut learnt = Vec::new();
    for group in groups {
        learnt.extend(learn(group, &recipe, parent.as_ref(), &runtime, &Device::flex(), &control)?);
    }
    if let (Some(path), Some(one)) = (save, learnt.first()) {
        std::fs::write(path, one.network.to_bytes())?;
    }
    println!("trained in {:.0} s", begun.elapsed().as_secs_f64());
    let names = [Strength::MEDIUM.name(), Strength::STRONG.name(), ""];
    let (mut sums, mut lowest, mut count) = ([0.0; 4], 1.0f64, 0.0);
    println!(
        "{:22} {:>24} {:>10} {:>10} {:>8}",
        "recall at 1 % alarms", "medium and strong", "subtle", "alarms", "ece"
    );
    for (one, data) in learnt.iter().zip(&sets) {
        let figures = &one.figures;
        let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<Scored> {
            let kept = |s: &&Scored| s.truth == 0 || wanted(&data.strengths[&s.image]);
            figures.test_scores.iter().filter(kept).cloned().collect()
        };
        let validation = &figures.validation_scores;
        let (strong, alarms) = recall_at(validation, &of(&|s| names.contains(&s)), 0, 0.01);
        let (subtle, _) = recall_at(validation, &of(&|s| s == Strength::SUBTLE.name()), 0, 0.01);
        let (strong, alarms) = (strong.context("no fault")?, alarms.context("no Good")?);
        let subtle = subtle.map_or(f64::NAN, |f| f.value);
        let ece = calibration_error(&figures.test_scores);
        println!(
            "{:22} {:.3} ({:.3} to {:.3}) {subtle:10.3} {:10.3} {ece:8.3}",
            one.plot_type.as_str(),
            strong.value,
            strong.low,
            strong.high,
            alarms.value
        );
        for (sum, value) in sums.iter_mut().zip([strong.value, subtle, alarms.value, ece]) {
            *sum += value;
        }
        lowest = lowest.min(strong.value);
        count += 1.0;
    }
    let [strong, subtle, alarms, ece] = sums.map(|sum| sum / count);
    println!(
        "mean: {strong:.3} medium and strong (lowest {lowest:.3}), {subtle:.3} subtle, {alarms:.3} alarms, ece {ece:.3}"
    );
    if let Some(kind) = &withheld {
        let (mut seen, mut flagged) = (0, 0);
        for (one, data) in learnt.iter().zip(&sets) {
            let of = |s: &&Scored| data.kinds.get(&s.image) == Some(kind);
            let some: Vec<Scored> = one.figures.test_scores.iter().filter(of).cloned().collect();
            let recall = recall_at(&one.figures.validation_scores, &some, 0, 0.01).0;
            seen += some.len();
            flagged += recall.map_or(0, |f| (f.value * some.len() as f64).round() as usize);
        }
        println!("{kind}, never shown: {flagged} of {seen} flagged at 1 % false alarms");
    }
    explained(&runtime, &learnt, &sets, recipe.input)?;
    if int8 {
        eight_bits(&runtime, &learnt, &sets, recipe.input)?;
    }
    Ok(())
}

/// How much of a heat map lies where the fault is, against the share of the area: medium faults.
fn explained(
    runtime: &Runtime,
    learnt: &[Learnt],
    sets: &[Plots],
    shape: InputShape,
) -> Result<()> {
    let mut ratios = Vec::new();
    for (one, data) in learnt.iter().zip(sets) {
        let Files::Network(file) = &one.files else { continue };
        let mut runner = Runner::open(runtime, file, shape)?;
        for (index, example) in data.examples.iter().enumerate() {
            let medium = data.strengths[&example.image] == Strength::MEDIUM.name();
            let Some(place) = data.boxes.get(&example.image).filter(|_| medium) else { continue };
            if data.parts[index] != Part::Test {
                continue;
            }
            let cam = runner.run(&data.pixels[index], &["cam"])?.remove(0);
            let (h, w) = (cam.shape[2], cam.shape[3]);
            let map = &cam.values[h * w..2 * h * w];
            let (mut inside, mut all) = (0.0, 0.0);
            for (at, value) in map.iter().enumerate() {
                let energy = f64::from(value.max(0.0));
                let (x, y) = ((at % w) as f64, (at / w) as f64);
                let part = |low: f64, high: f64, at: f64, cells: usize| {
                    let cells = cells as f64;
                    ((at + 1.0).min(high * cells) - at.max(low * cells)).max(0.0)
                };
                inside += energy * part(place[0], place[2], x, w) * part(place[1], place[3], y, h);
                all += energy;
            }
            let area = (place[2] - place[0]) * (place[3] - place[1]);
            if all > 0.0 && area > 0.0 {
                ratios.push(inside / all / area);
            }
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("heat maps of {} medium faults: {median:.2} times their share", ratios.len());
    }
    Ok(())
}

/// The same networks in 8 bits: accuracy and time.
fn eight_bits(
    runtime: &Runtime,
    learnt: &[Learnt],
    sets: &[Plots],
    shape: InputShape,
) -> Result<()> {
    let (mut right, mut took, mut images) = ([0usize; 2], [0.0f64; 2], 0usize);
    for (one, data) in learnt.iter().zip(sets) {
        let Files::Network(file) = &one.files else { continue };
        let of = |wanted: Part| (0..data.examples.len()).filter(move |i| data.parts[*i] == wanted);
        let some: Vec<Vec<u8>> =
            of(Part::Validation).take(100).map(|i| data.pixels[i].clone()).collect();
        let small = quantise(file, shape, &some, runtime)?;
        let open = |file: &[u8]| Runner::open(runtime, file, shape);
        let mut runners = [open(file)?, open(&small)?];
        for index in of(Part::Test) {
            images += 1;
            let truth = usize::from(data.examples[index].label.as_str() != Label::GOOD);
            for (at, runner) in runners.iter_mut().enumerate() {
                let begun = Instant::now();
                let said = runner.run(&data.pixels[index], &["probabilities"])?.remove(0).values;
                took[at] += begun.elapsed().as_secs_f64();
                right[at] += usize::from(usize::from(said[1] > said[0]) == truth);
            }
        }
    }
    let [whole, eight] = right.map(|r| r as f64 / images.max(1) as f64);
    println!(
        "8 bits: accuracy {eight:.4} instead of {whole:.4}, {:.2} times faster ({:.2} to {:.2} ms)",
        took[0] / took[1],
        1e3 * took[0] / images as f64,
        1e3 * took[1] / images as f64
    );
    Ok(())
}
