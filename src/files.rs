//! Atomic writing: a file is written beside its path, synced to disk, then renamed.
//!
//! Whenever a run is killed, no file under its final name is incomplete, so later commands can rely on the files that
//! exist.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind::AlreadyExists;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::measure;

/// Writes a file atomically: as `.NAME.partial-<pid>-<time>` beside its path, then renamed over an existing file. If
/// processes of several machines write the same path at the same time, one of their files remains, complete.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or_else(|| Error::content(path, "this path does not end in a file name"))?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    name.push(format!(".partial-{}-{now}", measure::process_id()));
    let partial = path.with_file_name(name);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| rename(&partial, path));
    written.map_err(|source| {
        // The error of the write is reported; an error of the removal is ignored.
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

/// Creates the folder of a new run, with its parents. A folder that is not empty is an error: nothing is overwritten.
pub fn create_new_dir(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::file(parent, "cannot create the folder"))?;
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() == AlreadyExists => {
            let mut entries = fs::read_dir(path).map_err(Error::file(path, "cannot create the folder"))?;
            match entries.next() {
                None => Ok(()),
                Some(_) => Err(Error::content(path, "the folder is not empty; choose a new one")),
            }
        }
        result => result.map_err(Error::file(path, "cannot create the folder")),
    }
}

/// Reads a file's bytes.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path, "cannot read"))
}

/// Reads a file's text, which must be UTF-8.
pub fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|e| {
        let offset = e.utf8_error().valid_up_to();
        Error::content(path, format!("not a text file: byte {offset} is not UTF-8"))
    })
}

/// Reads a value from a JSON file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|e| Error::content(path, format!("not the JSON expected here: {e}")))
}

/// A file that is written in parts as `NAME.partial` and renamed by [`Stream::finish`]. If it is not finished, the
/// partial file remains and shows how far the run got.
pub struct Stream {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
}

impl Stream {
    /// Creates an empty file.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(Error::file(&partial, "cannot write"))?;
        Ok(Self { path: path.to_owned(), partial, file: BufWriter::new(file) })
    }

    /// Appends bytes to a buffer, which [`Stream::flush`] writes.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::file(&self.partial, "cannot write"))
    }

    /// Writes the buffer, so that other processes see all bytes so far.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::file(&self.partial, "cannot write"))
    }

    /// Syncs the file to disk and renames it.
    pub fn finish(mut self) -> Result<(), Error> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.and_then(|()| rename(&self.partial, &self.path)).map_err(Error::file(&self.path, "cannot write"))
    }
}

/// Renames a file and syncs its folder, so that the new name survives a power failure.
fn rename(partial: &Path, path: &Path) -> io::Result<()> {
    fs::rename(partial, path)?;
    // Only on Unix can a folder be opened and synced.
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
