//! One plot type of one hall.

use crate::{
    Wanted,
    plots::{Bench, SHAPE},
};
use anyhow::Result;
use hydra_hall::{Hall, Mix, PlotType, Sample};
use hydra_normality::{CONFIRMED_GOODS, NormalityModel, NormalitySettings, fit_normality};
use serde::Serialize;
use std::collections::BTreeMap;

/// Runs that give Goods (even) and test plots (odd), and as many later ones.
const RUNS: u32 = 60;
/// Delta chi-square from which a fault must be found.
const MEDIUM: f64 = 250.0;

/// So many of so many.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Share {
    pub hits: usize,
    pub of: usize,
}

impl Share {
    pub fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    pub fn value(self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }
}

/// What was counted.
#[derive(Serialize)]
pub struct Measured {
    pub seed: u64,
    pub plot_type: String,
    /// Medium and strong faults against Goods.
    pub auroc: f64,
    /// Medium and strong, at the model's own threshold.
    pub recall: Share,
    /// The same at the threshold that one test Good in a hundred exceeds.
    pub recall_at_one_percent: f64,
    pub subtle: Share,
    /// Goods of known conditions called novel.
    pub alarms: Share,
    pub by_kind: BTreeMap<String, Share>,
    /// Goods under conditions never seen, before and after twenty confirmed ones.
    pub new_before: Share,
    pub new_after: Share,
    /// Medium and strong faults there.
    pub new_recall_before: Share,
    pub new_recall_after: Share,
    /// Medians of milliseconds of this thread, per image.
    pub judge_ms: f64,
}

pub fn measure(hall: &Hall, plot_type: &PlotType, wanted: &Wanted) -> Result<Measured> {
    let mut bench = Bench::new();
    let part = |full: usize| if wanted.quick { full / 3 } else { full };
    let good = Mix { bad_share: 0.0, ..Mix::default() };
    let bad = Mix { bad_share: 1.0, ..Mix::default() };
    let first = hall.first_run();
    let (early, late) = (first..first + RUNS, first + RUNS..first + 2 * RUNS);
    let goods = hall.samples(plot_type, usize::MAX, early.clone(), &good, 0);
    let of_runs = |samples: &[Sample], odd: u32, count: usize| -> Vec<Sample> {
        samples.iter().filter(|s| s.at.run % 2 == odd).take(count).copied().collect()
    };
    let training = of_runs(&goods, 0, wanted.goods);
    let images: Vec<Vec<u8>> = training
        .iter()
        .map(|sample| bench.pixels(hall, plot_type, sample))
        .collect::<Result<_>>()?;
    let views: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = training.iter().map(|sample| sample.at.run).collect();
    let model = fit_normality(&views, &runs, SHAPE, &NormalitySettings::default())?;

    let test_goods = of_runs(&goods, 1, part(240));
    let bads = hall.samples(plot_type, part(540), early, &bad, 1);
    let bads = of_runs(&bads, 1, part(270));
    let begun = std::time::Instant::now();
    let good_scores = scores(&mut bench, hall, plot_type, &model, &test_goods)?;
    let judge_ms = begun.elapsed().as_secs_f64() * 1e3 / test_goods.len().max(1) as f64;
    let bad_scores = scores(&mut bench, hall, plot_type, &model, &bads)?;
    let mut measured = Measured {
        seed: hall.seed(),
        plot_type: plot_type.name.to_string(),
        auroc: 0.0,
        recall: Share::default(),
        recall_at_one_percent: 0.0,
        subtle: Share::default(),
        alarms: share(&good_scores),
        by_kind: BTreeMap::new(),
        new_before: Share::default(),
        new_after: Share::default(),
        new_recall_before: Share::default(),
        new_recall_after: Share::default(),
        judge_ms,
    };
    let mut visible = Vec::new();
    for (sample, scored) in bads.iter().zip(&bad_scores) {
        let Some(fault) = sample.fault else { continue };
        if fault.strength.0 < MEDIUM && fault.kind.has_amplitude() {
            measured.subtle.add(scored.novel);
            continue;
        }
        visible.push(scored.score);
        measured.recall.add(scored.novel);
        measured.by_kind.entry(fault.kind.name().to_owned()).or_default().add(scored.novel);
    }
    let goods: Vec<f64> = good_scores.iter().map(|scored| scored.score).collect();
    measured.auroc = auroc(&goods, &visible);
    let bound = quantile(&goods, 0.99);
    measured.recall_at_one_percent =
        visible.iter().filter(|s| **s > bound).count() as f64 / visible.len().max(1) as f64;
    new_conditions(&mut bench, hall, plot_type, &model, late, wanted, &mut measured)?;
    Ok(measured)
}

/// Group after group of later runs: what the model says, and what it says after it has learnt
/// from the first twenty Goods of the group.
fn new_conditions(
    bench: &mut Bench,
    hall: &Hall,
    plot_type: &PlotType,
    model: &NormalityModel,
    runs: std::ops::Range<u32>,
    wanted: &Wanted,
    measured: &mut Measured,
) -> Result<()> {
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for run in runs {
        groups.entry(hall.conditions(run).group).or_default().push(run);
    }
    let (goods, faults) = if wanted.quick { (15, 8) } else { (45, 24) };
    // the first one may have begun before
    for (index, runs) in groups.values().skip(1).take(if wanted.quick { 3 } else { 6 }).enumerate()
    {
        let good = Mix { bad_share: 0.0, ..Mix::default() };
        let bad = Mix { bad_share: 1.0, ..Mix::default() };
        let range = runs[0]..runs[runs.len() - 1] + 1;
        let mut samples = hall.samples(plot_type, CONFIRMED_GOODS + goods, range.clone(), &good, 2);
        // the first to come are the first to be confirmed
        samples.sort_by_key(|sample| sample.at);
        let later = samples.split_off(CONFIRMED_GOODS.min(samples.len()));
        let confirmed: Vec<Vec<u8>> = samples
            .iter()
            .map(|sample| bench.pixels(hall, plot_type, sample))
            .collect::<Result<_>>()?;
        let confirmed: Vec<&[u8]> = confirmed.iter().map(Vec::as_slice).collect();
        let learnt = model.learn(&confirmed)?;
        let mut bads = hall.samples(plot_type, faults, range, &bad, 3 + index as u64);
        bads.retain(|sample| {
            sample.fault.is_some_and(|f| f.strength.0 >= MEDIUM || !f.kind.has_amplitude())
        });
        for (samples, before, after) in [
            (&later, &mut measured.new_before, &mut measured.new_after),
            (&bads, &mut measured.new_recall_before, &mut measured.new_recall_after),
        ] {
            for sample in samples {
                let pixels = bench.pixels(hall, plot_type, sample)?;
                before.add(model.judge(&pixels)?.novel());
                after.add(learnt.judge(&pixels)?.novel());
            }
        }
    }
    Ok(())
}

struct Scored {
    score: f64,
    novel: bool,
}

fn scores(
    bench: &mut Bench,
    hall: &Hall,
    plot_type: &PlotType,
    model: &NormalityModel,
    samples: &[Sample],
) -> Result<Vec<Scored>> {
    let one = |sample: &Sample| {
        let judged = model.judge(&bench.pixels(hall, plot_type, sample)?)?;
        Ok(Scored { score: judged.score, novel: judged.novel() })
    };
    samples.iter().map(one).collect()
}

fn share(scored: &[Scored]) -> Share {
    Share { hits: scored.iter().filter(|s| s.novel).count(), of: scored.len() }
}

/// Probability that a faulty plot scores higher than a good one.
fn auroc(goods: &[f64], bads: &[f64]) -> f64 {
    let wins: f64 = bads
        .iter()
        .flat_map(|bad| goods.iter().map(move |good| (bad, good)))
        .map(|(bad, good)| {
            if bad > good {
                1.0
            } else if bad == good {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    wins / (goods.len() * bads.len()).max(1) as f64
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (q * (sorted.len().max(1) - 1) as f64).ceil() as usize;
    sorted.get(at).copied().unwrap_or(f64::INFINITY)
}
