//! Riemannian Adam on the Stiefel manifold.

use burn::optim::{AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

mod square;
mod tall;

/// Adam for matrices with orthonormal columns: the parameter is R itself, `[width, rank]`, or a batch of them,
/// `[n, width, rank]`.
///
/// With `P(X) = X − R sym(RᵀX)`, the projection onto the tangent space at R, and the Euclidean gradient G, the gradient
/// is `P(G)`. [`super::Rotation`] returns it; with few rows that costs far less than P. (G itself would keep R on the
/// manifold too, but the search is slower.) Adam's moments of this gradient are elementwise; only the second moments of
/// a tall R are per column (see below). The step follows the projection of Adam's direction D and is then mapped back
/// onto the manifold, in a way that depends on R's shape:
///
/// | R | the tangent space | mapping back onto the manifold | matrix products |
/// |---|---|---|---|
/// | square | `R S`, S skew | `R q(S)`, q a polynomial that maps skew to orthogonal | 4 of `width³` |
/// | tall | `P(X)` | the polar factor of `R − lr P(D)` | 5 of `width · rank²`, 3 of `rank³` |
///
/// No matrix is inverted, no operation goes through autodiff, and nothing is read back from the device. Rounding errors
/// are corrected and do not accumulate. A step that is too long for the polynomials is shortened.
///
/// For a square R, moments of S itself would need one product less, but the search is slower and ends at a higher loss.
/// Measured on the equality network at a learning rate of 1e-2 (three seeds): 0.17, 0.27 and 0.21 against 0.14, 0.21
/// and 0.17 after 60 steps, and 0.079, 0.083 and 0.078 against 0.078, 0.080 and 0.077 after 2,000.
///
/// # Second moments of a tall R
/// There is one for each column, the mean over its rows, as in Riemannian Adam (Bécigneul & Ganea 2019, arXiv
/// 1810.00760), so the step follows the gradient in any basis. Elementwise moments make the step nearly a vector of
/// signs in the basis of the model's states, where a low-rank gradient lies in few coordinates. Measured with rank 1 on
/// the pairs of `recipes/pairs_das_smollm2.toml`, 30 steps, seeds 0, 1 and 2: the IIA on names outside the training
/// split is 0.84, 0.81 and 0.72 with elementwise moments, and 1.00 in each case with moments per column.
///
/// The step of a tall R is twice the learning rate, so that learning rates carry over from PyTorch's Householder
/// parametrisation, whose reflections move R twice as far as its parameter.
///
/// # Comparison with the Newton-Schulz iteration
/// The number of iterations `R ← 1.5 R − 0.5 R RᵀR` that is needed depends on the spectrum of the step, not on its
/// length alone, and beyond `σ = √3` the iteration diverges. Adam's first directions consist of signs, and a gradient
/// of rank one gives them a singular value near `√(width · rank)`. Measured for 768 × 768: one iteration left an error
/// of 1e-4 at a learning rate of 1e-3, and at 5e-3 any number of iterations ended in NaN.
#[derive(Clone, Debug)]
pub struct StiefelAdam {
    /// Decay rate of the first moment.
    pub beta_1: f64,
    /// Decay rate of the second moment.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
}

/// The defaults are PyTorch's.
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
        let tall = r.dims()[D - 2] > r.dims()[D - 1];
        // The second moments of a tall R are per column: the mean over the rows.
        let square = |x: Tensor<D>| if tall { x.square().mean_dim(D - 2) } else { x.square() };
        let blend = |old: Tensor<D>, new: Tensor<D>, beta: f64| old.mul_scalar(beta) + new.mul_scalar(1.0 - beta);
        let state = match state {
            None => AdaptiveMomentumState::new(
                1,
                gradient.clone().mul_scalar(1.0 - self.beta_1),
                square(gradient).mul_scalar(1.0 - self.beta_2),
            ),
            Some(state) => AdaptiveMomentumState::new(
                state.time + 1,
                blend(state.moment_1, gradient.clone(), self.beta_1),
                blend(state.moment_2, square(gradient), self.beta_2),
            ),
        };
        // Both bias corrections are scalars; as factors of the step and of epsilon they need no tensor operation.
        let (bias_1, bias_2) = (bias(self.beta_1, state.time), bias(self.beta_2, state.time).sqrt());
        let direction = state.moment_1.clone() / state.moment_2.clone().sqrt().add_scalar(self.epsilon * bias_2);
        let length = lr * bias_2 / bias_1;
        let r = if tall {
            tall::advance(r, direction, 2.0 * length)
        } else {
            square::advance(r, direction, length, state.time)
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
