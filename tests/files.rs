//! Files are written whole or not at all, and errors name them.

use std::fs;
use std::path::Path;

use intervene::files::{Stream, create_new_dir, read, read_json, read_text, write, write_json};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_written_file_is_complete_and_leaves_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.json");
    write(&path, b"old").unwrap();
    write(&path, b"new").unwrap();
    assert_eq!(read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["metrics.json"]);
}

#[test]
fn a_failed_write_changes_nothing_and_leaves_no_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "kept").unwrap();
    let error = write(&path, b"x").unwrap_err().to_string();
    assert!(error.contains("taken: cannot write: "), "{error}");
    assert_eq!(names(folder.path()), ["taken"]);
    assert_eq!(names(&path), ["inside"]);
}

#[test]
fn a_stream_has_its_name_only_when_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut stream = Stream::create(&path).unwrap();
    stream.add(b"a line\n").unwrap();
    stream.flush().unwrap();
    assert_eq!(names(folder.path()), ["metrics.jsonl.partial"]);
    assert_eq!(read_text(&folder.path().join("metrics.jsonl.partial")).unwrap(), "a line\n");
    stream.add(b"another\n").unwrap();
    stream.finish().unwrap();
    assert_eq!(names(folder.path()), ["metrics.jsonl"]);
    assert_eq!(read_text(&path).unwrap(), "a line\nanother\n");
}

#[test]
fn a_new_folder_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("runs/a");
    create_new_dir(&run).unwrap();
    create_new_dir(&run).expect("an empty folder is accepted");
    write(&run.join("recipe.toml"), b"").unwrap();
    let error = create_new_dir(&run).unwrap_err().to_string();
    assert!(error.ends_with("the folder is not empty; choose a new one"), "{error}");
    let error = create_new_dir(&run.join("recipe.toml/b")).unwrap_err().to_string();
    assert!(error.contains("cannot create the folder"), "{error}");
}

#[test]
fn read_errors_name_the_file_and_the_problem() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read_text(&folder.path().join("none.toml")).unwrap_err().to_string();
    assert!(missing.contains("none.toml: cannot read: "), "{missing}");
    let path = folder.path().join("x.json");
    write(&path, b"ab\xff").unwrap();
    assert!(read_text(&path).unwrap_err().to_string().ends_with("byte 2 is not UTF-8"));
    write(&path, b"{\"iia\": }").unwrap();
    let error = read_json::<serde_json::Value>(&path).unwrap_err().to_string();
    assert!(error.contains("x.json: not the JSON expected here: ") && error.contains("line 1"), "{error}");
    write_json(&path, &[1, 2]).unwrap();
    assert_eq!(read_json::<Vec<u8>>(&path).unwrap(), [1, 2]);
}
