//! What the normality model finds in the simulated hall, and how often it is wrong.
//!
//!     cargo run --release -p hydra-normality --example normality_figures -- \
//!         [--seeds 1,2,3] [--plot NAME]... [--goods 100] [--json FILE] [--quick]
//!
//! Every model is made from Goods alone, and its threshold too; the simulator's truth is asked
//! only to count. Runs are divided: even ones give the Goods, odd ones of the same time the test
//! plots, and runs after that time, under conditions that were never seen, the rest.

mod measure;
mod plots;
mod table;

use anyhow::{Context, Result};
use hydra_hall::{Hall, PlotType};
use rayon::prelude::*;
use std::path::PathBuf;

/// What is asked for.
pub struct Wanted {
    seeds: Vec<u64>,
    plots: Vec<String>,
    /// Goods that a model is made from.
    pub goods: usize,
    /// A third of the plots, for a first look.
    pub quick: bool,
    json: Option<PathBuf>,
}

fn wanted() -> Result<Wanted> {
    let mut wanted =
        Wanted { seeds: vec![1, 2, 3], plots: Vec::new(), goods: 100, quick: false, json: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--seeds" => {
                let seeds = value()?.split(',').map(str::parse).collect::<Result<_, _>>();
                wanted.seeds = seeds.context("--seeds")?;
            }
            "--plot" => wanted.plots.push(value()?),
            "--goods" => wanted.goods = value()?.parse().context("--goods")?,
            "--json" => wanted.json = Some(value()?.into()),
            "--quick" => wanted.quick = true,
            other => anyhow::bail!("{other} is not known"),
        }
    }
    Ok(wanted)
}

fn main() -> Result<()> {
    let wanted = wanted()?;
    let halls: Vec<Hall> = wanted.seeds.iter().map(|seed| Hall::new(*seed)).collect();
    let asked = |t: &&PlotType| {
        wanted.plots.is_empty() || wanted.plots.iter().any(|name| name == t.name.as_str())
    };
    let cases: Vec<(&Hall, &PlotType)> = halls
        .iter()
        .flat_map(|hall| hall.plot_types().iter().filter(asked).map(move |t| (hall, t)))
        .collect();
    let measured: Vec<measure::Measured> = cases
        .par_iter()
        .map(|(hall, plot_type)| {
            let measured = measure::measure(hall, plot_type, &wanted)?;
            eprintln!("{} of seed {} done", plot_type.name, hall.seed());
            Ok(measured)
        })
        .collect::<Result<_>>()?;
    table::normality(&measured, wanted.json.as_deref())
}
