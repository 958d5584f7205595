//! From which confidence on a verdict counts as confirmed.

use super::Scored;
use serde::{Deserialize, Serialize};

/// How a threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "rule")]
pub enum ThresholdRule {
    /// The highest value that maximises F1 of the label against all others, over 0.00, 0.01, ...
    /// 1.00; 1.00 becomes 0.99.
    BestF1,
    /// At most this many confirmed verdicts a week on plots that are Good, where this many
    /// plots come a week. Of the label Good itself, which raises no alarm, as `BestF1`.
    FalseAlarms {
        /// Wanted, a week.
        per_week: f64,
        /// Plots of this type, a week.
        images_per_week: f64,
    },
}

/// A threshold for each label, from scores of validation. `good` is the index of Good, if the
/// model has it. A label without any example gets 0.99.
pub fn thresholds(
    scored: &[Scored],
    labels: usize,
    good: Option<usize>,
    rule: ThresholdRule,
) -> Vec<f32> {
    let of = |label: usize| match rule {
        ThresholdRule::FalseAlarms { per_week, images_per_week } if Some(label) != good => {
            // any of the other labels may be called
            let rate = per_week / images_per_week.max(f64::MIN_POSITIVE);
            at_most(scored, label, good, rate / (labels - usize::from(good.is_some())) as f64)
        }
        _ => best_f1(scored, label),
    };
    (0..labels).map(of).collect()
}

/// The original's rule, see [`ThresholdRule::BestF1`].
pub fn best_f1(scored: &[Scored], label: usize) -> f32 {
    let truths = scored.iter().filter(|s| s.truth == label).count();
    if truths == 0 {
        return 0.99;
    }
    let mut best = (0u32, -1.0);
    for hundredth in 0..=100u32 {
        let threshold = hundredth as f32 / 100.0;
        let over = || scored.iter().filter(|s| s.probabilities[label] >= threshold);
        let (verdicts, hits) = (over().count(), over().filter(|s| s.truth == label).count());
        let f1 = 2.0 * hits as f64 / (truths + verdicts) as f64;
        if f1 >= best.1 {
            best = (hundredth, f1);
        }
    }
    best.0.min(99) as f32 / 100.0
}

/// The lowest hundredth that no more than this share of the Goods reaches with `label`, see
/// [`threshold_at_rate`]. Too few Goods promise nothing: then, and where no threshold keeps the
/// promise, it is 0.99.
fn at_most(scored: &[Scored], label: usize, good: Option<usize>, rate: f64) -> f32 {
    let goods = scored.iter().filter(|s| Some(s.truth) == good);
    let goods: Vec<(f32, bool)> = goods.map(|s| (s.probabilities[label], false)).collect();
    if tail_of(goods.len()) < FEWEST_OF_TAIL {
        return 0.99;
    }
    let hundredths = (100.0 * threshold_at_rate(&goods, rate)).ceil();
    hundredths.clamp(0.0, 99.0) / 100.0
}

fn tail_of(goods: usize) -> usize {
    (TAIL * goods as f64).round() as usize
}

/// Share of the Goods, from the least good one, that [`threshold_at_rate`] looks at.
const TAIL: f64 = 0.3;
/// Fewest Goods in a tail that says more than its largest does.
const FEWEST_OF_TAIL: usize = 10;

/// A threshold on `1 - P(Good)` that this share of Goods reaches, from (score, whether it is Bad)
/// with scores in [0, 1]. Of a hundred Goods the largest alone tells of one in a hundred, and by
/// chance. So the upper part of the scores' log-odds is taken for exponential (peaks over a
/// threshold) and goes as far as its mean excess says; of few Goods all must stay below.
pub fn threshold_at_rate(scores: &[(f32, bool)], false_alarm_rate: f64) -> f32 {
    let log_odds = |score: f32| {
        let p = f64::from(score).clamp(1e-7, 1.0 - 1e-7);
        (p / (1.0 - p)).ln()
    };
    let mut goods: Vec<f64> = scores.iter().filter(|s| !s.1).map(|s| log_odds(s.0)).collect();
    goods.sort_by(|a, b| b.total_cmp(a));
    let Some(largest) = goods.first() else { return f32::NEG_INFINITY };
    let tail = tail_of(goods.len());
    let wanted = false_alarm_rate * goods.len() as f64;
    let reached = match goods.get(tail) {
        Some(foot) if tail >= FEWEST_OF_TAIL && wanted < tail as f64 => {
            let excess = goods[..tail].iter().map(|g| g - foot).sum::<f64>() / tail as f64;
            foot + excess * (tail as f64 / wanted.max(f64::MIN_POSITIVE)).ln()
        }
        // so many may be called that the scores themselves say from where on
        Some(_) if tail >= FEWEST_OF_TAIL => goods[(wanted as usize).min(goods.len() - 1)],
        _ => *largest,
    };
    // just above it
    ((1.0 / (1.0 + (-reached).exp())) as f32).next_up()
}

#[cfg(test)]
mod tests {
    use super::super::confusion::tests::scored;
    use super::*;

    fn set() -> Vec<Scored> {
        let good = (0..99).map(|i| scored(i, 0, &[1.0 - i as f32 / 200.0, i as f32 / 200.0]));
        let bad = (0..20).map(|i| scored(i, 1, &[0.4 - i as f32 / 100.0, 0.6 + i as f32 / 100.0]));
        good.chain(bad).collect()
    }

    #[test]
    fn the_highest_threshold_of_the_best_f1_is_taken() {
        // Bads lie at 0.60 and above, Goods at 0.49 and below: F1 is one from 0.50 to 0.60
        assert_eq!(best_f1(&set(), 1), 0.60);
    }

    #[test]
    fn a_perfect_score_of_one_becomes_099() {
        let all = [scored(1, 0, &[1.0, 0.0]), scored(2, 1, &[0.0, 1.0])];
        assert_eq!(best_f1(&all, 1), 0.99);
        assert_eq!(best_f1(&all[..1], 1), 0.99, "no example of the label");
    }

    /// Scores of as many Goods as [`goods`] has.
    fn as_scored(goods: &[(f32, bool)]) -> Vec<Scored> {
        let of = |(i, g): (usize, &(f32, bool))| scored(i as u32, 0, &[1.0 - g.0, g.0]);
        goods.iter().enumerate().map(of).collect()
    }

    fn rule(per_week: f64) -> ThresholdRule {
        ThresholdRule::FalseAlarms { per_week, images_per_week: 2_000.0 }
    }

    #[test]
    fn so_many_false_alarms_a_week_come_of_goods_that_were_not_seen() {
        let (few, many) = (as_scored(&goods(200)), goods(100_000));
        for per_week in [100.0, 20.0, 2.0] {
            let threshold = thresholds(&few, 2, Some(0), rule(per_week))[1];
            let share = many.iter().filter(|g| g.0 >= threshold).count() as f64 / 1e5;
            // a threshold is a whole hundredth
            let below = many.iter().filter(|g| g.0 >= threshold - 0.01).count() as f64 / 1e5;
            let wanted = per_week / 2_000.0;
            assert!(share < 1.3 * wanted && below > 0.7 * wanted, "{wanted}: {share} {below}");
        }
    }

    #[test]
    fn few_goods_promise_few_false_alarms_only_with_a_strict_threshold() {
        assert_eq!(thresholds(&as_scored(&goods(20)), 2, Some(0), rule(20.0))[1], 0.99);
        assert_eq!(thresholds(&[], 2, Some(0), rule(20.0))[1], 0.99);
    }

    #[test]
    fn alarms_are_shared_among_the_labels_that_raise_them() {
        let three: Vec<Scored> = goods(200)
            .iter()
            .enumerate()
            .map(|(i, g)| scored(i as u32, 0, &[1.0 - g.0, g.0, 0.0]))
            .collect();
        let two = as_scored(&goods(200));
        let of_three = thresholds(&three, 3, Some(0), rule(20.0))[1];
        assert!(of_three > thresholds(&two, 2, Some(0), rule(20.0))[1]);
    }

    /// Log-odds of Goods that are exponential from -4 on, `n` quantiles of it.
    fn goods(n: usize) -> Vec<(f32, bool)> {
        let log_odds = (0..n).map(|i| -4.0 - (1.0 - (i as f64 + 0.5) / n as f64).ln());
        log_odds.map(|l| ((1.0 / (1.0 + (-l).exp())) as f32, false)).collect()
    }

    #[test]
    fn a_rate_on_goods_gives_the_threshold_that_unseen_ones_keep() {
        let few = goods(100);
        let many = goods(100_000);
        for rate in [0.1, 0.01, 0.001] {
            let threshold = threshold_at_rate(&few, rate);
            let share = many.iter().filter(|g| g.0 >= threshold).count() as f64 / 1e5;
            assert!((share / rate - 1.0).abs() < 0.25, "{rate}: {share}");
        }
    }

    #[test]
    fn one_strange_good_of_a_hundred_does_not_set_the_threshold() {
        let mut all = goods(100);
        let before = threshold_at_rate(&all, 0.01);
        all[99].0 = 0.9999;
        let after = threshold_at_rate(&all, 0.01);
        assert!(after < 0.9 && after > before, "{before} {after}");
    }

    #[test]
    fn few_goods_must_all_stay_below() {
        let all = [(0.2, false), (0.7, false), (0.6, true)];
        let threshold = threshold_at_rate(&all, 0.01);
        assert!(threshold > 0.7 && threshold < 0.7001, "{threshold}");
        assert_eq!(threshold_at_rate(&all[2..], 0.01), f32::NEG_INFINITY);
    }

    #[test]
    fn where_half_may_be_called_the_scores_say_from_where() {
        let all = goods(100);
        let threshold = threshold_at_rate(&all, 0.5);
        let called = all.iter().filter(|g| g.0 >= threshold).count();
        assert!((49..=50).contains(&called), "{called}");
    }
}
