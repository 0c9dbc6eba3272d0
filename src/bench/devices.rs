//! `devices`: what there is to run on, and whether it works.

use burn::tensor::{DType, Device};
use serde::Serialize;

use super::limit::product_rate;
use super::self_test::{SelfTest, TOLERANCE, self_test};
use crate::device::{self, Name};
use crate::error::Error;

/// A device, and how it did.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// What `--device` calls it.
    pub name: String,
    /// Does it work?
    pub works: bool,
    /// Why not, and what to build or install; empty where it works.
    pub problem: String,
    /// What its driver calls it.
    pub hardware: Option<String>,
    /// The bytes that may be taken of its memory, where they are known.
    pub memory_bytes: Option<u64>,
    /// The numbers that it computes with.
    pub dtypes: Vec<String>,
    /// How far it is from the processor.
    pub self_test: Option<SelfTest>,
    /// Of a product of two large square matrices in f32.
    pub gflop_per_s: Option<f64>,
}

/// Looks for devices, and tries each: every one that the drivers tell of, or those of these names.
///
/// What does not work is told, and is no error; a name that is none is.
pub fn devices(names: &[String]) -> Result<Vec<Examined>, Error> {
    if names.is_empty() {
        let found = device::survey().into_iter();
        return Ok(found
            .map(|found| found.problem.map_or_else(|| examine(found.name), |p| not(found.name, p)))
            .collect());
    }
    let names = names.iter().map(|name| name.parse::<Name>()).collect::<Result<Vec<Name>, Error>>()?;
    Ok(names.into_iter().map(examine).collect())
}

fn not(name: Name, problem: String) -> Examined {
    Examined {
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

fn examine(name: Name) -> Examined {
    let opened = match device::find(&name.to_string()).and_then(|found| device::opened(&found)) {
        Ok(opened) => opened,
        Err(error) => return not(name, error.reason()),
    };
    let on = &opened.device;
    let mut examined = not(opened.name, String::new());
    examined.hardware = Some(opened.hardware);
    examined.memory_bytes = device::budget(on);
    examined.dtypes = dtypes(on);
    let tested = device::attempt(on, "the self-test", "nothing: it is tiny", || self_test(on));
    examined.self_test = tested.as_ref().ok().copied();
    examined.problem = match tested {
        Err(error) => error.reason(),
        Ok(tested) if !tested.passes() => {
            "the self-test is too far from the processor: a newer driver may help".to_owned()
        }
        Ok(_) => match device::attempt(on, "measuring a product", "nothing: it is small", || Ok(product_rate(on))) {
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

impl Examined {
    /// For machines.
    #[must_use]
    pub fn json(all: &[Self]) -> String {
        serde_json::to_string(all).expect("numbers and names make JSON")
    }

    /// For people: a paragraph for each.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        let state = if self.works { "works" } else { "does not work" };
        lines.push(format!("{:9} {state}", self.name));
        lines.extend(self.hardware.clone());
        if self.hardware.is_some() {
            let memory = self
                .memory_bytes
                .map_or_else(|| "of a size that its driver does not say".to_owned(), device::format_bytes);
            lines.push(format!("memory {memory}; computes in {}", self.dtypes.join(", ")));
        }
        if let Some(SelfTest { logits, gradient }) = self.self_test {
            lines.push(format!(
                "self-test: logits {logits:.1e} and gradient {gradient:.1e} from the processor's, under {TOLERANCE:.0e} each"
            ));
        }
        lines.extend(self.gflop_per_s.map(|rate| format!("{rate:.0} GFLOP/s in a product of square matrices, f32")));
        if !self.works {
            lines.push(self.problem.clone());
        }
        lines.join("\n          ")
    }
}
