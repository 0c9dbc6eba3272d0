//! Hierarchical equality: two pairs are both equal or both unequal, or not (Geiger et al. 2023, arXiv 2303.02536).

use rand::{Rng, RngExt};

use super::{CausalModel, Setting, Task};

/// The number of values in an object.
const OBJECT: usize = 4;

/// A value of the causal model: an object is an input of the network; an equality has to be computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EqualityValue {
    /// Four numbers, uniform in [-1, 1], rounded to two decimals.
    Object([f32; OBJECT]),
    /// True if two values are the same.
    Equal(bool),
}

/// Creates the task. The inputs W, X, Y and Z are objects; `WX = (W == X)`, `YZ = (Y == Z)` and `O = (WX == YZ)`.
///
/// A pair is equal with probability 1/2, so WX, YZ and O are balanced and pairwise independent.
#[must_use]
pub fn hierarchical_equality() -> Task<EqualityValue> {
    let mut model = CausalModel::new();
    let [w, x, y, z] = ["W", "X", "Y", "Z"].map(|name| model.input(name));
    let equal = |values: &[&EqualityValue]| EqualityValue::Equal(values[0] == values[1]);
    let wx = model.variable("WX", &[w, x], equal);
    let yz = model.variable("YZ", &[y, z], equal);
    model.variable("O", &[wx, yz], equal);
    Task {
        question: "Are both pairs of objects equal, or both unequal?",
        causal_model: model.sample_inputs_with(|rng| {
            let [w, x] = pair(rng);
            let [y, z] = pair(rng);
            vec![w, x, y, z]
        }),
        aligned: vec![wx, yz],
        n_features: 4 * OBJECT,
        n_classes: 2,
        features,
        label,
    }
}

fn pair(rng: &mut dyn Rng) -> [EqualityValue; 2] {
    let mut object = || std::array::from_fn(|_| rng.random_range(-100..=100i16) as f32 / 100.0);
    let (first, second) = (object(), object());
    let second = if rng.random() { first } else { second };
    [EqualityValue::Object(first), EqualityValue::Object(second)]
}

fn features(setting: &Setting<EqualityValue>, into: &mut Vec<f32>) {
    for value in setting.values() {
        if let EqualityValue::Object(numbers) = value {
            into.extend_from_slice(numbers);
        }
    }
}

fn label(setting: &Setting<EqualityValue>) -> usize {
    usize::from(setting.values().last() == Some(&EqualityValue::Equal(true)))
}
