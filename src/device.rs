//! Which device runs the model.

use burn::tensor::Device;

use crate::error::{Error, nearest};

/// The device of that name: `auto` takes the best that this binary was built with, `cpu` the processor.
pub fn find(name: &str) -> Result<Device, Error> {
    match name {
        "auto" | "cpu" => Ok(Device::flex()),
        _ => Err(Error::Unknown { what: "device", name: name.to_owned(), hint: nearest(name, ["auto", "cpu"]) }),
    }
}

/// The device's name in run folders.
#[must_use]
pub fn name(_device: &Device) -> String {
    "cpu".to_owned()
}
