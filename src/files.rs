//! Files that are whole or not there: written beside their place, forced to the disk, then renamed.
//!
//! Whatever moment a run is killed at, no file under its own name is half written, so a later command may take what it
//! finds for whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind::AlreadyExists;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Writes a file as a whole: as `.NAME.partial-<pid>-<time>` beside its place, then renamed over what was there. Processes
/// of several machines may write one place at the same time: one of their files is there in the end, whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or_else(|| Error::content(path, "this is no name for a file"))?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    name.push(format!(".partial-{}-{now}", std::process::id()));
    let partial = path.with_file_name(name);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| put(&partial, path));
    written.map_err(|source| {
        // Nothing more can be done for a file that could not be written; what is reported is why.
        let _ = fs::remove_file(&partial);
        Error::file(path, "cannot write")(source)
    })
}

/// Writes a value as indented JSON, see [`write()`].
pub fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), Error> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|e| Error::content(path, format!("cannot write: {e}")))?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Makes a folder for a new run, with the folders above it. A folder with something in it is an error: nothing is
/// overwritten.
pub fn create_new_dir(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::file(parent, "cannot create the folder"))?;
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() == AlreadyExists => {
            let mut held = fs::read_dir(path).map_err(Error::file(path, "cannot create the folder"))?;
            match held.next() {
                None => Ok(()),
                Some(_) => Err(Error::content(path, "the folder is not empty; name a new one")),
            }
        }
        made => made.map_err(Error::file(path, "cannot create the folder")),
    }
}

/// A file's bytes.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path, "cannot read"))
}

/// A file's text, which must be UTF-8.
pub fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Error::content(path, format!("not a text file: byte {at} is not UTF-8"))
    })
}

/// A value from a JSON file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|e| Error::content(path, format!("not the JSON expected here: {e}")))
}

/// A file that is written bit by bit as `NAME.partial` and gets its name when it is finished. Left unfinished, the
/// partial file stays for whoever wants to know how far it went.
pub struct Stream {
    place: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
}

impl Stream {
    /// Starts an empty file.
    pub fn create(place: &Path) -> Result<Self, Error> {
        let mut partial = place.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(Error::file(&partial, "cannot write"))?;
        Ok(Self { place: place.to_owned(), partial, file: BufWriter::new(file) })
    }

    /// Adds bytes, held back until [`Stream::flush`].
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::file(&self.partial, "cannot write"))
    }

    /// Hands everything so far to the system, so that others see it.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::file(&self.partial, "cannot write"))
    }

    /// Forces the file to the disk and gives it its name.
    pub fn finish(mut self) -> Result<(), Error> {
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        done.and_then(|()| put(&self.partial, &self.place)).map_err(Error::file(&self.place, "cannot write"))
    }
}

/// Renames, and makes the new name outlive a power cut.
fn put(partial: &Path, place: &Path) -> io::Result<()> {
    fs::rename(partial, place)?;
    // A folder can be opened and synced on Unix only; elsewhere the rename alone has to do.
    #[cfg(unix)]
    {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_written_file_is_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["metrics.json"]);
    }

    #[test]
    fn a_failed_write_leaves_what_was_there_and_no_partial() {
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
        create_new_dir(&run).expect("an empty folder will do");
        write(&run.join("recipe.toml"), b"").unwrap();
        let error = create_new_dir(&run).unwrap_err().to_string();
        assert!(error.ends_with("the folder is not empty; name a new one"), "{error}");
        let error = create_new_dir(&run.join("recipe.toml/b")).unwrap_err().to_string();
        assert!(error.contains("cannot create the folder"), "{error}");
    }

    #[test]
    fn reading_says_which_file_and_what_is_wrong() {
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
}
