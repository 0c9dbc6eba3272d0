//! Curves over the steps of a training, as SVG paths in a box of 1000 × 1000 that the page stretches.

use std::fmt::Write;

use serde::Serialize;

use super::super::axis::ValueAxis;
use super::super::colour::SERIES;
use super::content::QuantityCurves;

/// The largest number of steps in the picture and in the table below it; longer curves are thinned.
const MOST_STEPS: usize = 200;

/// The template's values. Positions are percentages from the left and from the top.
#[derive(Serialize)]
pub(super) struct Plot {
    title: String,
    lines: Vec<CurveLine>,
    x: Vec<Tick>,
    y: Vec<Tick>,
    /// One row for each step, with a value for each line that has one at this step.
    rows: Vec<StepRow>,
    /// A description of the picture for screen readers.
    words: String,
}

#[derive(Serialize)]
struct CurveLine {
    name: String,
    colour: usize,
    path: String,
}

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct StepRow {
    step: usize,
    at: f64,
    values: Vec<Option<Tick>>,
}

pub(super) fn view(curve: &QuantityCurves) -> Plot {
    let lines: Vec<(&String, Vec<(usize, f64)>)> =
        curve.lines.iter().map(|(name, points)| (name, thinned(points))).collect();
    let points = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let last = points().map(|(step, _)| step).max().unwrap_or(1).max(1);
    let first = points().map(|(step, _)| step).min().unwrap_or(0);
    let x = ValueAxis::linear(if first <= last / 10 { 0.0 } else { first as f64 }, last as f64, false);
    let y = match curve.share {
        true => ValueAxis::linear(0.0, 1.0, false),
        false => ValueAxis::for_losses(&points().map(|point| point.1).collect::<Vec<_>>()),
    };
    let right = |step: usize| 100.0 * x.place(step as f64).unwrap_or(0.0);
    let down = |value: f64| y.place(value).map(|share| 100.0 * (1.0 - share.clamp(0.0, 1.0)));
    let mut steps: Vec<usize> = points().map(|(step, _)| step).collect();
    steps.sort_unstable();
    steps.dedup();
    let value = |points: &[(usize, f64)], step: usize| {
        let (_, value) = points.iter().find(|(other, _)| *other == step)?;
        Some(Tick { at: down(*value)?, label: value_text(*value, curve.share) })
    };
    let row = |step: &usize| StepRow {
        step: *step,
        at: right(*step),
        values: lines.iter().map(|(_, points)| value(points, *step)).collect(),
    };
    let draw = |points: &[(usize, f64)]| {
        let mut path = String::new();
        for (step, value) in points {
            if let Some(down) = down(*value) {
                let letter = if path.is_empty() { 'M' } else { 'L' };
                // Writing to a string cannot fail.
                let _ = write!(path, "{letter}{:.1} {:.1}", 10.0 * right(*step), 10.0 * down);
            }
        }
        path
    };
    let tick = |at: Option<f64>, label: String| at.map(|at| Tick { at, label });
    let words = lines.iter().filter_map(|(name, points)| {
        let ((first, from), (last, to)) = (points.first()?, points.last()?);
        let (from, to) = (value_text(*from, curve.share), value_text(*to, curve.share));
        Some(format!("{name}: from {from} at step {first} to {to} at step {last}"))
    });
    Plot {
        title: curve.title.clone(),
        x: x.ticks().into_iter().map(|(at, label)| Tick { at: right(at as usize), label }).collect(),
        y: y.ticks().into_iter().filter_map(|(at, label)| tick(down(at), label)).collect(),
        rows: steps.iter().map(row).collect(),
        words: words.collect::<Vec<_>>().join("; "),
        lines: lines
            .iter()
            .enumerate()
            .map(|(at, (name, points))| CurveLine {
                name: (*name).clone(),
                colour: at % SERIES.len(),
                path: draw(points),
            })
            .collect(),
    }
}

/// The finite points, at most [`MOST_STEPS`] at equal distances, with the last one.
fn thinned(points: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let finite: Vec<(usize, f64)> = points.iter().copied().filter(|point| point.1.is_finite()).collect();
    let every = finite.len().div_ceil(MOST_STEPS).max(1);
    let last = finite.len().saturating_sub(1);
    finite.into_iter().enumerate().filter(|(at, _)| (last - at).is_multiple_of(every)).map(|(_, point)| point).collect()
}

/// The text of a value in the table.
fn value_text(value: f64, share: bool) -> String {
    match value.abs() {
        _ if share => format!("{value:.3}"),
        size if size != 0.0 && !(1e-3..1e4).contains(&size) => format!("{value:.2e}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(share: bool, points: &[(usize, f64)]) -> QuantityCurves {
        QuantityCurves { title: "IIA".into(), share, lines: vec![("run".into(), points.to_vec())] }
    }

    #[test]
    fn a_curve_lies_where_its_values_are() {
        let plot = view(&curve(true, &[(0, 0.5), (100, 1.0)]));
        assert_eq!(plot.lines[0].path, "M0.0 500.0L1000.0 0.0");
        assert_eq!(plot.rows.len(), 2);
        let last = plot.rows[1].values[0].as_ref().unwrap();
        assert_eq!((plot.rows[1].at, last.at, &*last.label), (100.0, 0.0, "1.000"));
        assert_eq!(plot.words, "run: from 0.500 at step 0 to 1.000 at step 100");
    }

    #[test]
    fn many_points_are_thinned_and_the_last_stays() {
        let points: Vec<(usize, f64)> = (1..=1001).map(|step| (step, 1.0 / step as f64)).collect();
        let plot = view(&curve(false, &points));
        assert!(plot.rows.len() <= MOST_STEPS && plot.rows.len() > MOST_STEPS / 2, "{}", plot.rows.len());
        assert_eq!(plot.rows.last().unwrap().step, 1001);
    }

    #[test]
    fn odd_curves_draw_too() {
        for points in [&[][..], &[(3, f64::NAN)], &[(5, 0.0)]] {
            let plot = view(&curve(false, points));
            assert!(plot.rows.iter().all(|row| row.at.is_finite()));
        }
    }
}
