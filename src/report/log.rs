//! The log of a run: its numbers at each step, in `metrics.jsonl` and in TensorBoard's format.

use std::fs;
use std::path::Path;

use serde::{Serialize, Serializer};

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
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(2 + self.values.len()))?;
        map.serialize_entry("phase", self.phase)?;
        map.serialize_entry("step", &self.step)?;
        for (name, value) in self.values {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tensorboard::records;
    use super::*;

    #[test]
    fn each_step_is_a_line_and_its_scalars() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path()).unwrap();
        log.step("alignment", 0, &[("loss", 0.7), ("iia", 0.5)]).unwrap();
        let partial = folder.path().join("metrics.jsonl.partial");
        assert_eq!(fs::read_to_string(&partial).unwrap().lines().count(), 1, "a line is there as soon as it is logged");
        log.step("alignment", 10, &[("loss", f64::NAN), ("lr", 1e-3)]).unwrap();
        log.finish().unwrap();
        assert!(!partial.exists());
        let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        assert_eq!(
            text,
            "{\"phase\":\"alignment\",\"step\":0,\"loss\":0.7,\"iia\":0.5}\n\
             {\"phase\":\"alignment\",\"step\":10,\"loss\":null,\"lr\":0.001}\n"
        );
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        let events = fs::read_dir(folder.path().join("tensorboard")).unwrap().next().unwrap().unwrap().path();
        assert!(events.to_str().unwrap().ends_with(".0"), "{events:?}");
        let bytes = fs::read(events).unwrap();
        let tagged = |tag: &str| {
            records(&bytes).iter().filter(|record| record.windows(tag.len()).any(|w| w == tag.as_bytes())).count()
        };
        assert_eq!((records(&bytes).len(), tagged("alignment/loss"), tagged("alignment/lr")), (5, 2, 1));
    }

    #[test]
    fn an_unfinished_log_has_no_final_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path()).unwrap();
        log.step("alignment", 0, &[("loss", 0.7)]).unwrap();
        drop(log);
        assert!(!folder.path().join("metrics.jsonl").exists());
        assert!(folder.path().join("metrics.jsonl.partial").exists());
    }
}
