//! Counts at both helicities, from a modulated asymmetry.

use super::Tweak;
use crate::{conditions::Setting, panel::Axis};

/// A = offset + P amplitude sin(2 pi (x - phase) / period), P the beam's polarisation.
#[derive(Clone, Debug)]
pub(crate) struct Asymmetry {
    /// Both helicities together, in a nominal chunk.
    pub entries: f64,
    pub offset: f64,
    pub amplitude: f64,
    /// In units of the x axis.
    pub phase: f64,
    /// In units of the x axis; 0 for an asymmetry without modulation.
    pub period: f64,
}

impl Asymmetry {
    /// First every bin at +, then every bin at -.
    pub fn expected(&self, x: &Axis, setting: &Setting, tweak: &Tweak) -> Vec<f64> {
        let each = 0.5 * setting.scale * self.entries / x.bins as f64;
        let amplitude = self.amplitude * setting.polarisation * tweak.gain;
        let asymmetry = |bin: usize| {
            let wave = if self.period > 0.0 {
                let angle = (x.centre(bin) - self.phase - tweak.shift) / self.period;
                (std::f64::consts::TAU * angle).sin()
            } else {
                1.0
            };
            (self.offset + amplitude * wave).clamp(-0.95, 0.95)
        };
        let sign = |sign: f64| (0..x.bins).map(move |bin| each * (1.0 + sign * asymmetry(bin)));
        sign(1.0).chain(sign(-1.0)).collect()
    }
}
