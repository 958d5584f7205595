//! When which fault is there: for a simulated shift, and for training and test sets.

use crate::{
    catalog::PlotType,
    fault::{Fault, FaultKind, Moment, Strength},
    hall::Hall,
    seed,
};
use hydra_proto::PlotTypeName;
use rand::{
    Rng, RngExt,
    seq::{IndexedRandom, SliceRandom},
};
use rand_distr::{Distribution, Exp1};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Seeds tried before a fault is given up: a part that is strong enough is nearly always found at once.
const TRIES: usize = 20;

/// A fault of one plot type, from its onset up to, but without, `end`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Whose plots show it.
    pub plot_type: PlotTypeName,
    /// What it is; its onset is the first chunk that shows it.
    pub fault: Fault,
    /// The first chunk that is good again.
    pub end: Moment,
}

/// Every fault of a stretch of runs; episodes of one plot type do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// In no particular order.
    pub episodes: Vec<Episode>,
}

/// Which faults appear, how often and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Chunks before anything can go wrong.
    pub quiet_chunks: u32,
    /// Good chunks between two faults of one plot type, on average.
    pub mean_gap_chunks: f64,
    /// Shortest and longest fault, in chunks.
    pub length_chunks: (u32, u32),
    /// Among these, where they apply.
    pub kinds: Vec<FaultKind>,
    /// Among these.
    pub strengths: Vec<Strength>,
}

impl Default for Trouble {
    /// One plot in about ten is bad, after ten good chunks; every fault is one that a shift taker
    /// should find.
    fn default() -> Self {
        Self {
            quiet_chunks: 10,
            mean_gap_chunks: 45.0,
            length_chunks: (3, 8),
            kinds: FaultKind::ALL.to_vec(),
            strengths: vec![Strength::MEDIUM, Strength::STRONG],
        }
    }
}

impl Scenario {
    /// Nothing ever goes wrong.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Faults at random over `chunks` chunks from `from` on, the same for the same seed.
    pub fn random(hall: &Hall, from: Moment, chunks: u32, trouble: &Trouble, seed: u64) -> Self {
        let moments: Vec<Moment> = hall.moments(from).take(chunks as usize + 1).collect();
        let mut episodes = Vec::new();
        for plot_type in hall.plot_types() {
            let name = seed::text(plot_type.name.as_str());
            let mut random = seed::stream(hall.seed(), "scenario", &[seed, name]);
            let mut next = trouble.quiet_chunks as usize;
            loop {
                let gap: f64 = Exp1.sample(&mut random);
                let start = next + (gap * trouble.mean_gap_chunks) as usize;
                let (shortest, longest) = trouble.length_chunks;
                let length = random.random_range(shortest.max(1)..=longest.max(shortest).max(1));
                let end = start + length as usize;
                if end >= moments.len() {
                    break;
                }
                let choice = Choice { kinds: &trouble.kinds, strengths: &trouble.strengths };
                if let Some(fault) = choice.fault(hall, plot_type, moments[start], &mut random) {
                    let plot_type = plot_type.name.clone();
                    episodes.push(Episode { plot_type, fault, end: moments[end] });
                }
                next = end + 1;
            }
        }
        Self { episodes }
    }

    /// The fault that this plot shows, if any.
    pub fn fault(&self, plot_type: &PlotTypeName, at: Moment) -> Option<&Fault> {
        let active = |episode: &&Episode| {
            episode.plot_type == *plot_type && (episode.fault.onset..episode.end).contains(&at)
        };
        self.episodes.iter().find(active).map(|episode| &episode.fault)
    }
}

/// What a training or test set of one plot type is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Share of plots with a fault, 0 to 1.
    pub bad_share: f64,
    /// Equally often, where they apply at the strength.
    pub kinds: Vec<FaultKind>,
    /// Equally often.
    pub strengths: Vec<Strength>,
}

impl Default for Mix {
    /// Half of the plots are bad, with every fault that a single image shows, in three strengths.
    fn default() -> Self {
        Self {
            bad_share: 0.5,
            kinds: FaultKind::ALL.into_iter().filter(|kind| kind.shows_in_one_image()).collect(),
            strengths: vec![Strength::SUBTLE, Strength::MEDIUM, Strength::STRONG],
        }
    }
}

/// One plot of a set, still to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Run and chunk.
    pub at: Moment,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

impl Hall {
    /// Every chunk from `from` on, run by run.
    pub fn moments(&self, from: Moment) -> impl Iterator<Item = Moment> + '_ {
        (from.run..).flat_map(move |run| {
            let first = if run == from.run { from.chunk } else { 1 };
            (first..=self.chunks(run)).map(move |chunk| Moment { run, chunk })
        })
    }

    /// `count` different plots of one type, spread over the chunks of these runs at random, in random
    /// order; fewer where the runs have fewer chunks. The same for the same seed.
    pub fn samples(
        &self,
        plot_type: &PlotType,
        count: usize,
        runs: Range<u32>,
        mix: &Mix,
        seed: u64,
    ) -> Vec<Sample> {
        let name = seed::text(plot_type.name.as_str());
        let mut random = seed::stream(self.seed(), "samples", &[seed, name]);
        let mut moments: Vec<Moment> = runs
            .flat_map(|run| (1..=self.chunks(run)).map(move |chunk| Moment { run, chunk }))
            .collect();
        moments.shuffle(&mut random);
        moments.truncate(count);
        let bad = (mix.bad_share.clamp(0.0, 1.0) * moments.len() as f64).round() as usize;
        let choice = Choice { kinds: &mix.kinds, strengths: &mix.strengths };
        let mut samples: Vec<Sample> = moments
            .into_iter()
            .enumerate()
            .map(|(index, at)| {
                let fault =
                    if index < bad { choice.fault(self, plot_type, at, &mut random) } else { None };
                Sample { at, fault }
            })
            .collect();
        samples.shuffle(&mut random);
        samples
    }
}

/// What may go wrong.
struct Choice<'a> {
    kinds: &'a [FaultKind],
    strengths: &'a [Strength],
}

impl Choice<'_> {
    /// A fault at random with this onset, or `None` where none of them applies.
    fn fault(
        &self,
        hall: &Hall,
        plot_type: &PlotType,
        onset: Moment,
        random: &mut impl Rng,
    ) -> Option<Fault> {
        let strength = *self.strengths.choose(random)?;
        let mut kinds = self.kinds.to_vec();
        kinds.shuffle(random);
        // a kind that never applies to this plot type is passed over; one that does is not given up
        // because of one part that is too weak
        kinds.into_iter().find_map(|kind| {
            (0..TRIES).find_map(|_| {
                let fault = Fault { kind, strength, onset, seed: random.random() };
                hall.can_draw(plot_type, &fault).then_some(fault)
            })
        })
    }
}
