//! Models with random initial weights.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};

fn logits(model: &Pretrained) -> Vec<f32> {
    let mut context = Context::full(1, 4);
    let hidden = model.embed(Tensor::from_data([[5, 9, 2, 7]], &Device::flex()), &context);
    let hidden = model.layers(hidden, 0..model.n_layers(), &mut context, &mut ());
    model.unembed(hidden).into_data().iter::<f32>().collect()
}

#[test]
fn an_untrained_model_needs_no_weights_and_follows_from_its_seed() {
    let fixtures = Path::new("tests/fixtures");
    let folders =
        ["gpt2", "gpt_neox", "llama", "qwen2", "qwen3", "gemma2"].map(|name| fixtures.join("pyvene").join(name));
    let others = ["gemma", "mistral"].map(|name| fixtures.join("transformers").join(name));
    for folder in folders.iter().chain(&others) {
        let bare = tempfile::tempdir().unwrap();
        std::fs::copy(folder.join("config.json"), bare.path().join("config.json")).unwrap();
        let untrained = |seed| Pretrained::untrained(bare.path(), seed, Dtype::F32, &Device::flex()).unwrap();
        let trained = Pretrained::load(folder, Dtype::F32, &Device::flex()).unwrap();
        let first = untrained(1);
        assert_eq!((first.model_type(), first.dimensions()), (trained.model_type(), trained.dimensions()));
        assert!(first.identity().ends_with("(untrained, seed 1)"));

        let (trained, first) = (logits(&trained), logits(&first));
        assert!(first.iter().all(|logit| logit.is_finite()));
        assert_eq!(first, logits(&untrained(1)));
        for other in [trained, logits(&untrained(2))] {
            let off = first.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off > 0.1, "{}: the logits differ by {off}", folder.display());
        }
    }
}
