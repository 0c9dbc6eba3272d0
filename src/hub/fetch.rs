//! One file of a repository, into the cache.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hf_hub::HFRepositorySync;
use hf_hub::repository::{FileMetadataInfo, RepoType};

use super::cache;
use super::explain::{Asked, is_missing_file, is_unreachable};
use super::progress::Bar;
use crate::error::Error;

/// What is asked for in one request. A connection that breaks off loses less than that.
const PIECE: u64 = 8 << 20;

/// What came of asking for a file.
pub(super) enum Fetched {
    /// It is in the cache, at that commit.
    Here(PathBuf),
    /// The repository is there, and the file is not.
    Absent,
    /// The Hub is out of reach; nothing is known.
    Unreachable(Error),
}

/// Fetches a file at a revision, or what of it has not come yet.
pub(super) fn fetch<T: RepoType>(
    asked: &Asked<'_>,
    repository: &HFRepositorySync<T>,
    file: &str,
    revision: &str,
) -> Result<Fetched, Error> {
    let doing = format!("fetching {file}");
    let metadata = match repository.get_file_metadata().filepath(file).revision(revision).send() {
        Ok(metadata) => metadata,
        Err(error) if is_missing_file(&error) => {
            // The client notes in the cache that the file is not there.
            let _ = repository.download_file().filename(file).revision(revision).send();
            return Ok(Fetched::Absent);
        }
        Err(error) if is_unreachable(&error) => return Ok(Fetched::Unreachable(asked.error(&doing, &error))),
        Err(error) => return Err(asked.error(&doing, &error)),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if metadata.etag.is_empty() || !metadata.etag.chars().all(plain) {
        return Err(asked.wrong(format!("{doing}: the Hub gave `{}` as the file's tag", metadata.etag)));
    }
    let blobs = cache::repository(asked.kind, asked.id).join("blobs");
    let bar = Bar::new(file, 0, metadata.file_size);
    if metadata.xet_hash.is_none() && !blobs.join(&metadata.etag).is_file() {
        stream(asked, repository, &metadata, &blobs, &bar)?;
    }
    // What has come is given its name in the cache; what lies in the Hub's content store is fetched from there.
    let placed = repository.download_file().filename(file).revision(revision).progress(bar.clone()).send();
    bar.finish();
    placed.map(Fetched::Here).map_err(|error| asked.error(&doing, &error))
}

/// Fetches a file piece by piece into `TAG.incomplete`, going on from where an earlier try ended, and gives it its name.
fn stream<T: RepoType>(
    asked: &Asked<'_>,
    repository: &HFRepositorySync<T>,
    metadata: &FileMetadataInfo,
    blobs: &Path,
    bar: &Bar,
) -> Result<(), Error> {
    let (name, size) = (&metadata.filename, metadata.file_size);
    let (partial, whole) = (blobs.join(format!("{}.incomplete", metadata.etag)), blobs.join(&metadata.etag));
    fs::create_dir_all(blobs).map_err(cannot(blobs))?;
    let mut file = open(&partial).map_err(cannot(&partial))?;
    if whole.is_file() {
        // Another process fetched it while this one waited for it.
        return Ok(());
    }
    let mut done = file.seek(SeekFrom::End(0)).map_err(cannot(&partial))?;
    if done > size {
        done = 0;
    }
    while done < size {
        bar.set(done);
        let end = size.min(done + PIECE);
        let piece = repository.download_file_to_bytes().filename(name).revision(&metadata.commit_hash).range(done..end);
        let bytes = piece.send().map_err(|error| {
            let error = asked.error(&format!("fetching {name}, after {done} of {size} bytes"), &error);
            bar.finish();
            error
        })?;
        let from = match bytes.len() as u64 {
            length if length == end - done => done,
            // A server that knows no ranges sends the whole.
            length if length == size => 0,
            length => {
                return Err(asked.wrong(format!(
                    "fetching {name}: the server sent {length} bytes for {done} to {end} of {size}: try again"
                )));
            }
        };
        file.seek(SeekFrom::Start(from)).and_then(|_| file.write_all(&bytes)).map_err(cannot(&partial))?;
        done = from + bytes.len() as u64;
    }
    file.set_len(size).and_then(|()| file.sync_all()).map_err(cannot(&partial))?;
    fs::rename(&partial, &whole).map_err(cannot(&whole))
}

fn cannot(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    Error::file(path, "cannot write the Hub's cache")
}

/// Opens a partial file for this process alone: another one that fetches the same waits here.
fn open(partial: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(partial)?;
    file.lock()?;
    Ok(file)
}
