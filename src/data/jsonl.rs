//! Interchanges from JSONL files: a row of [`Row::from_json`]'s keys on each line.

use std::path::Path;

use serde_json::Value;

use super::Row;
use crate::error::Error;
use crate::files;

/// Reads the rows of a file. Empty lines are passed over; whatever else is wrong is an error that names the line.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let text = files::read_text(path)?;
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{}", path.display(), at + 1);
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(row)) => rows.push(Row::from_json(&row, &place)?),
            Ok(other) => {
                let problem =
                    format!("each line is an object, {{\"base\": .., \"source\": .., \"label\": ..}}, not {other}");
                return Err(Error::Data { place, problem });
            }
            Err(error) => {
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                return Err(Error::Data { place, problem: format!("not JSON: {said} (column {})", error.column()) });
            }
        }
    }
    if rows.is_empty() {
        return Err(Error::content(
            path,
            "no rows: each line is an object with base, source and label, or with prompt and completion",
        ));
    }
    Ok(rows)
}
