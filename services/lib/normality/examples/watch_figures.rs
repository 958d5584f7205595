//! What is told of the simulated hall beside its pixels: stuck plots, and changed layouts.
//!
//!     cargo run -p hydra-normality --example watch_figures -- [--seeds 1,2,3] [--chunks 150]
//!
//! Runs are drawn chunk after chunk with faults of every kind at random. A plot is called stuck
//! as `keep` does: where its fingerprint is that of the chunk before. Layouts are compared with
//! what the Goods of earlier runs had in common. The simulator's truth only counts.

use anyhow::{Context, Result, anyhow};
use hydra_hall::{Drawn, FaultKind, Hall, Mix, Moment, Painter, PlotType, Scenario, Trouble};
use hydra_model::manifest::PlotLayout;
use hydra_proto::events::Sight;
use hydra_vision::{Limits, Workbench};
use rayon::prelude::*;
use std::{collections::BTreeMap, time::Instant};

/// Runs that give the Goods whose layout is known.
const RUNS: u32 = 60;
/// So many of them.
const GOODS: usize = 60;

/// So many of so many.
#[derive(Clone, Copy, Default)]
struct Share {
    hits: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    /// With Wilson's interval of 95 %.
    fn line(self, name: &str) {
        let (n, z) = (self.of.max(1) as f64, 1.96);
        let p = self.hits as f64 / n;
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let (low, high) = ((centre - half).max(0.0), (centre + half).min(1.0));
        println!("{name:<48} {p:.4}  [{low:.4}, {high:.4}]  {} of {}", self.hits, self.of);
    }
}

#[derive(Default)]
struct Counted {
    stuck: Share,
    false_stuck: Share,
    empty: Share,
    layouts: BTreeMap<String, Share>,
    false_layout: Share,
    sight_ms: f64,
    told: BTreeMap<String, usize>,
}

struct Bench {
    painter: Painter,
    workbench: Workbench,
    looks: u32,
    took_s: f64,
}

impl Bench {
    fn sight(&mut self, drawn: &Drawn) -> Result<Sight> {
        let mut picture = self.workbench.open(&drawn.png).map_err(|error| anyhow!(error))?;
        let begun = Instant::now();
        let sight = picture.sight();
        self.took_s += begun.elapsed().as_secs_f64();
        self.looks += 1;
        Ok(sight)
    }
}

fn main() -> Result<()> {
    let (mut seeds, mut chunks) = (vec![1, 2, 3], 150);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--seeds" => seeds = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--chunks" => chunks = value.parse()?,
            other => anyhow::bail!("{other} is not known"),
        }
    }
    let halls: Vec<Hall> = seeds.into_iter().map(Hall::new).collect();
    let cases: Vec<(&Hall, &PlotType)> =
        halls.iter().flat_map(|hall| hall.plot_types().iter().map(move |t| (hall, t))).collect();
    let all: Vec<Counted> = cases
        .par_iter()
        .map(|(hall, plot_type)| counted(hall, plot_type, chunks))
        .collect::<Result<_>>()?;
    let sum = |of: fn(&Counted) -> Share| {
        all.iter()
            .map(of)
            .fold(Share::default(), |a, b| Share { hits: a.hits + b.hits, of: a.of + b.of })
    };
    sum(|c| c.stuck).line("stuck plots called stuck");
    sum(|c| c.false_stuck).line("others called stuck");
    sum(|c| c.empty).line("  of these: empty plots after empty plots");
    let mut kinds: BTreeMap<&str, Share> = BTreeMap::new();
    for (kind, share) in all.iter().flat_map(|c| &c.layouts) {
        let known = kinds.entry(kind).or_default();
        (known.hits, known.of) = (known.hits + share.hits, known.of + share.of);
    }
    let named = kinds
        .values()
        .fold(Share::default(), |a, b| Share { hits: a.hits + b.hits, of: a.of + b.of });
    named.line("changed layouts named");
    kinds.iter().for_each(|(kind, share)| share.line(&format!("  {kind}")));
    sum(|c| c.false_layout).line("others called another layout");
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for (text, count) in all.iter().flat_map(|c| &c.told) {
        *told.entry(text).or_default() += count;
    }
    told.iter().for_each(|(text, count)| println!("    {count} {text}"));
    let ms: f64 = all.iter().map(|c| c.sight_ms).sum::<f64>() / all.len().max(1) as f64;
    println!("{:<48} {ms:.2} ms of this build, decoding aside", "one look");
    Ok(())
}

fn counted(hall: &Hall, plot_type: &PlotType, chunks: u32) -> Result<Counted> {
    let workbench = Workbench::new(Limits::default());
    let mut bench = Bench { painter: Painter::new(), workbench, looks: 0, took_s: 0.0 };
    let first = hall.first_run();
    let good = Mix { bad_share: 0.0, ..Mix::default() };
    let mut layouts = Vec::new();
    for sample in hall.samples(plot_type, GOODS, first..first + RUNS, &good, 0) {
        let drawn = hall.draw_with(&mut bench.painter, plot_type, sample.at, None)?;
        layouts.push(PlotLayout::seen(drawn.width, drawn.height, &bench.sight(&drawn)?));
    }
    let known = PlotLayout::common(&layouts);
    let from = Moment { run: first + RUNS, chunk: 1 };
    // what one image cannot show is as frequent as all the rest together
    let mut kinds = FaultKind::ALL.to_vec();
    kinds.extend([FaultKind::StuckHistogram; 8]);
    kinds.extend([FaultKind::WrongLayout; 4]);
    let trouble = Trouble { quiet_chunks: 2, mean_gap_chunks: 6.0, kinds, ..Trouble::default() };
    let scenario = Scenario::random(hall, from, chunks, &trouble, hall.seed());
    let mut counted = Counted::default();
    let mut before: Option<(Moment, Vec<u8>)> = None;
    for at in hall.moments(from).take(chunks as usize) {
        let fault = scenario.fault(&plot_type.name, at);
        let drawn = hall.draw_with(&mut bench.painter, plot_type, at, fault)?;
        let sight = bench.sight(&drawn)?;
        let kind = fault.map(|fault| fault.kind);
        if let Some((_, data)) = &before {
            let same = !sight.data.is_empty() && *data == sight.data[..];
            // the chunk that it repeats must have been drawn
            let repeats = kind == Some(FaultKind::StuckHistogram)
                && fault.is_some_and(|fault| fault.onset.chunk > 1 || at > fault.onset);
            match kind {
                Some(FaultKind::StuckHistogram) if !repeats => {}
                Some(FaultKind::StuckHistogram) => counted.stuck.add(same),
                _ => counted.false_stuck.add(same),
            }
            if kind == Some(FaultKind::EmptyPlot) {
                counted.empty.add(same);
            }
        }
        before = Some((at, sight.data.to_vec()));
        let seen = PlotLayout::seen(drawn.width, drawn.height, &sight);
        let change = PlotLayout::change(&known, &seen);
        if kind == Some(FaultKind::WrongLayout) {
            let place = drawn.truth.fault.map(|fault| fault.place).unwrap_or_default();
            let place = if place.starts_with("canvas") { "canvas of another size" } else { &place };
            if change.is_none() {
                let text = format!("{}: missed: {place}", plot_type.name);
                *counted.told.entry(text).or_default() += 1;
            }
            counted.layouts.entry(place.to_owned()).or_default().add(change.is_some());
        } else {
            if let Some(change) = &change {
                let fault = kind.map_or("good", FaultKind::name);
                let text = format!("{} {fault}: {change}", plot_type.name);
                *counted.told.entry(text).or_default() += 1;
            }
            counted.false_layout.add(change.is_some());
        }
    }
    counted.sight_ms = bench.took_s * 1e3 / f64::from(bench.looks.max(1));
    Ok(counted)
}
