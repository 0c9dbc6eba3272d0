//! A picture of a training: loss and IIA over the steps.

use std::path::Path;

use super::axis::ValueAxis;
use super::canvas::{Anchor, Canvas, text_width};
use super::colour::{FAINT_INK, GRID, INK, Rgb, SERIES, WHITE, tint};
use crate::error::Error;
use crate::files;

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 675;
/// The frame of the curves, in pixels: left, top, right, bottom.
const FRAME: (f64, f64, f64, f64) = (92.0, 104.0, 1112.0, 598.0);
/// A curve of more points is averaged in groups, because a pixel cannot show more.
const MOST_POINTS: usize = 400;

/// The curves of one training, each a list of (step, value).
pub struct Series<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// The loss, on the left axis.
    pub loss: &'a [(usize, f64)],
    /// The interchange intervention accuracy, on the right axis.
    pub iia: &'a [(usize, f64)],
}

/// Draws the trainings into one PNG of 1200 × 675 pixels: the loss as a thin, pale line, on a logarithmic axis if it spans
/// more than two decades; the IIA as a thick line, from 0 to 1. Values that are not finite are left out.
pub fn curve(path: &Path, title: &str, series: &[Series<'_>]) -> Result<(), Error> {
    files::write(path, &draw(title, series)?)
}

fn draw(title: &str, series: &[Series<'_>]) -> Result<Vec<u8>, Error> {
    let steps = series.iter().flat_map(|s| s.loss.iter().chain(s.iia)).map(|point| point.0);
    let steps = ValueAxis::linear(0.0, steps.max().unwrap_or(1).max(1) as f64, false);
    let losses = series.iter().flat_map(|s| points(s.loss, |step, value| Some((step, value))));
    let loss = ValueAxis::for_losses(&losses.map(|point| point.1).collect::<Vec<_>>());
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    scales(&mut canvas, title, &steps, &loss);
    // The IIA is drawn over the loss, and the first training over the others.
    for (s, colour) in coloured(series).rev() {
        let points = points(s.loss, |step, value| Some((x(&steps, step), y(loss.place(value)?))));
        canvas.line(&points, tint(colour, 0.5), 1.4);
    }
    for (s, colour) in coloured(series).rev() {
        let points = points(s.iia, |step, value| Some((x(&steps, step), y(value.clamp(0.0, 1.0)))));
        canvas.line(&points, colour, 2.8);
        for &point in points.iter().filter(|_| points.len() <= 60) {
            canvas.dot(point, 4.6, WHITE);
            canvas.dot(point, 3.6, colour);
        }
    }
    legend(&mut canvas, series);
    canvas.png()
}

fn scales(canvas: &mut Canvas, title: &str, steps: &ValueAxis, loss: &ValueAxis) {
    let (left, top, right, bottom) = FRAME;
    canvas.text(title, (left, 36.0), Anchor::Start, 27.0, INK);
    // Only the IIA's grid is drawn, because two grids would be mistaken for one.
    for tenths in (0..=10).step_by(2) {
        let height = y(f64::from(tenths) / 10.0);
        canvas.line(&[(left, height), (right, height)], GRID, 1.0);
        let label = format!("{:.1}", f64::from(tenths) / 10.0);
        canvas.text(&label, (right + 12.0, height), Anchor::Start, 18.0, FAINT_INK);
    }
    for (at, label) in steps.ticks() {
        canvas.line(&[(x(steps, at), bottom), (x(steps, at), bottom + 6.0)], FAINT_INK, 1.0);
        canvas.text(&label, (x(steps, at), bottom + 20.0), Anchor::Middle, 18.0, FAINT_INK);
    }
    for (at, label) in loss.ticks() {
        let Some(height) = loss.place(at).map(y) else { continue };
        canvas.line(&[(left - 6.0, height), (left, height)], FAINT_INK, 1.0);
        canvas.text(&label, (left - 12.0, height), Anchor::End, 18.0, FAINT_INK);
    }
    canvas.line(&[(left, top), (left, bottom), (right, bottom), (right, top)], FAINT_INK, 1.0);
    let middle = f64::midpoint(top, bottom);
    let axis = if loss.logarithmic { "loss (log)" } else { "loss" };
    canvas.text_up(axis, (24.0, middle), Anchor::Middle, 19.0, INK);
    canvas.text_up("IIA", (f64::from(WIDTH) - 26.0, middle), Anchor::Middle, 19.0, INK);
    canvas.text("step", (f64::midpoint(left, right), bottom + 52.0), Anchor::Middle, 19.0, INK);
}

/// Draws a row above the frame: each training's name, and a sample of its two lines.
fn legend(canvas: &mut Canvas, series: &[Series<'_>]) {
    const SIZE: f64 = 19.0;
    let mut at = FRAME.0;
    let height = 76.0;
    for (s, colour) in coloured(series) {
        canvas.text(s.name, (at, height), Anchor::Start, SIZE, colour);
        at += text_width(s.name, SIZE) + 16.0;
        let mut key = |canvas: &mut Canvas, name: &str, colour: Rgb, thickness: f64| {
            canvas.line(&[(at, height), (at + 30.0, height)], colour, thickness);
            at += 38.0;
            canvas.text(name, (at, height), Anchor::Start, SIZE, INK);
            at += text_width(name, SIZE) + 16.0;
        };
        if !s.iia.is_empty() {
            key(canvas, "IIA", colour, 2.8);
        }
        if !s.loss.is_empty() {
            key(canvas, "loss", tint(colour, 0.5), 1.4);
        }
        at += 28.0;
    }
}

fn coloured<'a>(series: &'a [Series<'a>]) -> impl DoubleEndedIterator<Item = (&'a Series<'a>, Rgb)> {
    series.iter().enumerate().map(|(i, s)| (s, SERIES[i % SERIES.len()]))
}

/// The points of a curve in the picture; neighbours are averaged if there are more than [`MOST_POINTS`].
fn points(curve: &[(usize, f64)], place: impl Fn(f64, f64) -> Option<(f64, f64)>) -> Vec<(f64, f64)> {
    let finite: Vec<(f64, f64)> =
        curve.iter().filter(|point| point.1.is_finite()).map(|&(step, value)| (step as f64, value)).collect();
    let group = finite.len().div_ceil(MOST_POINTS).max(1);
    let means = finite.chunks(group).map(|chunk| {
        let n = chunk.len() as f64;
        (chunk.iter().map(|p| p.0).sum::<f64>() / n, chunk.iter().map(|p| p.1).sum::<f64>() / n)
    });
    means.filter_map(|(step, value)| place(step, value)).collect()
}

fn x(steps: &ValueAxis, step: f64) -> f64 {
    FRAME.0 + (FRAME.2 - FRAME.0) * steps.place(step).unwrap_or(0.0)
}

fn y(share: f64) -> f64 {
    FRAME.3 - (FRAME.3 - FRAME.1) * share
}

#[cfg(test)]
mod tests {
    use super::super::canvas::decode;
    use super::*;

    fn falling(from: f64, to: f64) -> Vec<(usize, f64)> {
        (0..=2000).step_by(2).map(|step| (step, from * (to / from).powf(step as f64 / 2000.0))).collect()
    }

    #[test]
    fn the_picture_has_its_size_and_both_curves() {
        let (loss, iia) = (falling(0.7, 0.1), vec![(0, 0.5), (1000, 0.9), (2000, 0.99)]);
        let png = draw("title", &[Series { name: "run", loss: &loss, iia: &iia }]).unwrap();
        let (width, height, pixels) = decode(&png);
        assert_eq!((width, height), (WIDTH, HEIGHT));
        let count = |colour: Rgb| pixels.chunks(3).filter(|pixel| *pixel == colour).count();
        assert!(count(SERIES[0]) > 1000, "{}", count(SERIES[0]));
        assert!(count(tint(SERIES[0], 0.5)) > 500, "{}", count(tint(SERIES[0], 0.5)));
        assert_eq!(count(SERIES[1]), 0);
    }

    #[test]
    fn odd_curves_draw_too() {
        let odd = [(0, f64::NAN), (3, f64::INFINITY), (5, 0.0)];
        for loss in [&odd[..], &[], &odd[2..]] {
            draw("odd", &[Series { name: "run", loss, iia: &[] }]).unwrap();
        }
        draw("none", &[]).unwrap();
    }

    #[test]
    fn many_points_are_averaged() {
        let noisy: Vec<(usize, f64)> = (0..4000).map(|step| (step, (step % 2) as f64)).collect();
        let points = points(&noisy, |step, value| Some((step, value)));
        assert_eq!(points.len(), MOST_POINTS);
        assert!(points.iter().all(|point| point.1 == 0.5));
    }
}
