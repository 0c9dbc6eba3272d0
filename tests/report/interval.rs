//! The confidence interval of a proportion.

use intervene::report::wilson;

/// The definition of the interval: its ends are exactly z standard errors away from the proportion.
#[test]
fn the_ends_are_z_standard_errors_away() {
    for (hits, trials) in [(0, 10), (9, 10), (10, 10), (500, 1000), (9876, 10_000)] {
        let (n, p) = (trials as f64, hits as f64 / trials as f64);
        let (low, high) = wilson(hits, trials);
        for end in [low, high] {
            let errors = (p - end).abs() / (end * (1.0 - end) / n).sqrt();
            // At 0 and 1 the near end is the proportion itself, rounding aside.
            let there = (p - end).abs() < 1e-12;
            assert!(there || (errors - 1.959_964).abs() < 1e-5, "{hits}/{trials}: {end} is {errors} away");
        }
        assert!(0.0 <= low && low <= p && p <= high && high <= 1.0 && low < high);
    }
    assert_eq!(wilson(0, 0), (0.0, 1.0));
}
