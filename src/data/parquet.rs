//! Interchanges from Parquet files, as the Hugging Face Hub keeps data sets: the same columns as [`super::jsonl`]'s keys.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

use super::Row;
use super::row::{COMPLETION, ROW};
use crate::error::{Error, nearest};

/// Reads the rows of a file, uncompressed or compressed with Snappy (the Hub's way).
///
/// A data set of somebody else's may have more columns than are needed: those are passed over, unless one looks like a
/// key misspelt. In messages rows are counted from 1.
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
    for (at, row) in reader.get_row_iter(None).map_err(wrong)?.enumerate() {
        let mut object = Map::new();
        for (column, field) in row.map_err(wrong)?.into_columns() {
            if known.contains(&column.as_str()) {
                object.insert(column, json(&field));
            }
        }
        rows.push(Row::from_json(&object, &format!("{}: row {}", path.display(), at + 1))?);
    }
    if rows.is_empty() {
        return Err(Error::content(path, "no rows"));
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
        // Of no use in a row of prompts: `Row::from_json` says so in the words of the column that holds it.
        other => Value::from(other.to_string()),
    }
}
