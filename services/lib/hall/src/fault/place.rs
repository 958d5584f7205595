//! Where a fault strikes: a part of the plot that can be made as visible as asked for.

use super::{Effect, FaultKind, LayoutFault, effect};
use crate::{
    catalog::PlotType,
    conditions::Setting,
    panel::{Panel, View},
    physics::{Physics, TweakKind},
    wiring::{Level, Part},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

/// Parts looked at before one is chosen.
const TRIALS: usize = 48;
/// A whole fault must be at least so many times as visible as asked for, so that it still is under
/// other conditions and with fewer events.
const MARGIN: f64 = 1.25;

/// A fault that found its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// `None`: all panels.
    pub panel: Option<usize>,
    pub effect: Effect,
    /// In words, e.g. "panel 3 (Sector 3), board 12".
    pub place: String,
}

/// What is known of a panel when a part of it is chosen.
struct Ground<'a> {
    panel: &'a Panel,
    setting: &'a Setting,
    nominal: &'a [f64],
    target: f64,
}

/// Finds a place for the fault, or `None` where there is none that can be as visible.
pub(crate) fn place(
    plot_type: &PlotType,
    setting: &Setting,
    nominal: &[Vec<f64>],
    kind: FaultKind,
    target: f64,
    random: &mut ChaCha8Rng,
) -> Option<Placed> {
    let everywhere =
        |effect, place: &str| Some(Placed { panel: None, effect, place: place.to_owned() });
    match kind {
        FaultKind::LowStatistics => return everywhere(Effect::Thin, "all panels"),
        FaultKind::EmptyPlot => return everywhere(Effect::Clear, "all panels"),
        FaultKind::StuckHistogram => return everywhere(Effect::Stuck, "all panels"),
        FaultKind::WrongLayout => {
            let fault = LayoutFault::pick(plot_type, random);
            let place = fault.describe();
            return Some(Placed { panel: fault.panel(), effect: Effect::Layout(fault), place });
        }
        _ => {}
    }
    let mut panels: Vec<usize> = (0..plot_type.panels.len()).collect();
    while !panels.is_empty() {
        let index = panels.swap_remove(random.random_range(0..panels.len()));
        let panel = &plot_type.panels[index];
        let ground = Ground { panel, setting, nominal: &nominal[index], target };
        if let Some((effect, part)) = within(&ground, kind, random) {
            let place = format!("panel {} ({}), {part}", index + 1, panel.title);
            return Some(Placed { panel: Some(index), effect, place });
        }
    }
    None
}

fn within(
    ground: &Ground<'_>,
    kind: FaultKind,
    random: &mut ChaCha8Rng,
) -> Option<(Effect, String)> {
    match kind {
        FaultKind::DeadChannel => (1..=4).find_map(|width| {
            // one channel if one is enough, else as few neighbours as are
            ground.lose(Level::Channel, width, random)
        }),
        FaultKind::DeadBoard => ground.lose(Level::Board, 0, random),
        FaultKind::MissingSector => ground.lose(Level::Sector, 0, random),
        FaultKind::HotChannel => ground.hot(random),
        FaultKind::Noise => ground.noise(random),
        FaultKind::ShiftedPeak => ground.distort(TweakKind::Shift, random),
        FaultKind::WrongGain => ground.distort(TweakKind::Gain, random),
        FaultKind::WidenedResolution => ground.distort(TweakKind::Widen, random),
        FaultKind::SwappedCables => ground.swap(random),
        _ => None,
    }
}

impl Ground<'_> {
    /// How many times as visible as asked for the effect is at its largest.
    fn reach(&self, effect: &Effect) -> f64 {
        let largest = effect.largest(self.panel);
        let faulty = effect.faulty(self.panel, self.setting, self.nominal, largest);
        effect::dchi2(self.nominal, &faulty) / self.target
    }

    /// Of some parts at random one that is enough and not much more than that, so that a dead
    /// part is nearly dead and swapped cables are swapped for most of the chunk.
    fn choose(
        &self,
        random: &mut ChaCha8Rng,
        mut trial: impl FnMut(&mut ChaCha8Rng) -> Option<(Effect, String)>,
    ) -> Option<(Effect, String)> {
        let mut found: Vec<(f64, (Effect, String))> = Vec::new();
        for _ in 0..TRIALS {
            let Some((effect, name)) = trial(random) else { continue };
            let reach = self.reach(&effect);
            if reach >= MARGIN {
                found.push((reach, (effect, name)));
            }
        }
        let least = found.iter().map(|(reach, _)| *reach).fold(f64::INFINITY, f64::min);
        // whichever came first: parts differ in counts, and none shall be the usual victim
        let enough = (3.0 * least).max(12.0);
        found.into_iter().find(|(reach, _)| *reach <= enough).map(|(_, part)| part)
    }

    fn lose(
        &self,
        level: Level,
        width: usize,
        random: &mut ChaCha8Rng,
    ) -> Option<(Effect, String)> {
        let wiring = &self.panel.wiring;
        if wiring.is_empty() {
            return None;
        }
        self.choose(random, |random| {
            let Part { channels, name } = wiring.pick(level, width, random);
            Some((Effect::Lose { bins: wiring.bins(&channels) }, name))
        })
    }

    fn mean(&self) -> f64 {
        let filled = self.nominal.iter().filter(|mean| **mean > 0.0);
        let (sum, count) = filled.fold((0.0, 0.0), |(sum, count), mean| (sum + mean, count + 1.0));
        sum / f64::max(count, 1.0)
    }

    fn hot(&self, random: &mut ChaCha8Rng) -> Option<(Effect, String)> {
        let wiring = &self.panel.wiring;
        if wiring.is_empty() {
            return None;
        }
        let mean = self.mean();
        self.choose(random, |random| {
            let Part { channels, name } = wiring.pick(Level::Channel, 1, random);
            let bins = wiring.bins(&channels);
            let alive = bins.iter().any(|&bin| self.nominal[bin as usize] > 0.1 * mean);
            let weights = vec![mean; bins.len()];
            alive.then_some((Effect::Extra { bins, weights }, name))
        })
    }

    fn noise(&self, random: &mut ChaCha8Rng) -> Option<(Effect, String)> {
        let (wiring, mean) = (&self.panel.wiring, self.mean());
        if !wiring.is_empty() {
            // every channel of the part is noisy in its own way
            return self.choose(random, |random| {
                let Part { channels, name } = wiring.pick(Level::Sector, 0, random);
                let (mut bins, mut weights) = (Vec::new(), Vec::new());
                for channel in channels {
                    let loudness: f64 = Exp1.sample(random);
                    for bin in wiring.bins(&[channel]) {
                        if self.nominal[bin as usize] > 0.0 {
                            bins.push(bin);
                            weights.push(loudness * mean);
                        }
                    }
                }
                (!bins.is_empty()).then_some((Effect::Extra { bins, weights }, name))
            });
        }
        match self.panel.physics {
            Physics::Spectrum(_) | Physics::Columns(_) => {
                let bins = 0..self.nominal.len() as u32;
                // electronic noise is flat, or piles up at the low end of the axis
                let low_end = random.random_bool(0.5);
                let (count, width) = match self.panel.view {
                    View::Colours { .. } => (self.panel.y.bins, self.panel.x.bins),
                    _ => (self.panel.x.bins, 1),
                };
                let weight = |bin: u32| {
                    let place = (bin as usize / width) as f64 / count as f64;
                    mean * if low_end { 5.0 * (-place / 0.2).exp() } else { 1.0 }
                };
                let weights = bins.clone().map(weight).collect();
                let name = if low_end { "low end" } else { "everywhere" };
                Some((Effect::Extra { bins: bins.collect(), weights }, name.to_owned()))
            }
            Physics::Occupancy(_) | Physics::Asymmetry(_) => None,
        }
    }

    fn distort(&self, kind: TweakKind, random: &mut ChaCha8Rng) -> Option<(Effect, String)> {
        if !self.panel.tweaks.contains(&kind) {
            return None;
        }
        // a lost polarisation is one; more than nominal there is none
        let falls = matches!(self.panel.view, View::Asymmetry) && kind == TweakKind::Gain;
        let sign = if falls || random.random_bool(0.5) { -1.0 } else { 1.0 };
        if self.panel.wiring.is_empty() {
            let effect = Effect::Distort { kind, sign, columns: None };
            return (self.reach(&effect) >= MARGIN).then_some((effect, "whole panel".to_owned()));
        }
        self.choose(random, |random| {
            let Part { channels, name } = self.panel.wiring.pick(Level::Board, 0, random);
            let columns = channels[0] as usize..channels[0] as usize + channels.len();
            Some((Effect::Distort { kind, sign, columns: Some(columns) }, name))
        })
    }

    fn swap(&self, random: &mut ChaCha8Rng) -> Option<(Effect, String)> {
        if let View::Asymmetry = self.panel.view {
            let half = self.panel.x.bins as u32;
            let effect =
                Effect::Swap { first: (0..half).collect(), second: (half..2 * half).collect() };
            let name = "both helicities".to_owned();
            return (self.reach(&effect) >= MARGIN).then_some((effect, name));
        }
        let wiring = &self.panel.wiring;
        if wiring.is_empty() {
            return None;
        }
        self.choose(random, |random| {
            let [a, b] = [(); 2].map(|()| wiring.pick(Level::Board, 0, random));
            let (first, second) = (wiring.bins(&a.channels), wiring.bins(&b.channels));
            let real = |bins: &[u32]| bins.iter().all(|&bin| self.nominal[bin as usize] > 0.0);
            let fits = first.len() == second.len() && first != second;
            (fits && real(&first) && real(&second)).then(|| {
                let name = format!("{} and {}", a.name, b.name);
                (Effect::Swap { first, second }, name)
            })
        })
    }
}
