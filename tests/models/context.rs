//! The masks that follow from a context's positions.

use burn::tensor::Device;
use intervene::models::{Context, Memory, PADDING};

fn seen(context: &mut Context, window: Option<usize>) -> Vec<u8> {
    let bias = context.bias(window, &Device::flex()).expect("some keys are masked");
    bias.into_data().iter::<f32>().map(|value| u8::from(value == 0.0)).collect()
}

#[test]
fn a_query_sees_real_keys_up_to_its_own_position() {
    assert_eq!(seen(&mut Context::full(2, 3), None), [1, 0, 0, 1, 1, 0, 1, 1, 1]);
    assert_eq!(seen(&mut Context::full(1, 3), Some(2)), [1, 0, 0, 1, 1, 0, 0, 1, 1]);
    let mut left = Context::padded(&[vec![false, true, true], vec![true, true, true]]);
    assert_eq!(left.positions()[0], [PADDING, 0, 1]);
    assert_eq!(seen(&mut left, None)[3..], [0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1]);
}

#[test]
fn one_token_that_sees_everything_needs_no_mask() {
    let mut context = Context::full(2, 3).keeping();
    context.advance(vec![vec![3]; 2]);
    assert!(context.bias(None, &Device::flex()).is_none());
    assert!(context.bias(Some(2), &Device::flex()).is_some());
}

#[test]
fn tails_see_their_own_memory_only() {
    let memory = Memory::new(vec![vec![0, PADDING], vec![0, 1]], vec![]);
    let mut context = Context::tail(&[1, 2], &[2, 1], memory);
    assert_eq!(context.positions(), [vec![1, 2], vec![2, PADDING]]);
    let seen = seen(&mut context, None);
    assert_eq!(seen[..8], [1, 0, 1, 0, 1, 0, 1, 1]);
    assert_eq!(seen[8..12], [1, 1, 1, 0]);
}
