//! The axis of a curve: the position of each value, and the tick labels.

/// A range of values, or of their decadic logarithms if the axis is logarithmic.
pub(super) struct ValueAxis {
    low: f64,
    high: f64,
    tick: f64,
    pub logarithmic: bool,
}

impl ValueAxis {
    /// From `low` to `high`; with `widen`, extended to whole ticks at both ends.
    pub fn linear(low: f64, high: f64, widen: bool) -> Self {
        let span = if high > low { high - low } else { 1.0 };
        let rough = span / 6.0;
        let decade = 10f64.powf(rough.log10().floor());
        let tick = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * decade).into_iter().find(|t| *t >= rough * 0.999);
        let tick = tick.unwrap_or(10.0 * decade);
        let (low, high) =
            if widen { ((low / tick).floor() * tick, ((low + span) / tick).ceil() * tick) } else { (low, low + span) };
        Self { low, high, tick, logarithmic: false }
    }

    /// For losses: logarithmic if they span more than two decades, otherwise from 0 (or below) to the largest.
    pub fn for_losses(values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if least > 0.0 && most / least > 100.0 {
            let (low, high) = (least.log10().floor(), most.log10().ceil());
            return Self { low, high, tick: 1.0, logarithmic: true };
        }
        if values.is_empty() { Self::linear(0.0, 1.0, true) } else { Self::linear(least.min(0.0), most, true) }
    }

    /// The position of a value, from 0 to 1; `None` for a value without a logarithm on a logarithmic axis.
    pub fn place(&self, value: f64) -> Option<f64> {
        let value = if self.logarithmic { value.log10() } else { value };
        value.is_finite().then(|| (value - self.low) / (self.high - self.low))
    }

    /// The values of the ticks, and their labels.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let (first, last) =
            ((self.low / self.tick - 1e-6).ceil() as i64, (self.high / self.tick + 1e-6).floor() as i64);
        let decimals = (-self.tick.log10()).ceil().clamp(0.0, 12.0) as usize;
        // Steps of 0.25 need one more decimal.
        let quarter = (self.tick * 10f64.powi(decimals as i32)).fract() > 1e-6;
        let decimals = decimals + usize::from(quarter);
        let tick = |i: i64| {
            let at = i as f64 * self.tick;
            if self.logarithmic {
                let value = 10f64.powf(at);
                (value, if (-3.5..4.5).contains(&at) { format!("{value}") } else { format!("1e{at:.0}") })
            } else {
                (at, format!("{at:.decimals$}"))
            }
        };
        (first..=last).map(tick).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_logarithmic_past_two_decades() {
        let axis = |from, to| ValueAxis::for_losses(&[from, to]);
        assert!(!axis(1.0, 0.02).logarithmic);
        let steep = axis(2.0, 0.0005);
        assert!(steep.logarithmic);
        let labels: Vec<String> = steep.ticks().into_iter().map(|tick| tick.1).collect();
        assert_eq!(labels, ["1e-4", "0.001", "0.01", "0.1", "1", "10"]);
    }

    #[test]
    fn ticks_are_round() {
        let labels =
            |low, high| ValueAxis::linear(low, high, true).ticks().into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(labels(0.0, 0.69), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(0.0, 2000.0), ["0", "500", "1000", "1500", "2000"]);
        assert_eq!(labels(0.0, 0.15), ["0.000", "0.025", "0.050", "0.075", "0.100", "0.125", "0.150"]);
    }
}
