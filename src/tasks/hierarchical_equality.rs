//! Hierarchical equality: two pairs are both equal or both unequal, or not (Geiger et al. 2023, arXiv 2303.02536).

use rand::{Rng, RngExt};

use super::{CausalModel, Setting, Task};

/// The number of values in an object.
const OBJECT: usize = 4;

/// A value of the causal model: an object is an input of the network; an equality has to be computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Four numbers, uniform in [-1, 1], rounded to two decimals.
    Object([f32; OBJECT]),
    /// True if two values are the same.
    Equal(bool),
}

/// Creates the task. The inputs W, X, Y and Z are objects; `WX = (W == X)`, `YZ = (Y == Z)` and `O = (WX == YZ)`.
///
/// A pair is equal with probability 1/2, so WX, YZ and O are balanced and pairwise independent.
#[must_use]
pub fn hierarchical_equality() -> Task<Value> {
    let mut model = CausalModel::new();
    let [w, x, y, z] = ["W", "X", "Y", "Z"].map(|name| model.input(name));
    let equal = |values: &[&Value]| Value::Equal(values[0] == values[1]);
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

fn pair(rng: &mut dyn Rng) -> [Value; 2] {
    let mut object = || std::array::from_fn(|_| rng.random_range(-100..=100i16) as f32 / 100.0);
    let (first, second) = (object(), object());
    let second = if rng.random() { first } else { second };
    [Value::Object(first), Value::Object(second)]
}

fn features(setting: &Setting<Value>, into: &mut Vec<f32>) {
    for value in setting.values() {
        if let Value::Object(numbers) = value {
            into.extend_from_slice(numbers);
        }
    }
}

fn label(setting: &Setting<Value>) -> usize {
    usize::from(setting.values().last() == Some(&Value::Equal(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::FeatureTask;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn labels_are_balanced_and_follow_the_causal_model() {
        let task = hierarchical_equality();
        let examples = task.factual(4000, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
        let ones: usize = examples.labels.iter().sum();
        assert!((1800..2200).contains(&ones), "{ones}");
        for (x, label) in examples.features.chunks(16).zip(&examples.labels) {
            assert_eq!((x[..4] == x[4..8]) == (x[8..12] == x[12..]), *label == 1);
            assert!(x.iter().all(|v| v.abs() <= 1.0 && (v * 100.0 - (v * 100.0).round()).abs() < 1e-4));
        }
    }

    #[test]
    fn an_interchange_of_wx_takes_it_from_the_source() {
        let task = hierarchical_equality();
        let pairs = task.counterfactual(500, &["WX", "YZ"], &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        for (i, label) in pairs.labels.iter().enumerate() {
            let (wx, yz) = (&pairs.sources[0][i * 16..], &pairs.sources[1][i * 16..]);
            assert_eq!((wx[..4] == wx[4..8]) == (yz[8..12] == yz[12..16]), *label == 1);
        }
        assert!(task.counterfactual(1, &["XW"], &mut ChaCha8Rng::seed_from_u64(1)).is_err());
    }
}
