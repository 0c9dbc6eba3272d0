//! Progress and results on the terminal.

use std::io::IsTerminal;

use crate::report::{Column, Heatmap, Ink, Observer, Progress, table};

/// Shows progress and notes on standard error, and results on standard output.
#[derive(Default)]
pub struct Console {
    progress: Option<Progress>,
}

impl Observer for Console {
    fn note(&mut self, line: &str) {
        eprintln!("{line}");
    }

    fn example(&mut self, bracketed: &str, styled: &str) {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let styles = std::io::stderr().is_terminal() && !dumb;
        eprintln!("{}\n", if styles { styled } else { bracketed });
    }

    fn begin(&mut self, name: &str, total: usize) {
        self.progress = Some(Progress::new(name, total, false));
    }

    fn advance(&mut self, done: usize) {
        if let Some(progress) = &mut self.progress {
            progress.advance(done);
        }
    }

    fn step(&mut self, done: usize, loss: f64, iia: Option<f64>) {
        if let Some(progress) = &mut self.progress {
            progress.update(done, loss, iia);
        }
    }

    fn validated(&mut self, iia: f64) {
        if let Some(progress) = &mut self.progress {
            progress.validated(iia);
        }
    }

    fn end(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
    }

    fn trained(&mut self, columns: &[Column]) {
        println!("{}", table(columns));
    }

    fn swept(&mut self, heatmaps: &[Heatmap]) {
        for heatmap in heatmaps {
            println!("{}", heatmap.text(Ink::for_stdout()));
        }
    }
}
