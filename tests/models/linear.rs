//! Products with few rows, which a CPU computes in blocks of the weight.

use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use intervene::models::Linear;

#[test]
fn blocks_of_a_weight_give_the_product_of_the_whole() {
    let device = Device::flex();
    let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Uniform(-1.0, 1.0), &device);
    // Blocks of 1024 with a remainder, four blocks without and with a remainder, one piece.
    for (out, width) in [(8 * 1024 + 5, 40), (512, 512), (1027, 300), (64, 3)] {
        let (weight, x) = (random([out, width]), random([16, width]));
        let whole = x.clone().matmul(weight.clone().transpose());
        let product = Linear { weight, bias: None }.forward(x.unsqueeze()).squeeze_dim::<2>(0);
        product.into_data().assert_approx_eq::<f32>(&whole.into_data(), Tolerance::absolute(1e-4));
    }
}
