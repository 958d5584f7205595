//! Wafer maps, 2-D occupancies with real faults, drawn as plots and learnt: the table of real data.
//!
//!     cargo run -p hydra-train --example wafer -- [--data ../shared/data/wafer] [--train 18051]
//!         [--labels 200] [--epochs 12] [--minutes 30] [--seed 1] [--input 96]
//!         [--recipe full|deviations] [--architecture compact]
//!
//! Trains on maps of `train` alone and reports on all of `val`. With `--labels` so many of `train`
//! are all the labels that there are. Maps are from WM-811K (MIR-WM811K, (c) 2015 J.-S. R. Jang;
//! Wu, Jang, Chen, IEEE Trans. Semicond. Manuf. 28(1) 2015), and are not part of Hydra.

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use flate2::read::DeflateDecoder;
use hydra_hall::{OutsideMap, Painter};
use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label};
use hydra_train::align::Shown;
use hydra_train::data::{Dataset, Example, PixelError};
use hydra_train::eval::split::Part;
use hydra_train::fit::{Control, Progress};
use hydra_train::graph::Architecture;
use hydra_train::recipe::{Kind, Material, PlotSet, Recipe, compared_for, learn};
use hydra_vision::{Limits, Workbench};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The canvas that maps are drawn on.
const CANVAS: (u32, u32) = (480, 420);
/// Share of the training maps that stop training and choose thresholds.
const VALIDATION: f64 = 0.15;

struct Maps {
    shapes: Vec<(usize, usize)>,
    labels: Vec<String>,
    cells: Vec<Vec<u8>>,
}

/// The stored or deflated entries of a zip archive, by name.
fn entries(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let zip = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let u32_at = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().expect("4")) as usize;
    let end = (0..zip.len() - 21).rev().find(|at| zip[*at..].starts_with(b"PK\x05\x06"));
    let end = end.context("no zip archive")?;
    let (count, mut at) = (u16_at(end + 10), u32_at(end + 16));
    let mut found = BTreeMap::new();
    for _ in 0..count {
        ensure!(zip[at..].starts_with(b"PK\x01\x02"), "a torn archive");
        let (method, packed, plain) = (u16_at(at + 10), u32_at(at + 20), u32_at(at + 24));
        let (name, extra, comment) = (u16_at(at + 28), u16_at(at + 30), u16_at(at + 32));
        let local = u32_at(at + 42);
        let text = String::from_utf8(zip[at + 46..at + 46 + name].to_vec())?;
        let start = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        let body = &zip[start..start + packed];
        let mut bytes = Vec::with_capacity(plain);
        match method {
            0 => bytes.extend_from_slice(body),
            8 => {
                DeflateDecoder::new(body).read_to_end(&mut bytes)?;
            }
            other => bail!("{text} is packed by method {other}"),
        }
        found.insert(text, bytes);
        at += 46 + name + extra + comment;
    }
    Ok(found)
}

/// Type and data of a NumPy array.
fn array(bytes: &[u8]) -> Result<(String, &[u8])> {
    ensure!(bytes.starts_with(b"\x93NUMPY"), "no NumPy array");
    let (length, start) = match bytes[6] {
        1 => (usize::from(u16::from_le_bytes([bytes[8], bytes[9]])), 10),
        _ => (u32::from_le_bytes(bytes[8..12].try_into()?) as usize, 12),
    };
    let header = std::str::from_utf8(&bytes[start..start + length])?;
    let kind = header.split("'descr': '").nth(1).and_then(|rest| rest.split('\'').next());
    Ok((kind.context("an array without a type")?.to_owned(), &bytes[start + length..]))
}

fn maps(path: &Path) -> Result<Maps> {
    let all = entries(path)?;
    let get = |name: &str| array(all.get(name).with_context(|| format!("no {name}"))?);
    let (kind, shapes) = get("shape.npy")?;
    let size: usize = kind.trim_start_matches(['<', 'i', 'u']).parse()?;
    let numbers: Vec<usize> = shapes
        .chunks_exact(size)
        .map(|b| b.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)))
        .collect();
    let shapes: Vec<(usize, usize)> = numbers.chunks_exact(2).map(|p| (p[0], p[1])).collect();
    let (kind, labels) = get("label.npy")?;
    let letters: usize = kind.trim_start_matches("<U").parse().context("labels are text")?;
    let text = |bytes: &[u8]| -> String {
        let letters = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        letters.filter_map(char::from_u32).filter(|c| *c != '\0').collect()
    };
    let labels: Vec<String> = labels.chunks_exact(4 * letters).map(text).collect();
    let (_, data) = get("data.npy")?;
    let mut at = 0;
    let mut cells = Vec::with_capacity(shapes.len());
    for (rows, columns) in &shapes {
        cells.push(data[at..at + rows * columns].to_vec());
        at += rows * columns;
    }
    ensure!(at == data.len() && labels.len() == shapes.len(), "the arrays do not fit");
    Ok(Maps { shapes, labels, cells })
}

struct Plots {
    examples: Vec<Example>,
    parts: Vec<Part>,
    pixels: Vec<Vec<u8>>,
}

impl Dataset for Plots {
    fn examples(&self) -> &[Example] {
        &self.examples
    }
    fn pixels(&self, index: usize, _: InputShape) -> Result<Vec<u8>, PixelError> {
        Ok(self.pixels[index].clone())
    }
}

impl Plots {
    /// Draws the maps `which`; each is a run of its own, for lots are not known.
    fn draw(&mut self, maps: &Maps, which: &[(usize, Part)], input: InputShape) -> Result<()> {
        let drawn: Vec<Vec<u8>> = which
            .par_chunks(64)
            .map(|some| -> Result<Vec<Vec<u8>>> {
                let (mut painter, mut bench) = (Painter::new(), Workbench::new(Limits::default()));
                let one = |(index, _): &(usize, Part)| -> Result<Vec<u8>> {
                    let cells = &maps.cells[*index];
                    let counts: Vec<u32> = cells.iter().map(|c| u32::from(*c) / 127).collect();
                    painter.outside(&OutsideMap {
                        name: "wafer".parse()?,
                        title: "Wafer map",
                        counts: &counts,
                        columns: maps.shapes[*index].1,
                        full_colour: 2,
                        size: CANVAS,
                    });
                    let png = painter.png()?;
                    Ok(bench.open(&png)?.resized(&input).to_vec())
                };
                some.iter().map(one).collect()
            })
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        for ((index, part), pixels) in which.iter().zip(drawn) {
            let run = self.examples.len() as u32;
            let content = ContentHash::of(&[&pixels[..], &run.to_le_bytes()].concat());
            let plot_type = "wafer".parse()?;
            let label = match maps.labels[*index].as_str() {
                "None" | "none" => Label::GOOD.to_owned(),
                name => name.to_owned(),
            };
            self.examples.push(Example {
                image: ImageId::of(&plot_type, run, None, &content),
                content,
                plot_type,
                run,
                chunk: None,
                label: label.parse()?,
                weight: 1.0,
                condition: String::new(),
                synthetic: false,
            });
            self.parts.push(*part);
            self.pixels.push(pixels);
        }
        Ok(())
    }
}

struct Wanted {
    data: PathBuf,
    train: usize,
    labels: Option<usize>,
    minutes: u64,
    seed: u64,
    epochs: Option<usize>,
    input: InputShape,
    architecture: Architecture,
    kind: Kind,
}

fn wanted() -> Result<Wanted> {
    let mut wanted = Wanted {
        data: "../shared/data/wafer".into(),
        train: usize::MAX,
        labels: None,
        minutes: 30,
        seed: 1,
        epochs: None,
        input: InputShape { width: 96, height: 96, channels: 3, letterbox: false },
        architecture: Architecture::Compact,
        kind: Kind::Full,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context("a value is missing");
        match argument.as_str() {
            "--data" => wanted.data = value()?.into(),
            "--train" => wanted.train = value()?.parse()?,
            "--labels" => wanted.labels = Some(value()?.parse()?),
            "--minutes" => wanted.minutes = value()?.parse()?,
            "--seed" => wanted.seed = value()?.parse()?,
            "--epochs" => wanted.epochs = Some(value()?.parse()?),
            "--input" => {
                let side = value()?.parse()?;
                (wanted.input.width, wanted.input.height) = (side, side);
            }
            "--recipe" => {
                wanted.kind = serde_json::from_value(value()?.into()).context("--recipe")?;
            }
            "--architecture" => {
                let name = value()?;
                let found = Architecture::ALL.into_iter().find(|a| a.name() == name);
                wanted.architecture = found.context("no such architecture")?;
            }
            other => bail!("{other} is not known"),
        }
    }
    Ok(wanted)
}

fn main() -> Result<()> {
    let mut wanted = wanted()?;
    if !wanted.data.is_dir() {
        println!("SKIPPED: {} is not there", wanted.data.display());
        return Ok(());
    }
    let (compared, detail) = compared_for(CANVAS);
    if wanted.kind == Kind::Deviations {
        wanted.input = compared;
    }
    let begun = Instant::now();
    let (train, val) = (maps(&wanted.data.join("train.npz"))?, maps(&wanted.data.join("val.npz"))?);
    let mut order: Vec<usize> = (0..train.cells.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(wanted.seed));
    order.truncate(wanted.labels.unwrap_or(wanted.train));
    // a class of which too few labels were drawn cannot be learnt nor judged
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    order.iter().for_each(|i| *counts.entry(&train.labels[*i]).or_default() += 1);
    order.retain(|i| counts[train.labels[*i].as_str()] >= 3);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let every = (1.0 / VALIDATION).round() as usize;
    let which: Vec<(usize, Part)> = order
        .iter()
        .map(|index| {
            // by class, so that each is on both sides
            let before = seen.entry(&train.labels[*index]).or_default();
            *before += 1;
            let of = counts[train.labels[*index].as_str()].min(every);
            let part = if before.is_multiple_of(of) { Part::Validation } else { Part::Train };
            (*index, part)
        })
        .collect();
    let judged: Vec<(usize, Part)> = (0..val.cells.len())
        .filter(|i| counts.get(val.labels[*i].as_str()).is_some_and(|n| *n >= 3))
        .map(|i| (i, Part::Test))
        .collect();
    let mut plots = Plots { examples: vec![], parts: vec![], pixels: vec![] };
    plots.draw(&train, &which, wanted.input)?;
    plots.draw(&val, &judged, wanted.input)?;
    println!(
        "{} maps of train ({:?}), {} of {} maps of val, drawn in {:.0} s",
        which.len(),
        counts,
        judged.len(),
        val.cells.len(),
        begun.elapsed().as_secs_f64()
    );
    let material = Material { canvas: CANVAS, labels: which.len(), goods: 0 };
    let mut recipe = Recipe::suited(wanted.kind, &material, 0);
    recipe.input = wanted.input;
    recipe.architecture = wanted.architecture;
    recipe.shown = Shown::Pixels;
    recipe.normal.detail = detail;
    recipe.fit.seed = wanted.seed;
    if let Some(epochs) = wanted.epochs {
        recipe.fit.epochs = epochs;
    }
    let set = PlotSet {
        name: "wafer".parse()?,
        parts: Some(plots.parts.clone()),
        data: &plots,
        fixed: Default::default(),
    };
    let runtime = Runtime::load(&RuntimeConfig::default())?;
    let cancel = Arc::new(AtomicBool::new(false));
    let (begun, limit) = (Instant::now(), Duration::from_secs(wanted.minutes * 60));
    let (stop, said) = (cancel.clone(), std::sync::Mutex::new(0));
    let report = move |p: &Progress| {
        let mut said = said.lock().expect("nothing panics here");
        if p.epoch != *said {
            *said = p.epoch;
            eprintln!(
                "epoch {} of {}, {:.0} images/s, {:.0} s; loss {:.4}, validation {:?}",
                p.epoch,
                p.epochs,
                p.images_per_s,
                begun.elapsed().as_secs_f64(),
                p.training_loss,
                p.validation_loss
            );
        }
        stop.fetch_or(begun.elapsed() > limit, Ordering::Relaxed);
    };
    let control =
        Control { report: Some(Arc::new(report)), cancel: Some(cancel), ..Control::default() };
    let learnt = learn(&[set], &recipe, None, &runtime, &Device::flex(), &control)?;
    let figures = &learnt[0].figures;
    println!("trained in {:.0} s, {} epochs", begun.elapsed().as_secs_f64(), figures.epochs.len());
    for (name, figure) in [
        ("accuracy", figures.test.accuracy),
        ("macro F1", figures.test.macro_f1),
        ("AUROC of bad against good", figures.test.bad_against_good),
    ] {
        if let Some(f) = figure {
            println!("{name:28}{:.4} ({:.4} to {:.4})", f.value, f.low, f.high);
        }
    }
    println!("{:28}{:.4}", "calibration error", figures.test.calibration_error);
    for (label, class) in figures.test.labels.iter().zip(&figures.test.classes) {
        println!("{:28}{:?}", label.as_str(), class.f1.map(|f| f.value));
    }
    Ok(())
}
