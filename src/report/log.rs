//! The log of a run: its numbers at each step, in `metrics.jsonl` and in TensorBoard's format.

use std::fs;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::tensorboard::EventFile;
use crate::error::Error;
use crate::files::Stream;

/// Writes `metrics.jsonl` (one JSON object per line: `pandas.read_json(path, lines=True)`) and TensorBoard's event file
/// under `tensorboard/`. Both names have `.partial` in them until [`Log::finish`].
///
/// The lines have no times, so two runs with one seed write the same bytes.
pub struct Log {
    lines: Stream,
    events: EventFile,
}

impl Log {
    /// Starts the log of a run in its folder, which has to exist.
    pub fn create(run: &Path) -> Result<Self, Error> {
        let folder = run.join("tensorboard");
        fs::create_dir_all(&folder).map_err(Error::file(&folder, "cannot create the folder"))?;
        Ok(Self { lines: Stream::create(&run.join("metrics.jsonl"))?, events: EventFile::create(&folder)? })
    }

    /// Writes the values of one step of a phase ("alignment", "contrast"). Their names are the keys of the line, and
    /// `phase/name` is the tag in TensorBoard. A value that is not finite is null in the line.
    pub fn step(&mut self, phase: &str, step: usize, values: &[(&str, f64)]) -> Result<(), Error> {
        let line = serde_json::to_string(&LogLine { phase, step, values });
        let line = line.map_err(|e| Error::Invalid(format!("metrics.jsonl: {e}")))?;
        self.lines.add(line.as_bytes())?;
        self.lines.add(b"\n")?;
        for (name, value) in values {
            self.events.scalar(&format!("{phase}/{name}"), *value, step)?;
        }
        self.lines.flush()?;
        self.events.flush()
    }

    /// The event file, to add texts and pictures.
    pub fn events(&mut self) -> &mut EventFile {
        &mut self.events
    }

    /// Closes both files and gives them their final names.
    pub fn finish(self) -> Result<(), Error> {
        self.lines.finish()?;
        self.events.finish()
    }
}

struct LogLine<'a> {
    phase: &'a str,
    step: usize,
    values: &'a [(&'a str, f64)],
}

impl Serialize for LogLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.values.iter().map(|(name, value)| (*name, json!(value)));
        serializer.collect_map([("phase", json!(self.phase)), ("step", json!(self.step))].into_iter().chain(values))
    }
}
