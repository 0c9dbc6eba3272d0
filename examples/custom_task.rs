//! A custom task, the number of rising pairs among two, and a search for the columns that represent each pair's result.
//!
//! `cargo run --release --example custom_task`

use burn::tensor::Device;
use intervene::Error;
use intervene::alignment::evaluate::Evaluation;
use intervene::alignment::feature::network::{self, NetworkTraining, Shape};
use intervene::alignment::feature::{FeaturePairs, FeatureProblem};
use intervene::alignment::search::{Search, search};
use intervene::alignment::{Candidate, Partition};
use intervene::interventions::RotatedSpace;
use intervene::orthogonal::{self, Rotation};
use intervene::tap::Component;
use intervene::tasks::{CausalModel, Setting, Split, Task};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), Error> {
    let mut model = CausalModel::<i32>::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| model.input(name));
    let ab = model.variable("a<b", &[a, b], |v| i32::from(v[0] < v[1]));
    let cd = model.variable("c<d", &[c, d], |v| i32::from(v[0] < v[1]));
    model.variable("rising", &[ab, cd], |v| v[0] + v[1]);
    let task = Task {
        question: "How many of two pairs of numbers rise?",
        causal_model: model.sample_inputs_with(|rng| (0..4).map(|_| rng.random_range(-99..=99)).collect()),
        aligned: vec![ab, cd],
        n_features: 4,
        n_classes: 3,
        features: |setting: &Setting<i32>, into| into.extend(setting.values()[..4].iter().map(|v| *v as f32 / 99.0)),
        label: |setting| setting.values()[6] as usize,
    };

    let (device, mut rng) = (Device::flex(), ChaCha8Rng::seed_from_u64(0));
    let start = network::untrained(&task, Shape { width: 32, n_layers: 2 }, &mut rng, &device);
    let training = NetworkTraining { steps: 3000, batch: 256, learning_rate: 5e-3, weight_decay: 0.3, l1: 1e-4 };
    let model = network::train(&start, &task, &training, &mut rng, &device, &mut |_, _| {})?;
    println!("accuracy {:.3}", network::accuracy(&model, &task, 5000, &mut rng, &device)?);

    let partition = Partition::new(vec![("a<b".into(), 0..16), ("c<d".into(), 16..32)], 32)?;
    let site = Component::BlockOutput.at(0);
    let pairs = FeaturePairs { model: &model, task: &task, site, partition: &partition, device: &device };
    let mut problem = FeatureProblem::new(pairs, 512, ChaCha8Rng::seed_from_u64(1))
        .with_test(5000, &mut ChaCha8Rng::seed_from_u64(2))?;
    let r = orthogonal::random(32, 32, &mut rng, &device);
    let start = RotatedSpace::new(Rotation::manifold(r, &device.clone().autodiff()));
    let start = Candidate { interventions: vec![start], partition: partition.clone() };
    let config = Search { log_every: 100, ..Search::plain(600, 5e-3) };
    let result = search(&mut problem, start, &config, &mut |line| {
        println!("step {:4}  loss {:.4}  IIA {:.3}", line.step, line.loss, line.iia);
        Ok(())
    })?;
    let test = Evaluation::new(&problem, Split::Test).expect("test pairs were drawn");
    for (variable, score) in test.iia(&result.candidate)?.0 {
        println!("IIA of {variable}: {:.3}", score.mean());
    }
    Ok(())
}
