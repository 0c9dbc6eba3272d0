//! Rows in JSONL files: each line is an object with the keys of [`Row::from_json`].

use std::path::Path;

use serde_json::Value;

use super::Row;
use crate::error::Error;
use crate::files;

/// Reads the rows of a file. Empty lines are skipped; any other mistake is an error that names the line.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let text = files::read_text(path)?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{number}", path.display());
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(row)) => rows.push(Row::from_json(&row, &place)?),
            Ok(other) => {
                let problem = format!(
                    "each line must be an object, {{\"base\": .., \"source\": .., \"label\": ..}}, not {other}"
                );
                return Err(Error::Data { place, problem });
            }
            Err(error) => {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default();
                return Err(Error::Data { place, problem: format!("not JSON: {message} (column {})", error.column()) });
            }
        }
    }
    if rows.is_empty() {
        return Err(Error::content(
            path,
            "no rows: each line must be an object with base, source and label, or with prompt and completion",
        ));
    }
    Ok(rows)
}
