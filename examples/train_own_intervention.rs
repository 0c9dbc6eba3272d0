//! Trains an intervention of one's own on a language model: DAS with a learned gate on each direction.
//! `cargo run --release --example train_own_intervention -- CHECKPOINT`
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use intervene::Error;
use intervene::alignment::evaluate::Evaluation;
use intervene::alignment::search::{Search, search};
use intervene::alignment::{Batches, Cache, Candidate, LanguageProblem, LocatedPairs, Storage};
use intervene::data::{Encoder, Tokenizer, jsonl};
use intervene::interventions::Intervention;
use intervene::models::{Dtype, FrozenModel, LanguageModel, Pretrained};
use intervene::orthogonal::{self, Rotation};
use intervene::tap::Component;
use intervene::tasks::Split;
use rand::SeedableRng;

/// `base + ((source − base) R ⊙ σ(g)) Rᵀ`
#[derive(Module, Debug)]
struct Gated {
    rotation: Rotation,
    gate: Param<Tensor<1>>,
}

impl Intervention for Gated {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        let r = self.rotation.matrix().unsqueeze::<3>(); // [1, width, rank]
        let gate = activation::sigmoid(self.gate.val()).unsqueeze::<3>(); // [1, 1, rank]
        base.clone() + ((source - base).matmul(r.clone()) * gate).matmul(r.transpose())
    }

    /// The optimiser keeps the columns of this rotation orthonormal.
    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }
}

fn main() -> Result<(), Error> {
    let folder = std::path::PathBuf::from(std::env::args().nth(1).expect("a checkpoint folder"));
    let (device, mut rng) = (Device::flex(), rand_chacha::ChaCha8Rng::seed_from_u64(0));
    let (model, tokenizer) = (Pretrained::load(&folder, Dtype::F32, &device)?, Tokenizer::load(&folder)?);
    let encoder = Encoder { first_token: true, ..Encoder::new(&tokenizer, "span".parse()?) };
    let cache = |split: &str| {
        let rows = jsonl::read(format!("data/gender_agreement/{split}.jsonl").as_ref())?;
        let pairs = rows.iter().map(|row| encoder.pair(row)).collect::<Result<Vec<_>, Error>>()?;
        let place = LocatedPairs::new(Component::BlockOutput.at(model.n_layers() / 2).into(), &pairs);
        Cache::fill(&model, &[place], &Storage::default(), &device, &mut |_, _| {})
    };
    let (tracked, sizes) = (device.clone().autodiff(), model.dimensions());
    let rotation = Rotation::manifold(orthogonal::random(sizes.d_model, 4, &mut rng, &device), &tracked);
    let start = Candidate::single(Gated { rotation, gate: Param::from_data([2.0_f32; 4], &tracked) });
    let train = cache("train")?;
    let order = Batches::new(train.pairs().len(), 16, Some(rng));
    let problem = LanguageProblem::new(&model, &["gender".to_owned()]).with_test(Some(cache("test")?));
    let mut problem = problem.with_training(train, vec![order]);
    let result = search(&mut problem, start, &Search::plain(60, 1e-2), &mut |_| Ok(()))?;
    let test = Evaluation::new(&problem, Split::Test).expect("there are test pairs");
    println!("IIA {:.3}", test.iia(&result.candidate)?.overall().mean());
    Ok(())
}
