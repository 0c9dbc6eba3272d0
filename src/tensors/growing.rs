//! Safetensors files larger than the memory: the header is written first, then row after row.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::Error;

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// 32-bit floats.
    F32,
    /// 64-bit integers.
    I64,
}

impl Numbers {
    const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::I64 => "I64",
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::I64 => 8,
        }
    }
}

/// A safetensors file to whose tensors rows are appended, in any order of the tensors, until each has its declared
/// shape. It is written as `NAME.partial` and renamed by [`Growing::finish`]; if it is dropped before, it is removed.
pub struct Growing {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    tensors: Vec<Tensor>,
    finished: bool,
}

struct Tensor {
    name: String,
    numbers: Numbers,
    /// The offset of its next number in the file, in bytes.
    next: u64,
    /// The offset of its end, in bytes.
    end: u64,
}

impl Growing {
    /// Creates a file with metadata and with tensors of the given names, types and shapes.
    pub fn create(
        path: &Path,
        tensors: &[(String, Numbers, Vec<usize>)],
        metadata: &[(&str, String)],
    ) -> Result<Self, Error> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // Eight-byte numbers come first, so that the numbers of every tensor are aligned.
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        order.sort_by_key(|tensor| std::cmp::Reverse(tensors[*tensor].1.bytes()));
        let mut header = Map::new();
        let metadata: Map<String, Value> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str()))).collect();
        header.insert("__metadata__".to_owned(), Value::Object(metadata));
        let mut spans = vec![(0, 0); tensors.len()];
        let mut end = 0;
        for tensor in order {
            let (name, numbers, shape) = &tensors[tensor];
            let start = end;
            end += shape.iter().map(|n| *n as u64).product::<u64>() * numbers.bytes();
            spans[tensor] = (start, end);
            let entry = json!({"dtype": numbers.name(), "shape": shape, "data_offsets": [start, end]});
            header.insert(name.clone(), entry);
        }
        let mut header = Value::Object(header).to_string();
        header.push_str(&" ".repeat((8 - header.len() % 8) % 8));
        let data = 8 + header.len() as u64;

        let start = |file: &mut File| -> std::io::Result<()> {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(header.as_bytes())?;
            file.set_len(data + end)
        };
        let file = File::create(&partial).and_then(|mut file| start(&mut file).map(|()| file));
        let file = file.map_err(Error::file(&partial, "cannot write"))?;
        let tensors = tensors.iter().zip(spans).map(|((name, numbers, _), (start, end))| Tensor {
            name: name.clone(),
            numbers: *numbers,
            next: data + start,
            end: data + end,
        });
        Ok(Self { path: path.to_owned(), partial, file, tensors: tensors.collect(), finished: false })
    }

    /// Appends floats to the tensor with this index in `create`. Panics if its type is not F32.
    pub fn add_floats(&mut self, index: usize, values: &[f32]) -> Result<(), Error> {
        assert_eq!(self.tensors[index].numbers, Numbers::F32, "floats for {}", self.tensors[index].name);
        self.add(index, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
    }

    /// Appends integers to the tensor with this index in `create`. Panics if its type is not I64.
    pub fn add_integers(&mut self, index: usize, values: &[i64]) -> Result<(), Error> {
        assert_eq!(self.tensors[index].numbers, Numbers::I64, "integers for {}", self.tensors[index].name);
        self.add(index, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
    }

    fn add(&mut self, index: usize, bytes: &[u8]) -> Result<(), Error> {
        let tensor = &mut self.tensors[index];
        if tensor.next + bytes.len() as u64 > tensor.end {
            let problem = format!("{} got more rows than declared; the inputs must not change meanwhile", tensor.name);
            return Err(Error::content(&self.path, problem));
        }
        let written = self.file.seek(SeekFrom::Start(tensor.next)).and_then(|_| self.file.write_all(bytes));
        written.map_err(Error::file(&self.partial, "cannot write"))?;
        tensor.next += bytes.len() as u64;
        Ok(())
    }

    /// Checks that every tensor is complete, syncs the file to disk and renames it.
    pub fn finish(mut self) -> Result<(), Error> {
        if let Some(tensor) = self.tensors.iter().find(|tensor| tensor.next != tensor.end) {
            let problem = format!("{} got fewer rows than declared; the inputs must not change meanwhile", tensor.name);
            return Err(Error::content(&self.path, problem));
        }
        let result = self.file.sync_all().and_then(|()| fs::rename(&self.partial, &self.path));
        result.map_err(Error::file(&self.path, "cannot write"))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if !self.finished {
            // An incomplete file is useless; if it cannot be removed, its name still marks it as partial.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
