//! The progress of a loop, on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Shows the progress of a loop on standard error: on a terminal a bar with loss, IIA and time left, elsewhere one line
/// for each tenth of the steps.
pub struct Meter {
    display: Display,
    name: String,
    steps: usize,
    started: Instant,
    tenths: usize,
    iia: Option<f64>,
    validation: Option<f64>,
}

enum Display {
    Lines,
    Bar(ProgressBar),
}

impl Meter {
    /// Starts at step 0 of `steps`.
    #[must_use]
    pub fn new(name: &str, steps: usize) -> Self {
        let display = if std::io::stderr().is_terminal() { Display::Bar(bar(name, steps)) } else { Display::Lines };
        Self { display, name: name.to_owned(), steps, started: Instant::now(), tenths: 0, iia: None, validation: None }
    }

    /// Shows the state after `done` steps. The IIA is measured less often than the loss, so it stays until the next one.
    pub fn update(&mut self, done: usize, loss: f64, iia: Option<f64>) {
        self.iia = iia.or(self.iia);
        self.show(done, numbers(loss, self.iia, self.validation) + "  ");
    }

    /// Sets the IIA on validation pairs, which is shown until the next one.
    pub fn validated(&mut self, iia: f64) {
        self.validation = Some(iia);
    }

    /// Shows the state after `done` steps of a loop that has no loss.
    pub fn advance(&mut self, done: usize) {
        self.show(done, String::new());
    }

    fn show(&mut self, done: usize, numbers: String) {
        let due = self.due(done);
        match &self.display {
            Display::Lines if due => {
                let left = left(self.started.elapsed(), done, self.steps);
                eprintln!("{}  {done}/{}  {numbers}{left}", self.name, self.steps);
            }
            Display::Lines => {}
            Display::Bar(bar) => {
                bar.set_position(done as u64);
                bar.set_message(numbers);
            }
        }
    }

    /// Removes the bar.
    pub fn finish(self) {
        if let Display::Bar(bar) = self.display {
            bar.finish_and_clear();
        }
    }

    /// Whether another tenth of the steps is done.
    fn due(&mut self, done: usize) -> bool {
        let tenths = (10 * done).checked_div(self.steps).unwrap_or(10);
        let due = tenths > self.tenths;
        self.tenths = tenths;
        due
    }
}

fn bar(name: &str, steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    let template = "{prefix}  {bar:32.cyan/bright.black}  {pos}/{len}  {msg}{eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━━━"));
    }
    bar.set_prefix(name.to_owned());
    bar
}

fn numbers(loss: f64, iia: Option<f64>, validation: Option<f64>) -> String {
    let mut numbers = format!("loss {loss:.4}");
    for (name, value) in [("IIA", iia), ("validation", validation)] {
        if let Some(value) = value {
            numbers += &format!("  {name} {value:.3}");
        }
    }
    numbers
}

fn left(elapsed: Duration, done: usize, steps: usize) -> String {
    if done == 0 || done >= steps {
        return format!("in {}", HumanDuration(elapsed));
    }
    format!("{} left", HumanDuration(elapsed.mul_f64((steps - done) as f64 / done as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_every_tenth() {
        let mut progress = Meter::new("alignment", 2000);
        let due: Vec<usize> = (1..=2000).filter(|&done| progress.due(done)).collect();
        assert_eq!(due, (1..=10).map(|tenth| 200 * tenth).collect::<Vec<_>>());
        let mut short = Meter::new("alignment", 3);
        assert_eq!((1..=3).filter(|&done| short.due(done)).count(), 3);
        assert!(Meter::new("nothing", 0).due(0));
    }

    #[test]
    fn the_iia_stays_on_show() {
        let mut progress = Meter::new("alignment", 10);
        progress.update(1, 0.7, Some(0.5));
        progress.update(2, 0.6, None);
        assert_eq!(numbers(0.6, progress.iia, None), "loss 0.6000  IIA 0.500");
        progress.validated(0.25);
        progress.update(3, 0.5, None);
        assert_eq!(numbers(0.5, progress.iia, progress.validation), "loss 0.5000  IIA 0.500  validation 0.250");
        assert_eq!(numbers(0.6, None, None), "loss 0.6000");
    }

    #[test]
    fn the_time_left_follows_from_the_time_taken() {
        assert_eq!(left(Duration::from_secs(10), 100, 400), "30 seconds left");
        assert_eq!(left(Duration::from_secs(10), 400, 400), "in 10 seconds");
    }
}
