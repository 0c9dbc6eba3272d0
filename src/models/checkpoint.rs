//! Checkpoint folders: one or more memory-mapped safetensors files. All headers are checked before anything is read.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::{Dtype as Stored, SafeTensorError, SafeTensors};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::request::{Selection, TensorRequest};
use crate::error::{Error, nearest};

/// The tensors of a checkpoint folder.
pub(super) struct Checkpoint {
    /// The file of the weights, or the index of their files, for errors.
    pub path: PathBuf,
    shards: Vec<Mmap>,
    tensors: HashMap<String, StoredTensor>,
}

/// The place of a tensor in a checkpoint.
#[derive(Clone, Debug)]
pub(super) struct StoredTensor {
    pub dtype: Stored,
    shape: Vec<usize>,
    shard: usize,
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct ShardIndex {
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
        // SAFETY: the map is only read, and every offset into it was checked against its length. Another process that
        // truncates the file during loading cannot be guarded against.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::file(path, "mapping the weights"))?;
        let (header, metadata) =
            SafeTensors::read_metadata(&map).map_err(|error| Error::content(path, explain(&error, map.len())))?;
        let data = 8 + header;
        for (name, info) in metadata.tensors() {
            let (start, end) = (data + info.data_offsets.0, data + info.data_offsets.1);
            let shard = self.shards.len();
            let stored = StoredTensor { dtype: info.dtype, shape: info.shape.clone(), shard, start, end };
            if self.tensors.insert(name.clone(), stored).is_some() {
                return Err(Error::content(path, format!("tensor `{name}` is in more than one file")));
            }
        }
        self.shards.push(map);
        Ok(())
    }

    /// The tensor `prefix` + `name`, else the tensor `name`.
    pub(super) fn find(&self, prefix: &str, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(&format!("{prefix}{name}")).or_else(|| self.tensors.get(name))
    }

    /// The problem of a request, in words: a tensor that is missing or of the wrong dtype or shape.
    pub(super) fn problem(&self, prefix: &str, request: &TensorRequest) -> Option<String> {
        let name = request.name;
        let Some(stored) = self.find(prefix, name) else {
            let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
            names.sort_unstable();
            return Some(format!("tensor `{name}` is missing{}", nearest(name, names.into_iter().take(200))));
        };
        if !matches!(stored.dtype, Stored::F32 | Stored::BF16 | Stored::F16) {
            return Some(format!("tensor `{name}` holds {:?}: it should hold F32, BF16 or F16", stored.dtype));
        }
        let (is, should) = (&stored.shape, request.stored);
        (is != should).then(|| format!("tensor `{name}` has shape {is:?}: by config.json it should have {should:?}"))
    }

    /// The selected values in order, each passed through `encode`. The tensor's pages are then dropped from memory.
    pub(super) fn values<T: Send>(
        &self,
        stored: &StoredTensor,
        selection: &Selection,
        encode: impl Fn(f32) -> T + Sync,
    ) -> Vec<T> {
        let bytes = &self.shards[stored.shard][stored.start..stored.end];
        let two = |i: usize| [bytes[2 * i], bytes[2 * i + 1]];
        let four = |i: usize| [bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]];
        let shape = &stored.shape;
        let values = match stored.dtype {
            Stored::F32 => select(shape, selection, |i| encode(f32::from_le_bytes(four(i)))),
            Stored::BF16 => select(shape, selection, |i| encode(bf16::from_le_bytes(two(i)).to_f32())),
            _ => select(shape, selection, |i| encode(f16::from_le_bytes(two(i)).to_f32())),
        };
        self.release(stored);
        values
    }

    /// Drops a tensor's pages from memory; they are read again from the file when they are needed.
    fn release(&self, stored: &StoredTensor) {
        #[cfg(unix)]
        {
            let (map, length) = (&self.shards[stored.shard], stored.end - stored.start);
            // SAFETY: the map is of a file and never written to, so dropped pages come back with the same content.
            // Advice may be refused; the pages then stay in memory.
            let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, stored.start, length) };
        }
    }
}

/// The selected elements in order; `at` gives an element by its index in the stored tensor.
fn select<T: Send>(shape: &[usize], selection: &Selection, at: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    let elements: usize = shape.iter().product();
    let row = elements / shape[0].max(1);
    match selection {
        Selection::Whole => (0..elements).into_par_iter().map(at).collect(),
        Selection::Rows(rows) => {
            (0..rows.len() * row).into_par_iter().map(|i| at(rows[i / row] * row + i % row)).collect()
        }
        Selection::Columns(columns) => {
            let (input, start) = (shape[0], columns.start);
            (0..columns.len() * input).into_par_iter().map(|i| at(i % input * row + start + i / input)).collect()
        }
    }
}

/// The distinct files of an index; an error if one is not in the index's own folder.
fn shard_files(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, Error> {
    let ShardIndex { weight_map } = read_json(index)?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    if names.is_empty() {
        return Err(Error::content(index, "its weight_map names no file"));
    }
    if let Some(name) = names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        return Err(Error::content(index, format!("names the file `{name}`: only files beside the index are read")));
    }
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

fn explain(error: &SafeTensorError, length: usize) -> String {
    let more = match error {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => {
            format!(": the header reaches past the file's {length} bytes; the file is truncated or not in this format")
        }
        SafeTensorError::HeaderTooLarge => ": it claims more than 100 MB; the file is not in this format".to_owned(),
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
    serde_json::from_str(&text).map_err(|error| Error::content(path, format!("is not as expected: {error}")))
}
