//! The log of a run: its lines, and TensorBoard's event file.

use std::fs;
use std::path::{Path, PathBuf};

use intervene::report::{EventFile, Log};

/// CRC-32C bit by bit, rotated and offset as TensorFlow does.
fn masked_crc(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    let crc = !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)));
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The complete records of an event file, with their checksums checked.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while bytes.len() >= 16 {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(bytes[8..12], masked_crc(&bytes[..8]).to_le_bytes());
        if bytes.len() < 16 + length {
            break;
        }
        let (record, crc) = (&bytes[12..12 + length], &bytes[12 + length..16 + length]);
        assert_eq!(crc, masked_crc(record).to_le_bytes());
        records.push(record);
        bytes = &bytes[16 + length..];
    }
    records
}

/// The one file of a folder.
fn only_file(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

/// The check value of CRC-32C, unmasked.
#[test]
fn the_checksum_is_castagnolis() {
    let crc = masked_crc(b"123456789").wrapping_sub(0xa282_ead8).rotate_left(15);
    assert_eq!(crc, 0xe306_9283);
}

#[test]
fn a_file_reads_back_and_survives_a_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = EventFile::create(folder.path()).unwrap();
    file.scalar("loss", 0.5, 300).unwrap();
    file.text("recipe", "a = 1", 0).unwrap();
    let map = super::heatmap::diagonal();
    file.image("heatmap", &map.png().unwrap(), 0).unwrap();
    assert!(file.image("heatmap", b"no picture", 0).is_err());
    file.finish().unwrap();
    let path = only_file(folder.path());
    assert!(!path.to_str().unwrap().contains("partial"));
    let bytes = fs::read(path).unwrap();
    let whole = records(&bytes);
    assert_eq!(whole.len(), 4);
    assert!(whole[0].ends_with(b"brain.Event:2"));
    // Nine bytes of time, then step 300 as a varint, then the summary with its value, tag and float.
    let scalar =
        [&[0x10, 0xac, 0x02, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04][..], b"loss", &[0x15, 0, 0, 0, 0x3f]].concat();
    assert_eq!(whole[1][9..], scalar);
    assert_eq!(records(&bytes[..bytes.len() - 5]), whole[..3]);
}

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
    let events = only_file(&folder.path().join("tensorboard"));
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
