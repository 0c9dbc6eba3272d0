//! Linear layers, norms and activations with fixed weights.

use burn::tensor::{DType, Int, Tensor, activation, module};

use crate::device::is_cpu;

/// With at most this many rows, the weight is the left factor of the product on the CPU, where flex is faster then.
const FEW_ROWS: usize = 32;

/// The outputs in a block when a weight with many more outputs (a head over a vocabulary) is multiplied with few rows.
/// A block stays in the CPU's cache, forward and backward, which takes two thirds of the time.
const BLOCK: usize = 1024;

/// The number of blocks when there are fewer outputs: flex distributes blocks over the cores, whereas it would compute
/// the whole product on one core or synchronise all cores within it.
const FEW_BLOCKS: usize = 4;

/// A product with fewer multiplications than this is not cut into blocks: flex computes it on one core in any case.
const SMALL: usize = 1 << 21;

/// `y = x Wᵀ + b`, with the weight as PyTorch stores it.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[out, in]`
    pub weight: Tensor<2>,
    /// `[out]`
    pub bias: Option<Tensor<1>>,
}

impl Linear {
    /// The layer restricted to some of its outputs, in the given order.
    #[must_use]
    pub fn only(&self, outputs: &Tensor<1, Int>) -> Self {
        Self {
            weight: self.weight.clone().select(0, outputs.clone()),
            bias: self.bias.as_ref().map(|bias| bias.clone().select(0, outputs.clone())),
        }
    }

    /// # Shapes
    /// - x: `[batch, seq, in]`
    /// - output: `[batch, seq, out]`
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, seq, width] = x.dims();
        let rows = batch * seq;
        let x = x.reshape([rows, width]);
        let y = if rows <= FEW_ROWS && is_cpu(&self.weight.device()) {
            weight_first(&self.weight, x.transpose()).transpose()
        } else {
            x.matmul(self.weight.clone().transpose())
        };
        let y = match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        };
        let out = self.weight.dims()[0];
        y.reshape([batch, seq, out])
    }
}

/// `W x`, computed in blocks of W's rows where that is faster.
///
/// # Shapes
/// - weight: `[out, in]`, x: `[in, n]`, output: `[out, n]`
fn weight_first(weight: &Tensor<2>, x: Tensor<2>) -> Tensor<2> {
    let [out, width] = weight.dims();
    let n = x.dims()[1];
    let block = if out >= 8 * BLOCK { BLOCK } else { out / FEW_BLOCKS };
    if out * width * n < SMALL || block == 0 {
        return weight.clone().matmul(x);
    }
    let blocks = out / block;
    let whole = blocks * block;
    let stacked = weight.clone().narrow(0, 0, whole).reshape([blocks, block, width]);
    let y = stacked.matmul(x.clone().unsqueeze()).reshape([whole, n]);
    if whole == out {
        return y;
    }
    Tensor::cat(vec![y, weight.clone().narrow(0, whole, out - whole).matmul(x)], 0)
}

/// Layer normalisation, `(x - mean) / sqrt(var + eps) * weight + bias` (Ba et al. 2016, arXiv 1607.06450).
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// `[d_model]`
    pub weight: Tensor<1>,
    /// `[d_model]`
    pub bias: Tensor<1>,
    /// Added under the root.
    pub epsilon: f64,
}

impl LayerNorm {
    /// # Shapes
    /// - x, output: `[batch, seq, d_model]`
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        module::layer_norm(x, self.weight.clone(), Some(self.bias.clone()), self.epsilon)
    }
}

/// Root mean square normalisation, `x / sqrt(mean(x²) + eps) * weight` (Zhang and Sennrich 2019, arXiv 1910.07467), in
/// f32 whatever the model's dtype.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    /// `[width]`, f32.
    pub weight: Tensor<1>,
    /// Added under the root.
    pub epsilon: f64,
}

impl RmsNorm {
    /// # Shapes
    /// - x, output: `[.., width]`
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = x.dtype();
        let x = x.cast(DType::F32);
        let mean_square = (x.clone() * x.clone()).mean_dim(D - 1);
        let normed = x / (mean_square + self.epsilon).sqrt();
        (normed * self.weight.clone().unsqueeze()).cast(dtype)
    }
}

/// The norm before the logits.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
pub(super) enum Norm {
    Layer(LayerNorm),
    Rms(RmsNorm),
}

impl Norm {
    /// # Shapes
    /// - x, output: `[batch, seq, d_model]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}

/// A feed-forward layer's nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Φ(x)`
    Gelu,
    /// GELU's approximation with the hyperbolic tangent.
    GeluTanh,
    /// `x sigmoid(x)`
    Silu,
    /// `max(x, 0)`
    Relu,
}

impl Activation {
    /// The names in transformers' configurations.
    pub(super) const NAMES: [(&'static str, Self); 7] = [
        ("gelu", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu_fast", Self::GeluTanh),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("relu", Self::Relu),
    ];

    /// The activation with that name in transformers' configurations.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }

    /// Applies the nonlinearity to each element.
    #[must_use]
    pub fn forward(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => activation::gelu(x),
            Self::GeluTanh => gelu_tanh(x),
            Self::Silu => activation::silu(x),
            Self::Relu => activation::relu(x),
        }
    }
}

/// `x (1 + tanh u) / 2 = x sigmoid(2 u)` with `u = sqrt(2/π) (x + 0.044715 x³)`. The right side takes two thirds of the
/// operations and no power function.
fn gelu_tanh(x: Tensor<3>) -> Tensor<3> {
    const TWICE_ROOT: f64 = 2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let square = x.clone() * x.clone();
    let twice_u = x.clone() * (square * (0.044_715 * TWICE_ROOT) + TWICE_ROOT);
    x * activation::sigmoid(twice_u)
}
