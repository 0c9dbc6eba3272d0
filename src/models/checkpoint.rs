//! Checkpoint folders: one or many memory-mapped safetensors files, their headers checked before anything is read.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::{Dtype as Stored, SafeTensorError, SafeTensors};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The tensors of a checkpoint folder.
pub(super) struct Checkpoint {
    /// The weights' file, or the index of their files: what an error points at.
    pub path: PathBuf,
    shards: Vec<Mmap>,
    tensors: HashMap<String, Entry>,
}

/// Where a tensor lies.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub dtype: Stored,
    pub shape: Vec<usize>,
    shard: usize,
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let single = folder.join("model.safetensors");
        let index = folder.join("model.safetensors.index.json");
        let (path, files) = if single.is_file() {
            (single.clone(), vec![single])
        } else if index.is_file() {
            let files = shard_files(folder, &index)?;
            (index, files)
        } else {
            let problem = "has neither model.safetensors nor model.safetensors.index.json: \
                a Hugging Face checkpoint folder with safetensors weights is needed";
            return Err(Error::content(folder, problem));
        };
        let mut checkpoint = Self { path, shards: Vec::new(), tensors: HashMap::new() };
        for file in files {
            checkpoint.add_shard(&file)?;
        }
        Ok(checkpoint)
    }

    fn add_shard(&mut self, path: &Path) -> Result<(), Error> {
        let file = File::open(path).map_err(Error::file(path, "opening the weights"))?;
        // SAFETY: the map is only read, and every offset into it was checked against its length. A checkpoint that
        // another process shortens while it is loaded is outside of what can be guarded against.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::file(path, "mapping the weights"))?;
        let (header, metadata) =
            SafeTensors::read_metadata(&map).map_err(|error| Error::content(path, explain(&error, map.len())))?;
        let data = 8 + header;
        for (name, info) in metadata.tensors() {
            let (start, end) = (data + info.data_offsets.0, data + info.data_offsets.1);
            let shard = self.shards.len();
            let entry = Entry { dtype: info.dtype, shape: info.shape.clone(), shard, start, end };
            if self.tensors.insert(name.clone(), entry).is_some() {
                return Err(Error::content(path, format!("tensor `{name}` is in more than one file")));
            }
        }
        self.shards.push(map);
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.tensors.get(name)
    }

    pub(super) fn bytes(&self, entry: &Entry) -> &[u8] {
        &self.shards[entry.shard][entry.start..entry.end]
    }

    /// The names that are there, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The tensor has been read: its pages need not stay in memory.
    pub(super) fn release(&self, entry: &Entry) {
        #[cfg(unix)]
        {
            let map = &self.shards[entry.shard];
            // SAFETY: the map is of a file and never written to, so dropped pages come back with the same content.
            // Advice is only advice: where it is refused, the pages stay.
            let _ = unsafe {
                map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, entry.start, entry.end - entry.start)
            };
        }
    }
}

/// The distinct files of an index, which may only name files beside it.
fn shard_files(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, Error> {
    let Index { weight_map } = read_json(index)?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    if names.is_empty() {
        return Err(Error::content(index, "names no file"));
    }
    if let Some(name) = names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        return Err(Error::content(index, format!("names the file `{name}`: only files beside the index are read")));
    }
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

fn explain(error: &SafeTensorError, length: usize) -> String {
    let more = match error {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => {
            format!(": the header reaches past the file's {length} bytes; the file is truncated or no safetensors file")
        }
        SafeTensorError::HeaderTooLarge => ": it claims more than 100 MB; the file is no safetensors file".to_owned(),
        SafeTensorError::MetadataIncompleteBuffer => format!(
            ": the header's offsets do not end where the file does ({length} bytes); the file is truncated or damaged"
        ),
        _ => String::new(),
    };
    format!("not a readable safetensors file: {error}{more}")
}

/// Reads a JSON file into a type.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file(path, "reading"))?;
    serde_json::from_str(&text).map_err(|error| Error::content(path, format!("is not what it should be: {error}")))
}
