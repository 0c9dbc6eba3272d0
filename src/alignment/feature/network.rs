//! The network that is searched: trained here on the task, or as it was initialised.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::alignment::scores::count_hits;
use crate::error::Error;
use crate::models::{Context, FrozenModel, Mlp};
use crate::tasks::FeatureTask;

/// The shape of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The width of each hidden layer.
    pub width: usize,
    /// The number of hidden layers.
    pub n_layers: usize,
}

/// How a network is trained on its task: AdamW with linear decay on fresh examples. A recipe's `[model.training]`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkTraining {
    /// The number of steps.
    pub steps: usize,
    /// Examples in a step.
    pub batch: usize,
    /// The learning rate at the start; it falls linearly to nothing.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// The weight of the L1 norm of the first layer's weights in the loss.
    pub l1: f64,
}

impl Default for NetworkTraining {
    fn default() -> Self {
        Self { steps: 9216, batch: 1024, learning_rate: 2e-3, weight_decay: 0.3, l1: 1e-4 }
    }
}

/// A network with PyTorch's default initialisation of linear layers: weights and biases uniform in ±1/√(inputs).
///
/// Drawn on the CPU, so that a seed means the same on every device.
#[must_use]
pub fn untrained(task: &dyn FeatureTask, shape: Shape, rng: &mut ChaCha8Rng, device: &Device) -> Mlp {
    let mut linear = |from: usize, to: usize| {
        let bound = 1.0 / (from as f32).sqrt();
        let mut draw = |n: usize| (0..n).map(|_| rng.random_range(-bound..bound)).collect::<Vec<f32>>();
        let weight = Tensor::<2>::from_data(TensorData::new(draw(from * to), [from, to]), device);
        (weight, Tensor::<1>::from_data(TensorData::new(draw(to), [to]), device))
    };
    let mut layers = vec![linear(task.n_features(), shape.width)];
    layers.extend((1..shape.n_layers).map(|_| linear(shape.width, shape.width)));
    Mlp { layers, score: linear(shape.width, task.n_classes()) }
}

/// The parameters while they are trained; the frozen [`Mlp`] is made from them.
#[derive(Module, Debug)]
struct TrainableMlp {
    layers: Vec<Linear>,
    score: Linear,
}

impl TrainableMlp {
    fn new(mlp: &Mlp, device: &Device) -> Self {
        let tracked = device.clone().autodiff();
        let linear = |(weight, bias): &(Tensor<2>, Tensor<1>)| Linear {
            weight: Param::from_data(weight.clone().into_data(), &tracked),
            bias: Some(Param::from_data(bias.clone().into_data(), &tracked)),
        };
        Self { layers: mlp.layers.iter().map(linear).collect(), score: linear(&mlp.score) }
    }

    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let hidden = self.layers.iter().fold(features, |x, layer| activation::relu(layer.forward(x)));
        self.score.forward(hidden)
    }

    fn frozen(&self) -> Mlp {
        let linear = |l: &Linear| (l.weight.val().inner(), l.bias.as_ref().expect("made with a bias").val().inner());
        Mlp { layers: self.layers.iter().map(linear).collect(), score: linear(&self.score) }
    }
}

/// Trains a network on the task. `watch` sees each step's number, and its loss every hundred steps.
pub fn train(
    start: &Mlp,
    task: &dyn FeatureTask,
    training: &NetworkTraining,
    rng: &mut ChaCha8Rng,
    device: &Device,
    watch: &mut dyn FnMut(usize, Option<f64>),
) -> Result<Mlp, Error> {
    let mut network = TrainableMlp::new(start, device);
    let config = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(training.weight_decay as f32);
    let mut optimizer = config.init();
    let cross_entropy = CrossEntropyLossConfig::new().init(device);
    for step in 0..training.steps {
        let examples = task.factual(training.batch, rng)?;
        let x = features(examples.features, task.n_features(), device);
        let mut loss = cross_entropy.forward(network.forward(x), labels(&examples.labels, device).flatten(0, 1));
        if training.l1 > 0.0 {
            loss = loss + network.layers[0].weight.val().abs().sum() * training.l1;
        }
        let seen = (step % 100 == 99 || step + 1 == training.steps).then(|| loss.clone().into_scalar::<f32>());
        if seen.is_some_and(|loss| !loss.is_finite()) {
            return Err(Error::Diverged(format!(
                "the task loss is no longer finite at step {}: a smaller `model.training.learning_rate` than {} helps",
                step + 1,
                training.learning_rate
            )));
        }
        let grads = GradientsParams::from_grads(loss.backward(), &network);
        let rate = training.learning_rate * (1.0 - step as f64 / training.steps as f64);
        network = optimizer.step(rate, network, grads);
        watch(step + 1, seen.map(f64::from));
    }
    Ok(network.frozen())
}

/// The share of fresh examples that the network labels as the causal model does.
pub fn accuracy(
    model: &Mlp,
    task: &dyn FeatureTask,
    count: usize,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Result<f64, Error> {
    let examples = task.factual(count, rng)?;
    let x = model.embed(features(examples.features, task.n_features(), device));
    let hidden = model.layers(x, 0..model.n_layers(), &mut Context::default(), &mut ());
    let hits = count_hits(model.unembed(hidden), &labels(&examples.labels, device), None);
    Ok(hits as f64 / count as f64)
}

/// `[count, n_features]`
pub(super) fn features(values: Vec<f32>, n_features: usize, device: &Device) -> Tensor<2> {
    let count = values.len() / n_features;
    Tensor::from_data(TensorData::new(values, [count, n_features]), device)
}

/// `[count, 1]`
pub(super) fn labels(labels: &[usize], device: &Device) -> Tensor<2, Int> {
    let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
    let count = labels.len();
    Tensor::from_data(TensorData::new(labels, [count, 1]), device)
}
