//! What an idle tap costs: `cargo bench --bench tap`.
//!
//! The same run of a model is timed past `()`, past a closure that gives everything back, and past ten patches that wait
//! for other sites; in turns, so that what else the machine does falls on all alike. The model is SmolLM2-135M where its
//! folder is there (`INTERVENE_SMOLLM2`, or target/models/SmolLM2-135M-Instruct), else the tests' tiny llama.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Int, Tensor, TensorData};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::tap::{Component, Patch, Rows, Site, Tap};

const SEQ: usize = 32;
const ROUNDS: usize = 15;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let real = std::env::var_os("INTERVENE_SMOLLM2")
        .map_or_else(|| root.join("target/models/SmolLM2-135M-Instruct"), PathBuf::from);
    let folder = if real.join("config.json").is_file() { real } else { root.join("tests/fixtures/pyvene/llama") };
    let device = Device::flex();
    let model = Pretrained::load(&folder, Dtype::F32, &device).expect("the checkpoint loads");
    let tokens: Vec<i64> = (0..SEQ as i64).map(|token| 3 + token).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [1, SEQ]), &device);
    let run = |tap: &mut dyn Tap| {
        let mut context = Context::full(1, SEQ);
        let started = Instant::now();
        let hidden = model.embed(tokens.clone(), &context);
        black_box(model.layers(hidden, 0..model.n_layers(), &mut context, tap).into_data());
        started.elapsed()
    };
    let waiting = || -> Vec<Patch<'static>> {
        let rows = || Rows::same(1, &[0]).expect("one row");
        (0..10).map(|i| Patch::new(Component::BlockOutput.at(1000 + i), rows(), |rows| rows)).collect()
    };

    let mut visits = 0;
    run(&mut |_: Site, x: Tensor<3>| {
        visits += 1;
        x
    });
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(run(&mut ()));
        times[1].push(run(&mut |_: Site, x: Tensor<3>| x));
        let mut patches = waiting();
        times[2].push(run(&mut |site: Site, x: Tensor<3>| patches.iter_mut().fold(x, |x, patch| patch.visit(site, x))));
    }
    println!("{}, {SEQ} tokens, {visits} visits in a run", folder.display());
    for (name, mut times) in ["no tap", "idle closure", "ten waiting patches"].into_iter().zip(times) {
        times.sort();
        println!("{name:22} median {:9.3?}   least {:9.3?}", times[ROUNDS / 2], times[0]);
    }
    one_visit(&device);
}

/// A visit alone, where no noise of a whole run hides it.
fn one_visit(device: &Device) {
    const VISITS: u32 = 1_000_000;
    let mut tap = |_: Site, x: Tensor<3>| x;
    let tap: &mut dyn Tap = &mut tap;
    let mut x = Tensor::<3>::zeros([1, 1, 1], device);
    let started = Instant::now();
    for _ in 0..VISITS {
        x = black_box(&mut *tap).visit(Component::BlockOutput.at(0), x);
    }
    println!("one idle visit: {:?}", started.elapsed() / VISITS);
}
