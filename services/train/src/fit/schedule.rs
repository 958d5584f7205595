//! How large a step is, from epoch to epoch.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the step size changes. All start with a linear rise over the first epoch, while the norms
/// still learn what their inputs look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Schedule {
    /// Half a cosine from the largest step to a hundredth of it (Loshchilov and Hutter,
    /// arXiv:1608.03983, without restarts).
    #[default]
    Cosine,
    /// The largest step throughout.
    Constant,
    /// Times `factor` after every `epochs` epochs.
    Steps {
        /// Epochs of one step size.
        epochs: usize,
        /// Below 1.
        factor: f64,
    },
}

impl Schedule {
    /// The step size at `epoch` (from 0, with the done part of the current one) of `epochs`.
    pub fn rate(self, largest: f64, epoch: f64, epochs: usize) -> f64 {
        let rise = ((epoch + 0.02) / 1.0).min(1.0);
        let fall = match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let done = (epoch / epochs.max(1) as f64).clamp(0.0, 1.0);
                0.01 + 0.99 * 0.5 * (1.0 + (PI * done).cos())
            }
            Self::Steps { epochs: each, factor } => {
                factor.powi((epoch / each.max(1) as f64).floor() as i32)
            }
        };
        largest * rise * fall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_rises_in_the_first_epoch_and_ends_near_zero() {
        let rate = |epoch| Schedule::Cosine.rate(1.0, epoch, 10);
        assert!(rate(0.0) < 0.05 && rate(1.0) > 0.95);
        assert!((rate(5.0) - 0.505).abs() < 1e-9);
        assert!((rate(10.0) - 0.01).abs() < 1e-9);
    }

    #[test]
    fn steps_fall_by_their_factor() {
        let steps = Schedule::Steps { epochs: 3, factor: 0.1 };
        assert_eq!(steps.rate(1.0, 2.9, 10), 1.0);
        assert!((steps.rate(1.0, 6.5, 10) - 0.01).abs() < 1e-12);
        assert_eq!(Schedule::Constant.rate(0.5, 9.0, 10), 0.5);
    }
}
