//! Training rate against PyTorch: the same network, batch, loss and optimiser on the same CPU, in
//! turns in one run.
//!
//!     cargo run --release -p hydra-train --example rate -- [--network small|inception] [--side 128]
//!         [--batch 32] [--steps 12] [--rounds 3] [--python python3]
//!
//! `python3` must have `torch` (Debian: `python3-torch`), for `inception` `torchvision`, too; without
//! it our rate alone is printed.

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use hydra_proto::registry::InputShape;
use hydra_train::augment::Augment;
use hydra_train::data::PixelError;
use hydra_train::fit::{Control, FitItem, FitSettings, Images, train};
use hydra_train::graph::Architecture;
use hydra_train::weights::Weights;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::process::Command;

const CLASSES: usize = 3;
const SCRIPT: &str = include_str!("rate.py");

struct Wanted {
    network: String,
    side: u32,
    batch: usize,
    steps: usize,
    rounds: usize,
    python: String,
}

fn wanted() -> Result<Wanted> {
    let mut wanted = Wanted {
        network: "small".into(),
        side: 128,
        batch: 32,
        steps: 12,
        rounds: 3,
        python: "python3".into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context("a value is missing");
        match argument.as_str() {
            "--network" => wanted.network = value()?,
            "--side" => wanted.side = value()?.parse()?,
            "--batch" => wanted.batch = value()?.parse()?,
            "--steps" => wanted.steps = value()?.parse()?,
            "--rounds" => wanted.rounds = value()?.parse()?,
            "--python" => wanted.python = value()?,
            other => bail!("{other} is not known"),
        }
    }
    Ok(wanted)
}

/// One batch of noise, which every step is shown.
struct Noise(Vec<f32>);

impl Images for Noise {
    fn fill(
        &self,
        image: usize,
        _: Option<(u64, &Augment)>,
        out: &mut [f32],
    ) -> Result<(), PixelError> {
        let start = image % (self.0.len() / out.len()) * out.len();
        out.copy_from_slice(&self.0[start..start + out.len()]);
        Ok(())
    }
}

/// Images a second, by the loop that trains every network.
fn ours(wanted: &Wanted) -> Result<f64> {
    let input =
        InputShape { width: wanted.side, height: wanted.side, channels: 3, letterbox: false };
    let architecture = match wanted.network.as_str() {
        "small" => Architecture::SmallResidual,
        "inception" => Architecture::InceptionV3,
        other => bail!("{other} is neither small nor inception"),
    };
    let graph = architecture.graph(input, CLASSES)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let values = wanted.batch * input.size_bytes();
    let noise = Noise((0..values).map(|_| rng.random_range(-1.0..1.0f32)).collect());
    let item =
        |image| FitItem { image, outputs: (0, CLASSES), class: image % CLASSES, weight: 1.0 };
    let training: Vec<FitItem> = (0..wanted.batch * wanted.steps).map(item).collect();
    let validation: Vec<FitItem> = (0..2).map(item).collect();
    let settings = FitSettings { epochs: 1, batch: wanted.batch, ..FitSettings::default() };
    let start = Weights::random(&graph, 1);
    let sides = (&training[..], &validation[..]);
    let control = Control::default();
    Ok(train(&graph, &start, &noise, sides, &settings, &Device::flex(), &control)?.images_per_s)
}

/// The same of PyTorch; nothing where it is not installed.
fn theirs(wanted: &Wanted) -> Result<Option<f64>> {
    let numbers = [wanted.side as usize, wanted.batch, wanted.steps].map(|n| n.to_string());
    let output = Command::new(&wanted.python)
        .args(["-c", SCRIPT, &wanted.network])
        .args(numbers)
        .output()
        .with_context(|| format!("running {}", wanted.python))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ModuleNotFoundError") {
        return Ok(None);
    }
    if !output.status.success() {
        bail!("PyTorch did not run: {said}");
    }
    Ok(Some(String::from_utf8(output.stdout)?.trim().parse()?))
}

fn main() -> Result<()> {
    let wanted = wanted()?;
    let Wanted { network, side, batch, .. } = &wanted;
    println!("{network}, {side}x{side}x3, batches of {batch}; images a second");
    let mut ratios = Vec::new();
    for _ in 0..wanted.rounds {
        let ours = ours(&wanted)?;
        match theirs(&wanted)? {
            Some(theirs) => {
                println!("ours {ours:.1}, PyTorch {theirs:.1}: {:.2}", ours / theirs);
                ratios.push(ours / theirs);
            }
            None => println!("ours {ours:.1}; SKIPPED: {} has no torch", wanted.python),
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median {median:.2}");
    }
    Ok(())
}
