//! How visible a fault is: the delta chi-square that an observer expects who knows the nominal plot.
//!
//! For Poisson counts the chi-square is the likelihood ratio of Baker and Cousins (Nucl. Instrum.
//! Meth. 221 (1984) 437). Between the two hypotheses "nominal" (expectation m in a bin) and
//! "faulty" (expectation f) the difference on counts n is 2 (m - f + n ln(f/m)); when the fault is
//! there, n averages f, so that the expectation is the sum over bins of 2 (m - f + f ln(f/m)),
//! without approximation at any count. For many counts this is (f - m)^2 / m, as usual; for a
//! channel that died it is 2 m.

/// The expected delta chi-square of one bin that should hold `nominal` and holds `faulty` counts on
/// average; infinite where counts come that can never come nominally.
pub fn expected_dchi2(nominal: f64, faulty: f64) -> f64 {
    if nominal <= 0.0 {
        return if faulty > 0.0 { f64::INFINITY } else { 0.0 };
    }
    if faulty <= 0.0 {
        return 2.0 * nominal;
    }
    2.0 * (nominal - faulty + faulty * (faulty / nominal).ln())
}

/// The delta chi-square that `count` shows between the two hypotheses, in one bin.
pub fn measured_dchi2(nominal: f64, faulty: f64, count: u32) -> f64 {
    if nominal <= 0.0 {
        return 0.0;
    }
    let logarithm = if count == 0 { 0.0 } else { f64::from(count) * (faulty / nominal).ln() };
    2.0 * (nominal - faulty + logarithm)
}

/// The chi-square of `count` against the nominal expectation, in one bin.
pub fn chi2(nominal: f64, count: u32) -> f64 {
    expected_dchi2(nominal, f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_counts_give_the_textbook_chi_square() {
        assert!((expected_dchi2(10_000.0, 10_100.0) - 1.0).abs() < 0.01);
        assert!((chi2(10_000.0, 9_900) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_dead_channel_shows_twice_its_counts_and_no_change_shows_nothing() {
        assert_eq!(expected_dchi2(30.0, 0.0), 60.0);
        assert_eq!(expected_dchi2(30.0, 30.0), 0.0);
        assert_eq!(expected_dchi2(0.0, 0.0), 0.0);
    }

    #[test]
    fn what_is_measured_averages_to_what_is_expected() {
        // mean over Poisson(f) of a function linear in n is the function at n = f
        let (nominal, faulty) = (50.0, 20.0);
        let at_mean = measured_dchi2(nominal, faulty, 20);
        assert!((at_mean - expected_dchi2(nominal, faulty)).abs() < 1e-12);
    }
}
