//! Parquet files hold the same rows as JSON lines, and malformed ones are refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use intervene::data::{self, Row};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;

use super::fixture;

/// Two files of the same rows, one written by the `datasets` library.
#[test]
fn parquet_holds_what_jsonl_holds() {
    for name in ["pairs", "positions"] {
        let read = |extension: &str| -> Vec<Row> {
            let rows = data::read(&fixture(&format!("{name}.{extension}"))).unwrap().into_iter();
            rows.map(|row| Row { place: String::new(), ..row }).collect()
        };
        assert!(!read("jsonl").is_empty());
        assert_eq!(read("jsonl"), read("parquet"));
    }
    let positions = data::read(&fixture("positions.parquet")).unwrap();
    assert_eq!(positions[0].base.positions, Some(vec![1, -1]));
    assert_eq!(
        (positions[1].base_answer.as_deref(), positions[1].sources[0].1.positions.as_deref()),
        (Some(" he"), Some(&[3][..]))
    );
    assert_eq!(positions[2].label, " ça");
    assert!(positions[2].place.ends_with("positions.parquet: row 3"), "{}", positions[2].place);
}

/// A Parquet file with one row of texts.
fn write_parquet(path: &Path, columns: [(&str, &str); 3]) {
    let fields: String = columns.iter().map(|(name, _)| format!("required binary {name} (UTF8); ")).collect();
    let schema = Arc::new(parquet::schema::parser::parse_message_type(&format!("message rows {{ {fields}}}")).unwrap());
    let mut writer = SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (_, value) in columns {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(value)], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn malformed_parquet_says_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.parquet");
    write_parquet(&path, [("base", "a b"), ("source", "c d"), ("label", " e")]);
    assert_eq!(data::read(&path).unwrap()[0].label, " e");
    write_parquet(&path, [("base", "a b"), ("soruce", "c d"), ("label", " e")]);
    let error = data::read(&path).unwrap_err().to_string();
    assert!(error.contains("pairs.parquet: unknown column `soruce`; did you mean `source`?"), "{error}");
    write_parquet(&path, [("base", "a b"), ("source", "c d"), ("label", "")]);
    let error = data::read(&path).unwrap_err().to_string();
    assert!(error.contains("pairs.parquet: row 1: `label` is empty"), "{error}");
}
