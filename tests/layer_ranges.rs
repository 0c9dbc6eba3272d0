//! Ranges of layers and tails of tokens, resumed from stored states, keys and values, equal the full run.

use burn::tensor::{Device, Int, Tensor};
use intervene::models::{Context, FrozenModel, LanguageModel};
use intervene::tap::{Component, Patch, Rows};

use crate::common::families::{load, name};
use crate::common::families_of_transformers::all;
use crate::common::numbers::Numbers;
use crate::common::tensors::distance;
use crate::common::whole_run::{logits, plain};

#[test]
fn two_ranges_of_layers_equal_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.1");
        let [batch, seq] = tokens.dims();
        let clean = plain(&model, tokens.clone(), &mut ());
        for cut in 0..=model.n_layers() {
            let context = || Context::full(batch, seq);
            let hidden = model.embed(tokens.clone(), &context());
            let hidden = model.layers(hidden, 0..cut, &mut context(), &mut ());
            let hidden = model.layers(hidden, cut..model.n_layers(), &mut context(), &mut ());
            assert_eq!(distance(&model.unembed(hidden), &clean), 0.0, "{}: cut at {cut}", name(&folder));
        }
    }
}

#[test]
fn tails_with_stored_keys_and_values_equal_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.2");
        let [batch, seq] = tokens.dims();
        let whole = model.embed(tokens, &Context::full(batch, seq));
        let layers = model.n_layers();
        for (layer, first) in [(0, [3, 5]), (1, [5, 1]), (1, [0, 4]), (0, [5, 5]), (1, [0, 0]), (1, [2, 3])] {
            let hidden = model.layers(whole.clone(), 0..layer, &mut Context::full(batch, seq), &mut ());
            let mut full = Context::full(batch, seq).keeping();
            let expected = model.layers(hidden.clone(), layer..layers, &mut full, &mut ());
            let memory = full.into_memory().before(&first);

            let lengths = first.map(|first| seq - first);
            let mut context = Context::tail(&first, &lengths, memory);
            let longest = *lengths.iter().max().unwrap();
            let place = |e: usize, i: usize| (first[e] + i).min(seq - 1);
            let rows = (0..batch).map(|e| (0..longest).map(|i| place(e, i)).collect()).collect();
            let tail = Rows::positions(rows).unwrap();
            let got = model.layers(tail.gather(hidden), layer..layers, &mut context, &mut ());
            let expected = tail.gather(expected);
            for (e, length) in lengths.iter().enumerate() {
                let of = |x: &Tensor<3>| x.clone().narrow(0, e, 1).narrow(1, 0, *length);
                // Relative to the states, which reach 20 before the final norm: there, two full runs of the same tokens in
                // batches of 2 and of 1 already differ by up to 1.1e-5, from the order of sums alone.
                let size = of(&expected).abs().max().into_scalar::<f32>();
                let off = distance(&of(&got), &of(&expected)) / size;
                assert!(off < 5e-6, "{}: layer {layer}, tails from {first:?}: off by {off}", name(&folder));
            }
        }
    }
}

#[test]
fn gradients_through_a_tail_equal_those_of_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("input_ids.2");
        let [batch, seq] = tokens.dims();
        let (layers, last, first) = (model.n_layers(), seq - 1, [2, 4]);
        let hidden = model.embed(tokens, &Context::full(batch, seq));
        let mut full = Context::full(batch, seq).keeping();
        model.layers(hidden.clone(), 0..layers, &mut full, &mut ());
        let memory = full.into_memory().before(&first);

        // A tracked vector is added at each example's first position; the loss is the last position's logits, squared.
        let gradient = |hidden: Tensor<3>, mut context: Context, at: [usize; 2], last: [usize; 2]| {
            let device = Device::flex().autodiff();
            let vector = Tensor::<3>::ones([1, 1, model.dimensions().d_model], &device).require_grad();
            let rows = Rows::positions(at.map(|at| vec![at]).to_vec()).unwrap();
            let mut patch = Patch::new(Component::BlockInput.at(0), rows, |rows| rows + vector.clone() * 0.1);
            let hidden = model.layers(hidden, 0..layers, &mut context, &mut patch);
            patch.finish().unwrap();
            let last = Rows::positions(last.map(|at| vec![at]).to_vec()).unwrap();
            let logits = model.unembed(last.gather(hidden));
            vector.grad(&(logits.clone() * logits).sum().backward()).unwrap()
        };
        let expected = gradient(hidden.clone(), Context::full(batch, seq), first, [last; 2]);
        let lengths = first.map(|first| seq - first);
        let rows = first.map(|first| (0..4).map(|i| (first + i).min(last)).collect()).to_vec();
        let tail = Rows::positions(rows).unwrap().gather(hidden);
        let got = gradient(tail, Context::tail(&first, &lengths, memory), [0; 2], lengths.map(|length| length - 1));
        let size = expected.clone().abs().max().into_scalar::<f32>();
        let off = distance(&got, &expected) / size;
        assert!(size > 1e-2 && off < 1e-5, "{}: off by {off} of {size}", name(&folder));
    }
}

#[test]
fn decoding_token_by_token_equals_the_full_run() {
    for folder in all() {
        let (model, io) = (load(&folder), Numbers::open(&folder.join("io.safetensors")));
        let tokens: Tensor<2, Int> = io.ints("greedy8");
        let [batch, seq] = tokens.dims();
        let clean = plain(&model, tokens.clone(), &mut ());
        let mut context = Context::full(batch, 3).keeping();
        let mut got = vec![logits(&model, tokens.clone().narrow(1, 0, 3), &mut context, &mut ())];
        for at in 3..seq {
            context.advance(vec![vec![at as i64]; batch]);
            got.push(logits(&model, tokens.clone().narrow(1, at, 1), &mut context, &mut ()));
        }
        let off = distance(&Tensor::cat(got, 1), &clean);
        assert!(off < 1e-5, "{}: off by {off}", name(&folder));
    }
}
