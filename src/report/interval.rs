//! The confidence interval of a proportion.

/// The 95% interval of Wilson (1927) for a proportion, `hits` of `trials`.
///
/// With p the proportion, n the trials and z = 1.96, `(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)`. Unlike
/// `p ± z √(p(1 − p)/n)` it stays within 0 and 1 and has a width at p = 1, which good alignments reach. Returns
/// (low, high); without trials (0, 1).
#[must_use]
pub fn wilson(hits: usize, trials: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let p = hits as f64 / n;
    let centre = p + Z * Z / (2.0 * n);
    let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // The interval contains the proportion. At 0 and 1 rounding errors could exclude it.
    (((centre - reach) / scale).clamp(0.0, p), ((centre + reach) / scale).clamp(p, 1.0))
}
