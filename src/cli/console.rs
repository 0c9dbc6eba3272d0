//! Progress and results on the terminal.

use std::io::IsTerminal;

use serde::Serialize;

use super::ink::ink;
use super::meter::Meter;
use super::transfers::Transfers;
use crate::monitor::Monitor;
use crate::report::{Column, Heatmap, Observer, table};

/// Shows progress and notes on standard error, and results on standard output.
#[derive(Default)]
pub struct Console {
    meter: Option<Meter>,
    transfers: Transfers,
}

impl Console {
    /// A console, or nothing at all if the command is quiet.
    pub fn observer(quiet: bool) -> Box<dyn Observer> {
        if quiet { Box::new(()) } else { Box::new(Self::default()) }
    }
}

impl Monitor for Console {
    fn warn(&mut self, problem: &str) {
        self.transfers.warn(problem);
    }

    fn begin_transfer(&mut self, name: &str, bytes: u64) {
        self.transfers.begin_transfer(name, bytes);
    }

    fn transferred(&mut self, bytes: u64) {
        self.transfers.transferred(bytes);
    }

    fn end_transfer(&mut self) {
        self.transfers.end_transfer();
    }
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
        self.meter = Some(Meter::new(name, total));
    }

    fn advance(&mut self, done: usize) {
        if let Some(meter) = &mut self.meter {
            meter.advance(done);
        }
    }

    fn step(&mut self, done: usize, loss: f64, iia: Option<f64>) {
        if let Some(meter) = &mut self.meter {
            meter.update(done, loss, iia);
        }
    }

    fn validated(&mut self, iia: f64) {
        if let Some(meter) = &mut self.meter {
            meter.validated(iia);
        }
    }

    fn end(&mut self) {
        if let Some(meter) = self.meter.take() {
            meter.finish();
        }
    }

    fn trained(&mut self, columns: &[Column]) {
        println!("{}", table(columns));
    }

    fn swept(&mut self, heatmaps: &[Heatmap]) {
        for heatmap in heatmaps {
            println!("{}", heatmap.text(ink()));
        }
    }
}

/// A value as one line of JSON.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("numbers and names make JSON")
}
