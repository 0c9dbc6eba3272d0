//! Riemannian Adam on the Stiefel manifold.

use burn::optim::{AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

use super::{square, tall};

/// Adam on matrices with orthonormal columns: the parameter is R itself, `[width, rank]`, or a batch of them,
/// `[n, width, rank]`.
///
/// Adam's moments are kept, elementwise, of the gradient's coordinates in the tangent space at R; the step goes along
/// their direction and is then put back onto the manifold. Both halves depend on R's shape:
///
/// | | coordinates of the gradient G | back onto the manifold | products |
/// |---|---|---|---|
/// | square | the skew `RᵀG − GᵀR` | `R q(−lr D)`, q a polynomial that maps skew to orthogonal | 4 of `width³` |
/// | tall | `P(G) = G − R sym(RᵀG)` | the polar factor of `R − lr P(D)` | 6 of `width · rank²`, 2 of `rank³` |
///
/// Of a square R the coordinates are those of PyTorch's `matrix_exp` parametrisation at its starting point, and their
/// direction is skew, thus tangent, by itself; so learning rates mean what they mean there. Nothing is inverted,
/// nothing goes through autodiff, nothing is read back from the device, and rounding errors are corrected and not
/// gathered. A step that is too long for the polynomials is shortened.
///
/// # Why not the Newton-Schulz iteration
/// How many times `R ← 1.5 R − 0.5 R RᵀR` is needed depends on the spectrum of the step, not on its length alone, and
/// beyond `σ = √3` it diverges. Adam's first directions are made of signs, and a gradient of rank one gives them a
/// singular value near `√(width · rank)`: measured for 768 × 768, one iteration left 1e-4 at a learning rate of 1e-3,
/// and at 5e-3 any number of them ended in NaN.
#[derive(Clone, Debug)]
pub struct StiefelAdam {
    /// How slowly the mean of the gradients moves.
    pub beta_1: f64,
    /// How slowly the mean of their squares moves.
    pub beta_2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
}

/// PyTorch's defaults.
impl Default for StiefelAdam {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
    }
}

impl Optimizer for StiefelAdam {
    type State<const D: usize> = AdaptiveMomentumState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        r: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let is_square = r.dims()[D - 2] == r.dims()[D - 1];
        let gradient = if is_square { square::coordinates(&r, gradient) } else { tall::coordinates(&r, gradient) };
        let blend = |old: Tensor<D>, new: Tensor<D>, beta: f64| old.mul_scalar(beta) + new.mul_scalar(1.0 - beta);
        let state = match state {
            None => AdaptiveMomentumState::new(
                1,
                gradient.clone().mul_scalar(1.0 - self.beta_1),
                gradient.square().mul_scalar(1.0 - self.beta_2),
            ),
            Some(state) => AdaptiveMomentumState::new(
                state.time + 1,
                blend(state.moment_1, gradient.clone(), self.beta_1),
                blend(state.moment_2, gradient.square(), self.beta_2),
            ),
        };
        // Both corrections of the moments' bias are numbers: folded into the step and into epsilon, they cost nothing.
        let (bias_1, bias_2) = (bias(self.beta_1, state.time), bias(self.beta_2, state.time).sqrt());
        let direction = state.moment_1.clone() / state.moment_2.clone().sqrt().add_scalar(self.epsilon * bias_2);
        let length = lr * bias_2 / bias_1;
        let r = if is_square {
            square::advance(r, direction, length, state.time)
        } else {
            tall::advance(r, direction, length)
        };
        (r, Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.to_device(device)
    }
}

fn bias(beta: f64, time: usize) -> f64 {
    1.0 - beta.powi(i32::try_from(time).unwrap_or(i32::MAX))
}
