//! What a fault does to expected counts, as a function of one amplitude, and the amplitude that
//! makes it as visible as asked for.

use super::LayoutFault;
use crate::{
    chi2::expected_dchi2,
    conditions::Setting,
    panel::{Panel, View},
    physics::{Tweak, TweakKind},
};
use std::ops::Range;

/// Events in a chunk vary by so much around nominal between all chunks that are good (standard
/// deviation of the logarithm): what an observer can tell of low statistics is limited by it.
pub(crate) const KNOWN_EVENT_SPREAD: f64 = 0.10;

/// What changes, in one panel or in all.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// These bins lose a share; amplitude is that share, up to 1.
    Lose { bins: Vec<u32> },
    /// These bins get extra counts; amplitude is in units of `weights`.
    Extra { bins: Vec<u32>, weights: Vec<f64> },
    /// These bins exchange a share of their counts; amplitude is that share, up to 1.
    Swap { first: Vec<u32>, second: Vec<u32> },
    /// The distribution moves, stretches or widens.
    Distort { kind: TweakKind, sign: f64, columns: Option<Range<usize>> },
    /// Every bin of every panel loses a share.
    Thin,
    /// Every bin of every panel is empty.
    Clear,
    /// The counts are right, the drawing is not.
    Layout(LayoutFault),
    /// The counts are an earlier chunk's.
    Stuck,
}

impl Effect {
    /// The largest amplitude that still is this fault, on this panel.
    pub fn largest(&self, panel: &Panel) -> f64 {
        match self {
            Self::Lose { .. } | Self::Swap { .. } => 1.0,
            Self::Extra { .. } => 1e7,
            Self::Distort { kind: TweakKind::Shift, .. } => match panel.view {
                View::Colours { .. } => 0.3 * (panel.y.high - panel.y.low),
                View::Asymmetry => 0.25 * (panel.x.high - panel.x.low),
                _ => 0.1 * (panel.x.high - panel.x.low),
            },
            Self::Distort { kind: TweakKind::Gain, .. } => match panel.view {
                View::Asymmetry => 1.0,
                _ => 0.6,
            },
            Self::Distort { kind: TweakKind::Widen, .. } => 4.0,
            Self::Thin => 1.0,
            Self::Clear | Self::Layout(_) | Self::Stuck => 0.0,
        }
    }

    /// What `nominal` becomes at this amplitude.
    pub fn faulty(
        &self,
        panel: &Panel,
        setting: &Setting,
        nominal: &[f64],
        amplitude: f64,
    ) -> Vec<f64> {
        let mut faulty = nominal.to_vec();
        match self {
            Self::Lose { bins } => {
                bins.iter().for_each(|&bin| faulty[bin as usize] *= 1.0 - amplitude);
            }
            Self::Extra { bins, weights } => {
                for (&bin, weight) in bins.iter().zip(weights) {
                    faulty[bin as usize] += amplitude * weight;
                }
            }
            Self::Swap { first, second } => {
                for (&a, &b) in first.iter().zip(second) {
                    let (a, b) = (a as usize, b as usize);
                    let moved = amplitude * (nominal[b] - nominal[a]);
                    faulty[a] += moved;
                    faulty[b] -= moved;
                }
            }
            Self::Distort { kind, sign, columns } => {
                let mut tweak = Tweak { columns: columns.clone(), ..Tweak::NONE };
                match kind {
                    TweakKind::Shift => tweak.shift = sign * amplitude,
                    TweakKind::Gain => tweak.gain = 1.0 + sign * amplitude,
                    TweakKind::Widen => tweak.widen = 1.0 + amplitude,
                }
                // relative to nominal, so that dead channels stay dead
                let plain = panel.expected(setting, &Tweak::NONE);
                let tweaked = panel.expected(setting, &tweak);
                for (faulty, (plain, tweaked)) in faulty.iter_mut().zip(plain.iter().zip(tweaked)) {
                    *faulty *= tweaked / plain;
                }
            }
            Self::Thin => faulty.iter_mut().for_each(|mean| *mean *= 1.0 - amplitude),
            Self::Clear => faulty.fill(0.0),
            Self::Layout(_) | Self::Stuck => {}
        }
        faulty
    }

    /// What the amplitude is, in words and units.
    pub fn amplitude_name(&self, panel: Option<&Panel>) -> Option<String> {
        let axis = |panel: &Panel| match panel.view {
            View::Colours { .. } => panel.y.title.clone(),
            _ => panel.x.title.clone(),
        };
        let text = match self {
            Self::Lose { .. } => "share of counts lost".to_owned(),
            Self::Extra { .. } => "extra counts over the panel's mean".to_owned(),
            Self::Swap { .. } => "share of the chunk with cables swapped".to_owned(),
            Self::Distort { kind: TweakKind::Shift, .. } => {
                format!("shift along {}", panel.map(axis).unwrap_or_default())
            }
            Self::Distort { kind: TweakKind::Gain, .. } => "relative change of gain".to_owned(),
            Self::Distort { kind: TweakKind::Widen, .. } => {
                "relative change of the resolution".to_owned()
            }
            Self::Thin => "share of events lost".to_owned(),
            Self::Clear | Self::Layout(_) | Self::Stuck => return None,
        };
        Some(text)
    }
}

/// Expected delta chi-square over the bins of a panel.
pub(crate) fn dchi2(nominal: &[f64], faulty: &[f64]) -> f64 {
    nominal
        .iter()
        .zip(faulty)
        .filter(|(nominal, faulty)| nominal != faulty)
        .map(|(&nominal, &faulty)| expected_dchi2(nominal, faulty))
        .sum()
}

/// The share of events that must be lost to be as visible as `target` to an observer who knows how
/// much event counts vary: chi-square = (ln(1 - share) / spread)^2.
pub(crate) fn thinning(target: f64) -> f64 {
    1.0 - (-KNOWN_EVENT_SPREAD * target.sqrt()).exp()
}

/// How visible it is to that observer when this share of events is lost.
pub(crate) fn thinned_dchi2(share: f64) -> f64 {
    ((1.0 - share).ln() / KNOWN_EVENT_SPREAD).powi(2)
}

/// The bins that a fault changes, but for the outermost hundredth of the change in either direction
/// (distorted distributions change a little everywhere).
pub(crate) fn changed_bins(panel: &Panel, nominal: &[f64], faulty: &[f64]) -> Vec<usize> {
    // in a map a cell that is filled or not shows as much as one that is filled more
    let most = if let View::Colours { .. } = panel.view { 0.1 } else { f64::INFINITY };
    let change: Vec<f64> =
        nominal.iter().zip(faulty).map(|(n, f)| (n - f).abs().min(most)).collect();
    let changed = |bin: &usize| change[*bin] > 0.0;
    let (columns, rows) = match panel.view {
        View::Discs(_) => return (0..change.len()).filter(changed).collect(),
        View::Colours { .. } => (panel.x.bins, panel.y.bins),
        View::Histogram { .. } => (panel.x.bins, 1),
        View::Asymmetry => (panel.x.bins, 2),
    };
    let (mut across, mut up) = (vec![0.0; columns], vec![0.0; rows]);
    for (bin, change) in change.iter().enumerate() {
        across[bin % columns] += change;
        up[bin / columns] += change;
    }
    let (across, up) = (bulk(&across), bulk(&up));
    let inside = |bin: &usize| across.contains(&(bin % columns)) && up.contains(&(bin / columns));
    (0..change.len()).filter(changed).filter(inside).collect()
}

/// The range that holds all of the sum but half a hundredth on either side.
fn bulk(parts: &[f64]) -> Range<usize> {
    let cut = 0.005 * parts.iter().sum::<f64>();
    let beyond = |sum: &mut f64, part: &f64| {
        *sum += part;
        Some(*sum)
    };
    let first = parts.iter().scan(0.0, beyond).position(|sum| sum > cut).unwrap_or(0);
    let last = parts.iter().rev().scan(0.0, beyond).position(|sum| sum > cut).unwrap_or(0);
    first..parts.len() - last
}

/// The amplitude in (0, `largest`] at which `visible` reaches `target`, to 1e-4 of it; `largest` if
/// it never does. `visible` grows with the amplitude, about as its square.
pub(crate) fn solve(visible: impl Fn(f64) -> f64, target: f64, largest: f64) -> f64 {
    let (mut low, mut high) = (0.0, largest);
    let mut guess = if largest > 10.0 { 1.0 } else { 0.5 * largest };
    for _ in 0..80 {
        let value = visible(guess);
        if (value / target - 1.0).abs() < 1e-4 {
            return guess;
        }
        if value < target {
            if guess >= largest {
                return largest;
            }
            low = guess;
        } else {
            high = guess;
        }
        let next = guess * (target / value).sqrt();
        guess = if next > low && next < high {
            next
        } else if next >= largest && high >= largest {
            largest
        } else {
            0.5 * (low + high)
        };
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solving_finds_the_amplitude_of_any_growing_curve() {
        for (curve, expected) in [
            ((|a| 1_000.0 * a * a) as fn(f64) -> f64, 0.5),
            (|a| 62.5 * (a / 0.5), 2.0),
            (|a| 250.0 * (a / 40.0).powi(5), 40.0),
        ] {
            let found = solve(curve, 250.0, 1e6);
            assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
        }
    }

    #[test]
    fn what_cannot_be_reached_ends_at_the_largest_amplitude() {
        assert_eq!(solve(|a| 100.0 * a, 250.0, 1.0), 1.0);
    }
}
