//! Rows in Parquet files, the format of data sets on the Hugging Face Hub; the columns are the keys of
//! [`super::jsonl`].

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

use super::Row;
use super::row::{COMPLETION, ROW};
use crate::error::{Error, nearest};

/// Reads the rows of a file, uncompressed or compressed with Snappy (the Hub's default).
///
/// Additional columns are ignored, unless their name looks like a misspelt key, which is an error. Errors count rows
/// from 1.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let file = File::open(path).map_err(Error::file(path, "cannot read"))?;
    let wrong =
        |error: parquet::errors::ParquetError| Error::content(path, format!("not the Parquet expected here: {error}"));
    let reader = SerializedFileReader::new(file).map_err(wrong)?;
    let columns: Vec<String> =
        reader.metadata().file_metadata().schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
    let completions = COMPLETION.iter().all(|key| columns.iter().any(|column| column == key));
    let known: &[&str] = if completions { &COMPLETION } else { &ROW };
    for column in columns.iter().filter(|column| !known.contains(&column.as_str())) {
        let hint = nearest(column, known.iter().copied().filter(|key| !columns.iter().any(|column| column == key)));
        if hint.contains("did you mean") {
            return Err(Error::content(path, format!("unknown column `{column}`{hint}")));
        }
    }
    let mut rows = Vec::new();
    for (number, row) in (1..).zip(reader.get_row_iter(None).map_err(wrong)?) {
        let mut object = Map::new();
        for (column, field) in row.map_err(wrong)?.into_columns() {
            if known.contains(&column.as_str()) {
                object.insert(column, json(&field));
            }
        }
        rows.push(Row::from_json(&object, &format!("{}: row {number}", path.display()))?);
    }
    if rows.is_empty() {
        return Err(Error::content(path, "no rows: at least one is needed"));
    }
    Ok(rows)
}

fn json(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Group(row) => row.get_column_iter().map(|(name, field)| (name.clone(), json(field))).collect(),
        Field::ListInternal(list) => list.elements().iter().map(json).collect(),
        // Other types are invalid in a row of prompts: `Row::from_json` returns an error that names the column.
        other => Value::from(other.to_string()),
    }
}
