//! Fetching one file of a repository into the cache.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hf_hub::HFRepositorySync;
use hf_hub::repository::{FileMetadataInfo, RepoType};

use super::cache;
use super::explain::{Request, is_missing_file, is_unreachable};
use super::progress::watched;
use crate::error::Error;
use crate::monitor::Monitor;

/// The bytes of one request. An interrupted connection loses less than this.
const PIECE: u64 = 8 << 20;

pub(super) enum Fetched {
    Cached(PathBuf),
    Absent,
    Unreachable(Error),
}

/// Fetches a file at a revision, or the part of it that is missing.
pub(super) fn fetch<T: RepoType>(
    request: &Request<'_>,
    repository: &HFRepositorySync<T>,
    file: &str,
    revision: &str,
    monitor: &mut dyn Monitor,
) -> Result<Fetched, Error> {
    let doing = format!("fetching {file}");
    let metadata = match repository.get_file_metadata().filepath(file).revision(revision).send() {
        Ok(metadata) => metadata,
        Err(error) if is_missing_file(&error) => {
            // This makes the client record in the cache that the file does not exist.
            let _ = repository.download_file().filename(file).revision(revision).send();
            return Ok(Fetched::Absent);
        }
        Err(error) if is_unreachable(&error) => return Ok(Fetched::Unreachable(request.error(&doing, &error))),
        Err(error) => return Err(request.error(&doing, &error)),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if metadata.etag.is_empty() || !metadata.etag.chars().all(plain) {
        return Err(request.wrong(format!("{doing}: the Hub sent `{}`, which is no valid file tag", metadata.etag)));
    }
    let blobs = cache::repository(request.kind, request.id).join("blobs");
    monitor.begin_transfer(file, metadata.file_size);
    let streamed = match metadata.xet_hash.is_none() && !blobs.join(&metadata.etag).is_file() {
        true => stream(request, repository, &metadata, &blobs, monitor),
        false => Ok(()),
    };
    let path = streamed.and_then(|()| {
        // The client links a file that is here into the snapshot; files in the Hub's content store are fetched from there.
        let link = |bytes| repository.download_file().filename(file).revision(revision).progress(bytes).send();
        watched(monitor, link).map_err(|error| request.error(&doing, &error))
    });
    monitor.end_transfer();
    path.map(Fetched::Cached)
}

/// Fetches a file in pieces into `TAG.incomplete`, continuing an interrupted transfer, and renames it to `TAG`.
fn stream<T: RepoType>(
    request: &Request<'_>,
    repository: &HFRepositorySync<T>,
    metadata: &FileMetadataInfo,
    blobs: &Path,
    monitor: &mut dyn Monitor,
) -> Result<(), Error> {
    let (name, size) = (&metadata.filename, metadata.file_size);
    let (partial, whole) = (blobs.join(format!("{}.incomplete", metadata.etag)), blobs.join(&metadata.etag));
    fs::create_dir_all(blobs).map_err(cannot(blobs))?;
    let mut file = open(&partial).map_err(cannot(&partial))?;
    if whole.is_file() {
        // Another process fetched the file while this one waited for the lock.
        return Ok(());
    }
    let mut done = file.seek(SeekFrom::End(0)).map_err(cannot(&partial))?;
    if done > size {
        done = 0;
    }
    while done < size {
        monitor.transferred(done);
        let end = size.min(done + PIECE);
        let piece = repository.download_file_to_bytes().filename(name).revision(&metadata.commit_hash).range(done..end);
        let bytes = piece
            .send()
            .map_err(|error| request.error(&format!("fetching {name}, after {done} of {size} bytes"), &error))?;
        let from = match bytes.len() as u64 {
            length if length == end - done => done,
            // A server without support for ranges sends the whole file.
            length if length == size => 0,
            length => {
                return Err(request.wrong(format!(
                    "fetching {name}: the server sent {length} bytes for the range {done} to {end} of {size}: try again"
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

fn open(partial: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(partial)?;
    file.lock()?;
    Ok(file)
}
