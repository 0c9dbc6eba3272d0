//! The reports of a run: log, curve, heatmap, table, HTML page and model card.
//!
//! The functions take plain numbers and names. They do not depend on models, interventions or training.

mod axis;
mod canvas;
mod card;
mod colour;
mod curve;
mod heatmap;
mod interval;
mod log;
mod observer;
pub mod page;
mod table;
mod tensorboard;
mod terminal;

pub use card::{Card, Metric};
pub use curve::{Series, curve};
pub use heatmap::{Heatmap, quoted};
pub use interval::wilson;
pub use log::Log;
pub use observer::Observer;
pub use table::{Column, TableRow, table};
pub use tensorboard::EventFile;
pub use terminal::Ink;
