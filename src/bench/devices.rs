//! `devices`: lists the devices of this machine and tests each of them.

use burn::tensor::{DType, Device};
use serde::Serialize;

use super::limit::product_rate;
use super::self_test::{SelfTest, self_test};
use crate::device::{self, Name};
use crate::error::Error;

/// A device, and the results of its tests.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceReport {
    /// Its name as an argument of `--device`.
    pub name: String,
    /// Whether it passed all tests.
    pub works: bool,
    /// Why it does not work, and what to build or install; empty if it works.
    pub problem: String,
    /// The driver's name of it.
    pub hardware: Option<String>,
    /// The memory that may be used, in bytes, if it is known.
    pub memory_bytes: Option<u64>,
    /// The supported dtypes.
    pub dtypes: Vec<String>,
    /// The differences from the processor's results.
    pub self_test: Option<SelfTest>,
    /// The rate of a product of two large square matrices in f32.
    pub gflop_per_s: Option<f64>,
}

/// Tests the devices with the given names, or all devices that the drivers report if there are no names.
///
/// A device that does not work is part of the result. An invalid name is an error.
pub fn devices(names: &[String]) -> Result<Vec<DeviceReport>, Error> {
    if names.is_empty() {
        let devices = device::survey().into_iter();
        return Ok(devices
            .map(|device| device.problem.map_or_else(|| examine(device.name), |p| failed(device.name, p)))
            .collect());
    }
    let names = names.iter().map(|name| name.parse::<Name>()).collect::<Result<Vec<Name>, Error>>()?;
    Ok(names.into_iter().map(examine).collect())
}

fn failed(name: Name, problem: String) -> DeviceReport {
    DeviceReport {
        name: name.to_string(),
        works: false,
        problem,
        hardware: None,
        memory_bytes: None,
        dtypes: Vec::new(),
        self_test: None,
        gflop_per_s: None,
    }
}

fn examine(name: Name) -> DeviceReport {
    let opened = match device::find(&name.to_string(), &mut ()).and_then(|device| device::opened(&device)) {
        Ok(opened) => opened,
        Err(error) => return failed(name, error.reason()),
    };
    const LOWER: &str = "no setting, the tests need little memory; close other programs that use the device";
    let device = &opened.device;
    let mut examined = failed(opened.name, String::new());
    examined.hardware = Some(opened.hardware);
    examined.memory_bytes = device::budget(device);
    examined.dtypes = dtypes(device);
    let tested = device::attempt(device, "the self-test", LOWER, || self_test(device));
    examined.self_test = tested.as_ref().ok().copied();
    examined.problem = match tested {
        Err(error) => error.reason(),
        Ok(tested) if !tested.passes() => {
            "the self-test's results differ too much from the processor's: try a newer driver".to_owned()
        }
        Ok(_) => match device::attempt(device, "measuring the rate of a product", LOWER, || Ok(product_rate(device))) {
            Ok(rate) => {
                examined.gflop_per_s = Some(rate);
                String::new()
            }
            Err(error) => error.reason(),
        },
    };
    examined.works = examined.problem.is_empty();
    examined
}

fn dtypes(device: &Device) -> Vec<String> {
    let all = [DType::F32, DType::BF16, DType::F16].into_iter();
    all.filter(|dtype| device.supports_dtype(*dtype)).map(|dtype| dtype.name().to_owned()).collect()
}
