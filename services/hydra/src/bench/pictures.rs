//! Decoding and resizing against Pillow and OpenCV, on the same files.

use super::{
    Settings,
    figure::{Bar, Figure, median},
    networks::INCEPTION,
    scene::Scene,
};
use anyhow::{Context, anyhow, ensure};
use hydra_vision::{Limits, Workbench};
use std::{io::Write, path::Path, process::Command, time::Instant};

/// Passes over the files in a round.
const PASSES: usize = 3;
/// What the other two do, with the same measure.
const SCRIPT: &str = include_str!("pictures.py");

/// Time a plot on one thread: ours, Pillow's, OpenCV's. `python` must have both.
///
/// # Errors
/// When a plot cannot be read or Python not be run.
pub fn run(scene: &Scene, settings: &Settings, python: &Path) -> anyhow::Result<Vec<Figure>> {
    let folder = std::env::temp_dir().join(format!("hydra-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for (at, plot) in scene.plots.iter().enumerate() {
        std::fs::File::create(folder.join(format!("{at:03}.png")))?.write_all(plot)?;
    }
    let mut bench = Workbench::new(Limits::default());
    let (mut ours, mut pillow, mut opencv) = (vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        ours.push(ours_ms(scene, &mut bench)?);
        pillow.push(theirs_ms(python, &folder, "pillow")?);
        opencv.push(theirs_ms(python, &folder, "opencv")?);
    }
    std::fs::remove_dir_all(&folder).context("removing the plots")?;
    let figure = |name: &str, theirs: &[f64]| {
        let ratios: Vec<f64> =
            theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
        let what = format!("decode and resize to 299x299, {name}'s time against ours");
        let detail = format!("({:.1} / {:.1} ms)", median(theirs), median(&ours));
        Figure::new(what, "", Bar::AtLeast(4.0), &ratios).of(detail)
    };
    Ok(vec![figure("Pillow", &pillow), figure("OpenCV", &opencv)])
}

fn ours_ms(scene: &Scene, bench: &mut Workbench) -> anyhow::Result<f64> {
    let begun = Instant::now();
    for plot in std::iter::repeat_n(&scene.plots, PASSES).flatten() {
        let mut picture = bench.open(plot).map_err(|error| anyhow!(error))?;
        std::hint::black_box(picture.resized(&INCEPTION));
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3 / (PASSES * scene.plots.len()) as f64)
}

fn theirs_ms(python: &Path, folder: &Path, which: &str) -> anyhow::Result<f64> {
    let side = INCEPTION.width.to_string();
    let output = Command::new(python)
        .args(["-c", SCRIPT, which, &PASSES.to_string(), &side])
        .arg(folder)
        .output()
        .with_context(|| format!("running {}", python.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{which} did not run: {said}");
    let text = String::from_utf8(output.stdout)?;
    text.trim().parse().with_context(|| format!("{which} said {text:?}"))
}
