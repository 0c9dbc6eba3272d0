//! Custom interventions: a struct that implements `Operation`, and a closure.
//!
//! `cargo run --release --example custom_intervention`

use std::path::Path;

use burn::tensor::Tensor;
use intervene::Error;
use intervene::intervenable::{Intervenable, Operation, Order, Placement, Representation, RunInput, Sourceless, Units};
use intervene::models::{Dtype, Pretrained};
use intervene::tap::Component;

/// Moves the base's row by a share of the difference to the source's row.
struct Towards {
    share: f64,
}

impl Operation for Towards {
    fn edit(&self, base: Tensor<3>, source: Tensor<3>, _mask: Option<Tensor<3>>) -> Tensor<3> {
        base.clone() + (source - base) * self.share
    }
}

fn main() -> Result<(), Error> {
    let device = burn::tensor::Device::flex();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pyvene/gpt2");
    let model = Pretrained::load(&folder, Dtype::F32, &device)?;
    let base = RunInput::tokens(&model, &[vec![5, 9, 2, 33]], &device)?;
    let source = RunInput::tokens(&model, &[vec![7, 1, 60, 8]], &device)?;
    let last = Some(Placement::at(Units::FromRight(0.into())));

    println!("share of the way  largest change of a logit");
    let clean = Intervenable::new(&model, vec![], vec![], Order::Parallel)?.run(&base, &[], &[])?.logits;
    for share in [0.0, 0.5, 1.0] {
        let towards = Towards { share };
        let there = Representation::new(Component::BlockOutput.at(0), 0).source(0);
        let intervenable = Intervenable::new(&model, vec![there], vec![&towards], Order::Parallel)?;
        let logits = intervenable.run(&base, &[Some(source.clone())], std::slice::from_ref(&last))?.logits;
        println!("{share:>17}  {:.4}", (logits - clean.clone()).abs().max().into_scalar::<f32>());
    }

    // A closure that reads no source: it keeps the three largest activations of the feed-forward layer and zeroes the others.
    let sparse = Sourceless(|base: Tensor<3>| {
        let third = base.clone().topk(3, 2).min_dim(2);
        let keep = base.clone().greater_equal(third).float();
        base * keep
    });
    let there = Representation::new(Component::MlpActivation.at(1), 0);
    let intervenable = Intervenable::new(&model, vec![there], vec![&sparse], Order::Parallel)?;
    let logits = intervenable.run(&base, &[], &[Some(Placement::at(Units::All))])?.logits;
    println!("three neurons     {:.4}", (logits - clean).abs().max().into_scalar::<f32>());
    Ok(())
}
