//! Run conditions: what changes between groups of runs and is no fault.

use crate::seed;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Runs come in blocks of this many; each block holds two groups, split somewhere in its middle.
const BLOCK_RUNS: u32 = 16;

/// Spread (standard deviation of the logarithm) of the events in a chunk around 10,000 from group to
/// group, and around the group's from chunk to chunk; together about 0.10.
const GROUP_EVENT_SPREAD: f64 = 0.08;
pub(crate) const CHUNK_EVENT_SPREAD: f64 = 0.05;

/// The conditions of one run, as a run database would tell them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Runs of one group share everything below.
    pub group: u32,
    /// GeV.
    pub beam_energy_gev: f64,
    /// nA.
    pub beam_current_na: f64,
    /// Millimetres from the nominal axis, horizontal and vertical.
    pub beam_spot_mm: [f64; 2],
    /// Name of the target material.
    pub target: String,
    /// Beam polarisation in [0, 1].
    pub polarisation: f64,
    /// Events a chunk is meant to have.
    pub events_per_chunk: u32,
    /// By detector.
    pub detectors: BTreeMap<String, DetectorConditions>,
    /// By plot type: channels that are known to be dead, and no fault.
    pub known_dead: BTreeMap<String, Vec<String>>,
}

/// What a group of runs has set or found for one detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorConditions {
    /// Relative to nominal.
    pub gain: f64,
    /// Offset of the time zero, in units of the plot's resolution.
    pub time_offset: f64,
    /// Resolution relative to nominal.
    pub resolution: f64,
}

/// What the expected counts of a panel depend on, as numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Expected entries relative to a nominal chunk.
    pub scale: f64,
    pub gain: f64,
    pub time_offset: f64,
    pub resolution: f64,
    /// Relative change of the occupancy from the middle (-) to the edge (+) of a detector.
    pub tilt: f64,
    /// Relative change from one side to the other.
    pub side: f64,
    /// Background relative to nominal.
    pub background: f64,
    pub polarisation: f64,
}

struct Target {
    name: &'static str,
    multiplicity: f64,
    tilt: f64,
    background: f64,
}

const TARGETS: [Target; 4] = [
    Target { name: "LH2", multiplicity: 1.0, tilt: 0.0, background: 1.0 },
    Target { name: "LD2", multiplicity: 1.02, tilt: 0.02, background: 1.05 },
    Target { name: "NH3", multiplicity: 1.03, tilt: 0.04, background: 1.10 },
    Target { name: "C12", multiplicity: 0.98, tilt: -0.03, background: 0.95 },
];
const CURRENTS_NA: [f64; 4] = [10.0, 25.0, 45.0, 60.0];
const CURRENT_NOMINAL_NA: f64 = 35.0;

/// The group that a run belongs to.
pub(crate) fn group_of(seed: u64, run: u32) -> u32 {
    let (block, within) = (run / BLOCK_RUNS, run % BLOCK_RUNS);
    let split = seed::stream(seed, "group split", &[block.into()]).random_range(5..=11);
    2 * block + u32::from(within >= split)
}

/// The conditions of a group; dead channels are filled in by the hall, which knows the wiring.
pub(crate) fn of_group(seed: u64, group: u32, detectors: &[&str]) -> Conditions {
    let mut random = seed::stream(seed, "conditions", &[group.into()]);
    let target = &TARGETS[random.random_range(0..TARGETS.len())];
    let current = CURRENTS_NA[random.random_range(0..CURRENTS_NA.len())];
    let energy = if random.random_bool(0.8) { 10.6 } else { 6.5 };
    let events = 10_000.0 * (GROUP_EVENT_SPREAD * normal(&mut random)).exp();
    let spot = [0.3 * normal(&mut random), 0.3 * normal(&mut random)];
    let current = current * random.random_range(0.95..1.05);
    let polarisation = random.random_range(0.83..0.88);
    let detectors = detectors.iter().map(|&name| {
        let mut random = seed::stream(seed, "detector", &[group.into(), seed::text(name)]);
        let conditions = DetectorConditions {
            gain: round(1.0 + 0.007 * normal(&mut random), 4),
            time_offset: round(0.06 * normal(&mut random), 3),
            resolution: round(1.0 + 0.01 * normal(&mut random).abs(), 4),
        };
        (name.to_owned(), conditions)
    });
    Conditions {
        group,
        beam_energy_gev: energy,
        beam_current_na: round(current, 1),
        beam_spot_mm: spot.map(|mm| round(mm, 2)),
        target: target.name.to_owned(),
        polarisation: round(polarisation, 3),
        events_per_chunk: events.round() as u32,
        detectors: detectors.collect(),
        known_dead: BTreeMap::new(),
    }
}

impl Conditions {
    /// What they mean for a detector's plots, for a chunk of `events` events.
    pub(crate) fn setting(&self, detector: &str, events: f64) -> Setting {
        let target =
            TARGETS.iter().find(|target| target.name == self.target).unwrap_or(&TARGETS[0]);
        let of = self.detectors.get(detector);
        let current = self.beam_current_na - CURRENT_NOMINAL_NA;
        let energy = if self.beam_energy_gev < 8.0 { -0.03 } else { 0.0 };
        Setting {
            scale: events / 10_000.0 * target.multiplicity,
            gain: of.map_or(1.0, |of| of.gain),
            time_offset: of.map_or(0.0, |of| of.time_offset),
            resolution: of.map_or(1.0, |of| of.resolution),
            tilt: target.tilt + 0.001 * current + energy,
            side: 0.05 * self.beam_spot_mm[0],
            background: target.background * (1.0 + 0.003 * current),
            polarisation: self.polarisation,
        }
    }
}

/// A number from the standard normal distribution, within three standard deviations.
pub(crate) fn normal(random: &mut impl Rng) -> f64 {
    let number: f64 = StandardNormal.sample(random);
    number.clamp(-3.0, 3.0)
}

fn round(value: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_five_to_eleven_runs_long_and_grow_with_the_run() {
        let groups: Vec<u32> = (0..1_600).map(|run| group_of(3, run)).collect();
        assert!(groups.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1));
        let mut length = 1;
        for pair in groups.windows(2) {
            if pair[0] == pair[1] {
                length += 1;
            } else {
                assert!((5..=11).contains(&length), "{length}");
                length = 1;
            }
        }
    }

    #[test]
    fn neighbouring_groups_differ() {
        assert_ne!(of_group(1, 4, &["DC"]), of_group(1, 5, &["DC"]));
        assert_eq!(of_group(1, 4, &["DC"]), of_group(1, 4, &["DC"]));
    }
}
