//! Weights in bf16 and f16 on the processor: what a model says, and what a search on it finds, stay what they are in f32.

mod common;
#[path = "common/half.rs"]
mod half;
#[path = "common/runs.rs"]
mod runs;

use burn::tensor::Device;
use intervene::models::Dtype;

#[test]
fn logits_stay_near_those_of_f32() {
    let Some(folder) = common::smollm2() else { return };
    for dtype in [Dtype::BF16, Dtype::F16] {
        half::logits_stay_near(&folder, dtype, &Device::flex());
    }
}

#[test]
fn a_search_reaches_the_same_iia() {
    let Some(model) = common::smollm2() else { return };
    let found = |dtype: &str| runs::gender(&model, "cpu", &[&format!("model.dtype={dtype}")]).iia;
    let exact = found("f32");
    for dtype in ["bf16", "f16"] {
        let iia = found(dtype);
        println!("IIA {iia} in {dtype}, {exact} in f32");
        assert!((iia - exact).abs() <= 0.02, "{dtype}: {iia}, {exact} in f32");
    }
}
