//! Rows that are computed once and looked up by their numbers: on the device, or staged from the machine's memory or a file.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use memmap2::Mmap;

use crate::error::Error;

#[derive(Clone, Copy)]
pub(super) enum Home<'a> {
    Device,
    Host,
    /// In a file of the folder; the file has no name, so that nothing of it is left when the process ends, however it ends.
    Folder(&'a Path),
}

pub(super) enum Shelf {
    Device(Tensor<2>),
    /// The same, row after row; those that are asked for go to the device.
    Staged {
        bytes: Bytes,
        width: usize,
        dtype: DType,
        device: Device,
    },
}

pub(super) enum Bytes {
    Memory(Vec<u8>),
    File(Mmap),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(map) => map,
        }
    }
}

/// Numbers of rows, on the host and, once it is needed, on the device.
pub(super) struct Index {
    numbers: Vec<usize>,
    on_device: OnceCell<Tensor<1, Int>>,
}

impl Index {
    pub fn new(numbers: Vec<usize>) -> Self {
        Self { numbers, on_device: OnceCell::new() }
    }

    fn on(&self, device: &Device) -> Tensor<1, Int> {
        let upload = || {
            let numbers: Vec<i64> = self.numbers.iter().map(|number| *number as i64).collect();
            Tensor::from_data(TensorData::new(numbers, [self.numbers.len()]), device)
        };
        self.on_device.get_or_init(upload).clone()
    }

    /// The first, where all follow each other.
    fn run(&self) -> Option<usize> {
        let follow = self.numbers.windows(2).all(|two| two[0] + 1 == two[1]);
        self.numbers.first().copied().filter(|_| follow)
    }
}

impl Shelf {
    /// The rows of the index, `[index, width / chunks]`; each row is `chunks` equal ones, counted one after another.
    pub fn take(&self, index: &Index, chunks: usize) -> Tensor<2> {
        match self {
            Self::Device(rows) => {
                let [count, width] = rows.dims();
                let device = rows.device();
                let rows = rows.clone().reshape([count * chunks, width / chunks]);
                match index.run() {
                    Some(start) => rows.narrow(0, start, index.numbers.len()),
                    None => rows.select(0, index.on(&device)),
                }
            }
            Self::Staged { bytes, width, dtype, device } => {
                let (width, size) = (width / chunks, width / chunks * dtype.size());
                let mut taken = Vec::with_capacity(index.numbers.len() * size);
                for number in &index.numbers {
                    taken.extend_from_slice(&bytes[number * size..(number + 1) * size]);
                }
                let mut data = TensorData::from_bytes_vec(taken, [index.numbers.len(), width], *dtype);
                device.staging([&mut data].into_iter());
                Tensor::from_data(data, (device, *dtype))
            }
        }
    }

    /// The bytes of all rows.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Device(rows) => rows.dims().iter().product::<usize>() * rows.dtype().size(),
            Self::Staged { bytes, .. } => bytes.len(),
        }
    }
}

/// A shelf while its rows come in.
pub(super) enum Filling {
    Device(Vec<Tensor<2>>),
    Staged { sink: Sink, first: Option<(usize, DType, Device)> },
}

pub(super) enum Sink {
    Memory(Vec<u8>),
    File { folder: PathBuf, file: BufWriter<File> },
}

impl Filling {
    pub fn new(home: Home<'_>) -> Result<Self, Error> {
        let sink = match home {
            Home::Device => return Ok(Self::Device(Vec::new())),
            Home::Host => Sink::Memory(Vec::new()),
            Home::Folder(folder) => {
                let file = tempfile::tempfile_in(folder).map_err(Error::file(folder, "cannot keep the cache in"))?;
                Sink::File { folder: folder.to_owned(), file: BufWriter::new(file) }
            }
        };
        Ok(Self::Staged { sink, first: None })
    }

    /// Adds `[rows, width]`.
    pub fn add(&mut self, rows: Tensor<2>) -> Result<(), Error> {
        match self {
            Self::Device(parts) => parts.push(rows),
            Self::Staged { sink, first } => {
                first.get_or_insert_with(|| (rows.dims()[1], rows.dtype(), rows.device()));
                let data = rows.into_data();
                match sink {
                    Sink::Memory(bytes) => bytes.extend_from_slice(data.as_bytes()),
                    Sink::File { folder, file } => {
                        file.write_all(data.as_bytes()).map_err(Error::file(folder, "cannot keep the cache in"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// No more will come; there was at least one.
    pub fn shelve(self) -> Result<Shelf, Error> {
        let (sink, first) = match self {
            Self::Device(parts) => return Ok(Shelf::Device(Tensor::cat(parts, 0))),
            Self::Staged { sink, first } => (sink, first),
        };
        let (width, dtype, device) = first.expect("a shelf has rows");
        let bytes = match sink {
            Sink::Memory(bytes) => Bytes::Memory(bytes),
            Sink::File { folder, file } => {
                let file = file.into_inner().map_err(|error| error.into_error());
                // SAFETY: the file has no name and this process alone has it open, so it does not change.
                let map = file.and_then(|file| unsafe { Mmap::map(&file) });
                Bytes::File(map.map_err(Error::file(&folder, "cannot keep the cache in"))?)
            }
        };
        Ok(Shelf::Staged { bytes, width, dtype, device })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_home_gives_the_rows_that_the_device_gives() {
        let device = Device::flex();
        let folder = tempfile::tempdir().unwrap();
        let rows = |from: f32| Tensor::<2>::from_data([[from, from + 1.0], [from + 2.0, from + 3.0]], &device);
        let shelf = |home: Home<'_>| {
            let mut filling = Filling::new(home).unwrap();
            filling.add(rows(0.0)).unwrap();
            filling.add(rows(4.0)).unwrap();
            filling.shelve().unwrap()
        };
        let [device, host, file] = [Home::Device, Home::Host, Home::Folder(folder.path())].map(shelf);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        for (numbers, chunks) in [(vec![3, 0, 0], 1), (vec![1, 2], 1), (vec![5, 2], 2)] {
            let index = Index::new(numbers.clone());
            let [a, b, c] = [&device, &host, &file].map(|shelf| shelf.take(&index, chunks).into_data());
            assert_eq!((&a, &a), (&b, &c), "{numbers:?}");
        }
        assert_eq!([device.bytes(), host.bytes(), file.bytes()], [32; 3]);
        let index = Index::new(vec![5, 2]);
        assert_eq!(device.take(&index, 2).into_data().iter::<f32>().collect::<Vec<_>>(), [5.0, 2.0]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Filling::new(Home::Folder(Path::new("no/such/folder"))).err().unwrap().to_string();
        assert!(error.contains("no/such/folder"), "{error}");
    }
}
