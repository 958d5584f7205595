//! How well a score puts one class before the other.

/// Area under the receiver operating characteristic: the probability that a positive's score
/// exceeds a negative's, ties counting half. `None` without both.
pub fn auroc(scores: impl IntoIterator<Item = (f32, bool)>) -> Option<f64> {
    let mut scores: Vec<(f32, bool)> = scores.into_iter().collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scores.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scores.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut rank_sum = 0.0;
    let mut start = 0;
    while start < scores.len() {
        let same = scores[start..].iter().take_while(|s| s.0 == scores[start].0).count();
        let mean_rank = start as f64 + (same as f64 + 1.0) / 2.0;
        let of_positives = scores[start..start + same].iter().filter(|s| s.1).count();
        rank_sum += mean_rank * of_positives as f64;
        start += same;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_alone_counts_and_ties_count_half() {
        let area = |s: &[(f32, bool)]| auroc(s.iter().copied());
        assert_eq!(area(&[(0.1, false), (0.2, false), (0.3, true)]), Some(1.0));
        assert_eq!(area(&[(0.9, false), (0.2, true)]), Some(0.0));
        assert_eq!(area(&[(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(area(&[(0.1, false), (0.4, true), (0.4, false), (0.8, true)]), Some(0.875));
        assert_eq!(area(&[(0.1, true)]), None);
    }
}
