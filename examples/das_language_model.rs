//! DAS on a language model: the direction at a name's last token that holds the person's gender.
//!
//! `cargo run --release --example das_language_model -- target/models/SmolLM2-135M-Instruct`

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use intervene::Error;
use intervene::alignment::evaluate::{Edit, Evaluation};
use intervene::alignment::search::{Search, search};
use intervene::alignment::{Batches, Cache, Candidate, LanguageProblem, LocatedPairs, Partition, Storage};
use intervene::data::{self, Encoder, Pair, Tokenizer};
use intervene::interventions::{AnyIntervention, RotatedSpace};
use intervene::models::{Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::orthogonal::{self, Rotation};
use intervene::tap::Component;
use intervene::tasks::Split;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), Error> {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the argument is a checkpoint folder"));
    let device = Device::flex();
    let model = Pretrained::load(&folder, Dtype::F32, &device)?;
    let tokenizer = Tokenizer::load(&folder)?;

    // Each row has a base, a source, the counterfactual label, and the name in each prompt as its span.
    let encoder = Encoder { first_token: true, ..Encoder::new(&tokenizer, "span".parse()?) };
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/gender_agreement");
    let pairs = |file: &str| -> Result<Vec<Pair>, Error> {
        data::read(&files.join(file))?.iter().map(|row| encoder.pair(row)).collect()
    };
    let (train, test) = (pairs("train.jsonl")?, pairs("test.jsonl")?);

    // The frozen layers below the site run once for each prompt; training steps read the results from the caches.
    let site = Component::BlockOutput.at(model.n_layers() / 2);
    let order = Batches::new(train.len(), 16, Some(ChaCha8Rng::seed_from_u64(1)));
    let cache = |pairs: &[Pair]| {
        Cache::fill(&model, &[LocatedPairs::new(site.into(), pairs)], &Storage::default(), &device, &mut |_, _| {})
    };
    let mut problem = LanguageProblem::new(&model, &["gender".to_owned()])
        .with_training(cache(&train)?, vec![order])
        .with_test(Some(cache(&test)?));

    let r = orthogonal::random(model.dimensions().d_model, 1, &mut ChaCha8Rng::seed_from_u64(0), &device);
    let rotation = RotatedSpace::new(Rotation::manifold(r, &device.clone().autodiff()));
    let partition = Partition::new(vec![("gender".into(), 0..1)], 1)?;
    let start = Candidate { interventions: vec![AnyIntervention::from(rotation)], partition };
    let config = Search { log_every: 5, ..Search::plain(30, 5e-3) };
    let result = search(&mut problem, start, &config, &mut |line| {
        println!("step {:2}  loss {:.3}  IIA {:.2}", line.step, line.loss, line.iia);
        Ok(())
    })?;

    let test = Evaluation::new(&problem, Split::Test).expect("the problem has test pairs");
    let full = test.scores(&test.outcomes(&[Edit::Full], None)?[0], |_| true);
    println!("test IIA {:.2}, full swap {:.2}", test.iia(&result.candidate)?.mean(), full.mean());
    Ok(())
}
