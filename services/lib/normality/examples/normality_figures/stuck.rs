//! Stuck plots: pairs of chunks, the second with new data or with those of the first.

use crate::{Wanted, measure::Share, plots::Bench};
use anyhow::Result;
use hydra_hall::{Fault, FaultKind, Hall, Moment, PlotType, Sample, Strength};
use serde::Serialize;

/// What was counted.
#[derive(Serialize)]
pub struct Counted {
    pub seed: u64,
    pub plot_type: String,
    pub recall: Share,
    pub alarms: Share,
}

pub fn count(hall: &Hall, plot_type: &PlotType, wanted: &Wanted) -> Result<Counted> {
    let mut bench = Bench::new();
    let mut counted = Counted {
        seed: hall.seed(),
        plot_type: plot_type.name.to_string(),
        recall: Share::default(),
        alarms: Share::default(),
    };
    let pairs = if wanted.quick { 12 } else { 60 };
    let first = Moment { run: hall.first_run(), chunk: 2 };
    for at in hall.moments(first).filter(|at| at.chunk >= 2).take(pairs) {
        let before = Moment { chunk: at.chunk - 1, ..at };
        let kind = FaultKind::StuckHistogram;
        let stuck = Fault { kind, strength: Strength::STRONG, onset: at, seed: 0 };
        let mut tiles = |at, fault| bench.tiles(hall, plot_type, &Sample { at, fault });
        let old = tiles(before, None)?;
        counted.alarms.add(tiles(at, None)?.same_data(&old));
        counted.recall.add(tiles(at, Some(stuck))?.same_data(&old));
    }
    Ok(counted)
}
