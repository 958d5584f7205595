//! Counts: expectation -> Poisson numbers, and the same numbers once a fault is there.

use rand::Rng;
use rand_distr::{Binomial, Distribution, Poisson};

/// Poisson counts of these means.
pub(crate) fn draw(means: &[f64], random: &mut impl Rng) -> Vec<u32> {
    means.iter().map(|&mean| poisson(mean, random)).collect()
}

/// What counts drawn from `nominal` become when their means are `faulty`: some are lost, some are
/// added, and where nothing changes they stay. The result is Poisson with the new means: a thinned
/// Poisson number is Poisson, and so is the sum of two.
pub(crate) fn change(counts: &mut [u32], nominal: &[f64], faulty: &[f64], random: &mut impl Rng) {
    for (count, (&nominal, &faulty)) in counts.iter_mut().zip(nominal.iter().zip(faulty)) {
        if faulty < nominal {
            *count = thin(*count, (faulty / nominal).max(0.0), random);
        } else if faulty > nominal {
            *count += poisson(faulty - nominal, random);
        }
    }
}

fn poisson(mean: f64, random: &mut impl Rng) -> u32 {
    match Poisson::new(mean) {
        Ok(poisson) => poisson.sample(random) as u32,
        // the mean is zero
        Err(_) => 0,
    }
}

fn thin(count: u32, kept: f64, random: &mut impl Rng) -> u32 {
    match Binomial::new(count.into(), kept.min(1.0)) {
        Ok(binomial) => binomial.sample(random) as u32,
        Err(_) => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn changed_counts_have_the_new_mean_and_its_poisson_variance() {
        let (nominal, faulty) = ([20.0, 20.0, 20.0], [5.0, 20.0, 60.0]);
        let mut random = seed::stream(1, "test", &[]);
        let (mut sum, mut squares) = ([0.0; 3], [0.0; 3]);
        const TRIALS: f64 = 20_000.0;
        for _ in 0..TRIALS as usize {
            let mut counts = draw(&nominal, &mut random);
            let before = counts[1];
            change(&mut counts, &nominal, &faulty, &mut random);
            assert_eq!(counts[1], before);
            for bin in 0..3 {
                sum[bin] += f64::from(counts[bin]);
                squares[bin] += f64::from(counts[bin]).powi(2);
            }
        }
        for bin in 0..3 {
            let mean = sum[bin] / TRIALS;
            let variance = squares[bin] / TRIALS - mean * mean;
            assert!((mean / faulty[bin] - 1.0).abs() < 0.02, "{mean}");
            assert!((variance / faulty[bin] - 1.0).abs() < 0.06, "{variance}");
        }
    }
}
