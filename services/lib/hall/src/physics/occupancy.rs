//! Hits by channel: a fixed pattern that tilts a little with the conditions.

use crate::{
    conditions::{Setting, normal},
    wiring::Wiring,
};
use rand_chacha::ChaCha8Rng;

/// Expected hits of every channel of a nominal chunk, and how they follow the conditions.
#[derive(Clone, Debug)]
pub(crate) struct Occupancy {
    /// Expected counts; 0 where there is no channel.
    nominal: Vec<f64>,
    /// From -1 in the middle to 1 at the edge.
    radial: Vec<f64>,
    /// From -1 on one side to 1 on the other.
    side: Vec<f64>,
}

/// A channel before any is built: its weight and its place.
pub(crate) struct Spot {
    pub weight: f64,
    pub radial: f64,
    pub side: f64,
}

impl Occupancy {
    /// `entries` in a nominal chunk, shared by weight; every channel has its own fixed efficiency,
    /// spread by `spread`, and so has every board, spread by a third of it.
    pub fn new(
        entries: f64,
        spread: f64,
        spots: impl IntoIterator<Item = Spot>,
        wiring: &Wiring,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let mut result = Self { nominal: Vec::new(), radial: Vec::new(), side: Vec::new() };
        for spot in spots {
            result.nominal.push(spot.weight * (1.0 + spread * normal(random)).max(0.1));
            result.radial.push(spot.radial);
            result.side.push(spot.side);
        }
        for board in 0..wiring.boards.len() {
            let factor = 1.0 + spread / 3.0 * normal(random);
            for bin in wiring.bins(wiring.boards.get(board)) {
                result.nominal[bin as usize] *= factor;
            }
        }
        let sum: f64 = result.nominal.iter().sum();
        result.nominal.iter_mut().for_each(|weight| *weight *= entries / sum);
        result
    }

    pub fn expected(&self, setting: &Setting) -> Vec<f64> {
        let places = self.radial.iter().zip(&self.side);
        self.nominal
            .iter()
            .zip(places)
            .map(|(nominal, (radial, side))| {
                setting.scale * nominal * (1.0 + setting.tilt * radial + setting.side * side)
            })
            .collect()
    }
}
