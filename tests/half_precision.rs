//! With weights in bf16 and f16 on the processor, logits and the IIA of a search stay near those in f32.

use burn::tensor::Device;
use intervene::models::Dtype;

use crate::common::half_precision::logits_stay_near;
use crate::common::{needs, runs};

#[test]
fn logits_stay_near_those_of_f32() {
    let Some(folder) = needs::smollm2() else { return };
    for dtype in [Dtype::BF16, Dtype::F16] {
        logits_stay_near(&folder, dtype, &Device::flex());
    }
}

#[test]
fn a_search_reaches_the_same_iia() {
    let Some(model) = needs::smollm2() else { return };
    let iia = |dtype: &str| {
        let run = runs::gender(&model, "cpu", &[&format!("model.dtype={dtype}")]);
        runs::metrics(&run)["iia"].as_f64().unwrap()
    };
    let exact = iia("f32");
    for dtype in ["bf16", "f16"] {
        let iia = iia(dtype);
        println!("IIA {iia} in {dtype}, {exact} in f32");
        assert!((iia - exact).abs() <= 0.02, "{dtype}: {iia}, {exact} in f32");
    }
}
