//! TensorBoard's event files, without a protobuf library: records, checksums and six small messages.
//!
//! A record is `length: u64 | crc of the length | bytes | crc of the bytes`, little-endian, with masked CRC-32C. A file
//! that is cut off is readable up to its last complete record. The bytes are an `Event` of `tensorboard/compat/proto`; a
//! comment beside each write below gives the name of the field.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Error;
use crate::files::Stream;
use crate::measure::process_id;

/// An event file that is being written. TensorBoard can show it in the meantime.
pub struct EventFile {
    stream: Stream,
}

impl EventFile {
    /// Starts a file in a folder that exists.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        let name = format!("events.out.tfevents.{:010}.intervene.{}.0", now() as u64, process_id());
        let mut file = Self { stream: Stream::create(&folder.join(name))? };
        let mut event = Message::default();
        event.double(1, now()); // wall_time
        event.bytes(3, b"brain.Event:2"); // file_version
        file.record(&event)?;
        Ok(file)
    }

    /// Adds a point of a curve.
    pub fn scalar(&mut self, tag: &str, value: f64, step: usize) -> Result<(), Error> {
        let mut summary = Message::default();
        summary.float(2, value as f32); // simple_value
        self.value(tag, summary, step)
    }

    /// Adds a text in Markdown.
    pub fn text(&mut self, tag: &str, text: &str, step: usize) -> Result<(), Error> {
        let mut dim = Message::default();
        dim.integer(1, 1); // size
        let mut shape = Message::default();
        shape.message(2, &dim); // dim
        let mut tensor = Message::default();
        tensor.integer(1, 7); // dtype: DT_STRING
        tensor.message(2, &shape); // tensor_shape
        tensor.bytes(8, text.as_bytes()); // string_val
        let mut plugin = Message::default();
        plugin.bytes(1, b"text"); // plugin_name
        let mut metadata = Message::default();
        metadata.message(1, &plugin); // plugin_data
        let mut summary = Message::default();
        summary.message(8, &tensor); // tensor
        summary.message(9, &metadata); // metadata
        self.value(tag, summary, step)
    }

    /// Adds a picture from the bytes of a PNG; an error if they are not a PNG.
    pub fn image(&mut self, tag: &str, png: &[u8], step: usize) -> Result<(), Error> {
        let header =
            png::Decoder::new(png).read_info().map_err(|e| Error::Invalid(format!("{tag}: not a PNG: {e}")))?;
        let (width, height) = header.info().size();
        let mut image = Message::default();
        image.integer(1, u64::from(height)); // height
        image.integer(2, u64::from(width)); // width
        image.integer(3, 3); // colorspace: RGB
        image.bytes(4, png); // encoded_image_string
        let mut summary = Message::default();
        summary.message(4, &image); // image
        self.value(tag, summary, step)
    }

    /// Writes buffered records to the file, so that readers see them.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.stream.flush()
    }

    /// Closes the file and gives it its final name.
    pub fn finish(self) -> Result<(), Error> {
        self.stream.finish()
    }

    fn value(&mut self, tag: &str, content: Message, step: usize) -> Result<(), Error> {
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes()); // tag
        value.0.extend(content.0);
        let mut summary = Message::default();
        summary.message(1, &value); // value
        let mut event = Message::default();
        event.double(1, now()); // wall_time
        event.integer(2, step as u64); // step
        event.message(5, &summary); // summary
        self.record(&event)
    }

    fn record(&mut self, event: &Message) -> Result<(), Error> {
        let length = (event.0.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(event.0.len() + 16);
        record.extend(length);
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&event.0);
        record.extend(masked_crc(&event.0).to_le_bytes());
        self.stream.add(&record)
    }
}

/// A protobuf message: each field is its number and wire type, followed by its content.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn integer(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn message(&mut self, field: u64, value: &Self) {
        self.bytes(field, &value.0);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }
}

/// CRC-32C, rotated and offset as TensorFlow does, because a CRC of data that contains its own CRC is weak.
fn masked_crc(bytes: &[u8]) -> u32 {
    let crc = !bytes.iter().fold(!0u32, |crc, &byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)]);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = (i as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
