//! PyTorch's archives of tensors: the format of `torch.save(state_dict)` since release 1.6.
//!
//! The archive is a zip file with uncompressed entries: `data.pkl`, a pickle of a dictionary of tensors that refers to
//! storages by number, and `data/0`, `data/1`, .. with the values of the storages.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use pytorch_reader::PytorchReader;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::pickle;
use crate::error::Error;
use crate::interventions::NamedTensors;

/// The folder inside an archive. PyTorch accepts any name.
const ROOT: &str = "archive";
/// `OrderedDict()`
const ORDERED_DICT: &[u8] = b"ccollections\nOrderedDict\n)R";
/// The largest size of a pickle that is read, in bytes.
const LARGEST_PICKLE: u64 = 64 << 20;

/// Reads the tensors of an archive, by name. The pickle is not executed. Returns an error if the file is not an archive of
/// `torch.save`, or if its pickle names anything but tensors.
pub fn read_tensors(path: &Path) -> Result<NamedTensors, Error> {
    let wrong = |problem: String| Error::content(path, problem);
    check_archive(path)?;
    let reader = PytorchReader::new(path).map_err(|error| wrong(format!("not a PyTorch file of tensors: {error}")))?;
    let tensor = |(name, tensor): (String, pytorch_reader::Tensor)| {
        let dtype = match tensor.dtype() {
            pytorch_reader::DType::F64 => DType::F64,
            pytorch_reader::DType::F32 => DType::F32,
            pytorch_reader::DType::F16 => DType::F16,
            pytorch_reader::DType::BF16 => DType::BF16,
            pytorch_reader::DType::I64 => DType::I64,
            pytorch_reader::DType::I32 => DType::I32,
            other => return Err(wrong(format!("`{name}` has dtype {other:?}: floats, I64 or I32 are needed"))),
        };
        let bytes = tensor.read().map_err(|error| wrong(error.to_string()))?;
        Ok((name, TensorData::from_bytes_vec(bytes, tensor.shape().to_vec(), dtype)))
    };
    reader.into_tensors().into_iter().map(tensor).collect()
}

/// Returns an error if the file is not an archive, or if its pickle names anything but tensors.
fn check_archive(path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::file(path, "cannot read"))?;
    let mut archive = ZipArchive::new(file).map_err(|error| {
        Error::content(path, format!("not an archive as torch.save writes it since PyTorch 1.6: {error}"))
    })?;
    let names = archive.file_names().filter_map(Result::ok).map(|name| name.into_owned());
    let names: Vec<String> = names.filter(|name| name.ends_with("data.pkl")).collect();
    if names.is_empty() {
        return Err(Error::content(path, "not an archive as torch.save writes it: it has no data.pkl"));
    }
    for name in names {
        let wrong = |problem: String| Error::content(path, format!("{name}: {problem}"));
        let mut entry = archive.by_name(&name).map_err(|error| wrong(error.to_string()))?;
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(LARGEST_PICKLE + 1).read_to_end(&mut bytes);
        read.map_err(|error| wrong(error.to_string()))?;
        if bytes.len() as u64 > LARGEST_PICKLE {
            return Err(wrong(format!("the pickle is larger than {LARGEST_PICKLE} bytes")));
        }
        pickle::check(&bytes).map_err(wrong)?;
    }
    Ok(())
}

/// A value of a pickle.
pub(super) enum Pickled {
    Bool(bool),
    Integer(usize),
    Text(String),
    /// f32 or i64.
    Tensor(TensorData),
    Dict(Vec<(&'static str, Pickled)>),
    /// An `OrderedDict` of tensors, as a `state_dict` is. `None` is Python's `None`.
    State(Vec<(String, Option<TensorData>)>),
}

/// The bytes of an archive of a value. The same value always gives the same bytes.
pub(super) fn archive(value: &Pickled) -> Result<Vec<u8>, Error> {
    let wrong = |problem: String| Error::Invalid(format!("an archive of tensors cannot be written: {problem}"));
    let mut pickle = PickleWriter { out: b"\x80\x02".to_vec(), storages: Vec::new() };
    pickle.value(value)?;
    pickle.out.push(b'.');
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(64);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(format!("{ROOT}/{name}"), options).map_err(|error| wrong(error.to_string()))?;
        zip.write_all(bytes).map_err(|error| wrong(error.to_string()))
    };
    add("data.pkl", &pickle.out)?;
    add("byteorder", b"little")?;
    for (number, data) in pickle.storages.iter().enumerate() {
        add(&format!("data/{number}"), data.bytes())?;
    }
    add("version", b"3\n")?;
    Ok(zip.finish().map_err(|error| wrong(error.to_string()))?.into_inner())
}

/// Writes a pickle in protocol 2, as `torch.save` does, and collects the tensors that the archive stores beside it.
struct PickleWriter<'a> {
    out: Vec<u8>,
    storages: Vec<&'a TensorData>,
}

impl<'a> PickleWriter<'a> {
    fn value(&mut self, value: &'a Pickled) -> Result<(), Error> {
        match value {
            Pickled::Bool(value) => self.out.push(if *value { 0x88 } else { 0x89 }),
            Pickled::Integer(value) => push_integer(&mut self.out, *value),
            Pickled::Text(value) => push_text(&mut self.out, value),
            Pickled::Tensor(data) => self.tensor(data)?,
            Pickled::Dict(entries) => {
                self.out.extend(b"}(");
                for (name, value) in entries {
                    push_text(&mut self.out, name);
                    self.value(value)?;
                }
                self.out.push(b'u');
            }
            Pickled::State(entries) => {
                self.out.extend(ORDERED_DICT);
                self.out.push(b'(');
                for (name, data) in entries {
                    push_text(&mut self.out, name);
                    match data {
                        Some(data) => self.tensor(data)?,
                        None => self.out.push(b'N'),
                    }
                }
                self.out.push(b'u');
            }
        }
        Ok(())
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, requires_grad=False, OrderedDict())`
    fn tensor(&mut self, data: &'a TensorData) -> Result<(), Error> {
        let storage = match data.dtype() {
            DType::F32 => "FloatStorage",
            DType::I64 => "LongStorage",
            other => {
                return Err(Error::Invalid(format!("a tensor has dtype {other:?}: pyvene's tensors are F32 or I64")));
            }
        };
        let (number, shape) = (self.storages.len(), data.shape());
        self.storages.push(data);
        let out = &mut self.out;
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        push_text(out, "storage");
        out.extend(format!("ctorch\n{storage}\n").as_bytes());
        push_text(out, &number.to_string());
        push_text(out, "cpu");
        push_integer(out, shape.iter().product());
        out.extend(b"tQ");
        push_integer(out, 0);
        let strides = |at: usize| shape[at + 1..].iter().product();
        push_tuple(out, shape.iter().copied());
        push_tuple(out, (0..shape.len()).map(strides));
        out.push(0x89);
        out.extend(ORDERED_DICT);
        out.extend(b"tR");
        Ok(())
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn push_integer(out: &mut Vec<u8>, value: usize) {
    match i32::try_from(value) {
        Ok(value) => {
            out.push(b'J');
            out.extend(value.to_le_bytes());
        }
        // Eight bytes in two's complement. The size of a tensor in memory never reaches the sign bit.
        Err(_) => {
            out.extend([0x8a, 8]);
            out.extend((value as u64).to_le_bytes());
        }
    }
}

fn push_tuple(out: &mut Vec<u8>, values: impl Iterator<Item = usize>) {
    out.push(b'(');
    values.for_each(|value| push_integer(out, value));
    out.push(b't');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        let floats = TensorData::new(vec![0.5_f32, -1e-8, 3.0, 4.0, 5.0, 6.0], [2, 3]);
        let scalar = TensorData::new(vec![32_i64], [0_usize; 0]);
        let tensors = Pickled::State(vec![
            ("rotate_layer.weight".to_owned(), Some(floats.clone())),
            ("source_representation".to_owned(), None),
            ("embed_dim".to_owned(), Some(scalar.clone())),
        ]);
        let bytes = archive(&tensors).unwrap();
        assert_eq!(bytes, archive(&tensors).unwrap());
        std::fs::write(&path, &bytes).unwrap();
        let read = read_tensors(&path).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["embed_dim", "rotate_layer.weight"]);
        assert_eq!(read["rotate_layer.weight"], floats);
        assert_eq!(read["embed_dim"], scalar);
        std::fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
        let error = read_tensors(&path).unwrap_err().to_string();
        assert!(error.contains("not an archive as torch.save writes it"), "{error}");
    }
}
