//! Draws plots into a folder and prints what a plot costs.
//!
//!     cargo run --release -p hydra-hall --example draw -- [--seed N] [--faults STRENGTH] FOLDER
//!
//! Without a folder nothing is written. With `--faults 250` every plot type is drawn once with every
//! fault that can be that strong.

use anyhow::{Context, Result};
use hydra_hall::{Fault, Hall, Moment, Painter, Strength};
use std::{path::PathBuf, sync::OnceLock, time::Instant};

/// Milliseconds of core that this thread has used; of the clock where the system does not tell.
fn core_ms() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let used = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let used = used.as_deref().and_then(|text| text.split_whitespace().next()?.parse().ok());
    used.map(|ns: f64| ns / 1e6)
        .unwrap_or_else(|| 1e3 * START.get_or_init(Instant::now).elapsed().as_secs_f64())
}

fn main() -> Result<()> {
    let (mut seed, mut strength, mut folder) = (1, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context("a value is missing");
        match argument.as_str() {
            "--seed" => seed = value()?.parse()?,
            "--faults" => strength = Some(Strength(value()?.parse()?)),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let hall = Hall::new(seed);
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder)?;
        write(&hall, folder, strength)?;
    }
    measure(&hall)
}

fn write(hall: &Hall, folder: &std::path::Path, strength: Option<Strength>) -> Result<()> {
    let mut painter = Painter::new();
    let at = Moment { run: hall.first_run(), chunk: 3 };
    for plot_type in hall.plot_types() {
        let good = hall.draw_with(&mut painter, plot_type, at, None)?;
        std::fs::write(folder.join(format!("{}.png", plot_type.name)), good.png)?;
        let Some(strength) = strength else { continue };
        for kind in hall.applicable(plot_type, strength) {
            let fault = Fault { kind, strength, onset: at, seed: 0 };
            let bad = hall.draw_with(&mut painter, plot_type, at, Some(&fault))?;
            let stem = folder.join(format!("{}.{kind}", plot_type.name));
            std::fs::write(stem.with_added_extension("png"), bad.png)?;
            let truth = serde_json::to_string_pretty(&bad.truth)?;
            std::fs::write(stem.with_added_extension("json"), truth)?;
        }
    }
    Ok(())
}

fn measure(hall: &Hall) -> Result<()> {
    const PLOTS: u32 = 30;
    let mut painter = Painter::new();
    println!("{:<20} {:>9} {:>9} {:>8}", "plot type", "paint ms", "png ms", "KB");
    let mut total = 0.0;
    for plot_type in hall.plot_types() {
        let (mut paint, mut encode, mut bytes) = (0.0, 0.0, 0);
        for chunk in 1..=PLOTS {
            let at = Moment { run: hall.first_run() + chunk, chunk };
            let start = core_ms();
            hall.paint(&mut painter, plot_type, at, None)?;
            let painted = core_ms();
            bytes += painter.png()?.len();
            paint += painted - start;
            encode += core_ms() - painted;
        }
        let each = |ms: f64| ms / f64::from(PLOTS);
        total += each(paint) + each(encode);
        println!(
            "{:<20} {:>9.2} {:>9.2} {:>8.0}",
            plot_type.name.as_str(),
            each(paint),
            each(encode),
            bytes as f64 / f64::from(PLOTS) / 1e3
        );
    }
    println!(
        "mean of all plot types: {:.2} ms of core a plot",
        total / hall.plot_types().len() as f64
    );
    Ok(())
}
