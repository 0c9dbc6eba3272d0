//! A pickle that would run code is refused, and its code is not run.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::common::program::run;
use crate::common::pyvene_environment::python;

/// `os.system("touch PATH")`, as a pickle has it, with these instructions for the name.
fn calling(name: &[u8], path: &Path) -> Vec<u8> {
    let command = format!("touch '{}'", path.display());
    let mut pickle = b"\x80\x02".to_vec();
    pickle.extend(name);
    pickle.push(b'X');
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    pickle
}

/// pyvene's folder of one rotation, with that pickle for its tensors.
fn folder(at: &Path, pickle: &[u8]) -> PathBuf {
    let folder = at.join("hostile");
    fs::create_dir_all(&folder).unwrap();
    let config = serde_json::json!({
        "representations": [[0, "block_output", "pos", 1]],
        "intervention_types": ["<class 'pyvene.models.interventions.RotatedSpaceIntervention'>"],
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("x/data.pkl", pickle), ("x/byteorder", b"little"), ("x/version", b"3\n")] {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    fs::write(
        folder.join("intkey_layer_0_comp_block_output_unit_pos_nunit_1#0.bin"),
        zip.finish().unwrap().into_inner(),
    )
    .unwrap();
    folder
}

#[test]
fn a_pickle_that_would_run_code_is_refused_and_has_not_run() {
    let work = tempfile::tempdir().unwrap();
    let marker = work.path().join("it-ran");
    // By name, and by two names on the stack.
    for (name, said) in [
        (&b"cposix\nsystem\n"[..], "the pickle names Python's `posix.system`"),
        (&b"X\x05\x00\x00\x00posixX\x06\x00\x00\x00system\x93"[..], "creates an object by instruction 0x93"),
    ] {
        let from = folder(work.path(), &calling(name, &marker));
        let out = work.path().join("out");
        let output = run(&["import", from.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said) && error.contains("no code was run"), "{error}");
        assert!(!marker.exists(), "the pickle's code ran");
        assert!(!out.exists(), "nothing is left of what was refused");
    }
}

/// Python runs the code of the refused pickle, so the refusal is needed.
#[test]
fn python_would_have_run_it() {
    let Some(python) = python() else { return };
    let work = tempfile::tempdir().unwrap();
    let marker = work.path().join("it-ran");
    let from = folder(work.path(), &calling(b"cposix\nsystem\n", &marker));
    let bin = fs::read_dir(&from)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "bin"));
    let load = format!("import torch; torch.load({:?}, weights_only=False)", bin.unwrap());
    Command::new(python).args(["-c", &load]).output().unwrap();
    assert!(marker.exists(), "the pickle of the test does nothing in Python either");
}
