//! Riemannian Adam on the Stiefel manifold.

use burn::optim::{AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// How far one step may leave the manifold before it is put back: the largest eigenvalue of `(lr D)ᵀ(lr D)`.
///
/// A step of that size turns a direction by some 27 degrees. Ordinary steps are far shorter (0.002 for 768 × 768 at
/// 1e-3); the first steps of a search, whose gradients have a low rank, can be longer.
const LONGEST: f64 = 0.25;

/// `p(x) = 1 + Σ cᵢ xⁱ`, the closest to `(1 + x)^(-1/2)` on `[0, LONGEST]`: `|(1 + x) p(x)² − 1| < 6.1e-7` there.
const INVERSE_ROOT: [f64; 4] = [-0.499_960_928, 0.373_428_877, -0.292_372_706, 0.165_558_575];

/// Adam on matrices with orthonormal columns: the parameter is R itself, `[width, rank]`, or a batch of them,
/// `[n, width, rank]`.
///
/// With `P(X) = X − R sym(RᵀX)`, the projection onto the tangent space at R, and the Euclidean gradient G:
///
/// 1. Adam's moments, elementwise, of `P(G)`; their direction; `D = P(direction)`.
/// 2. `X = R − lr τ D`. As D is tangent, `XᵀX = I + E` with `E = (lr τ)² DᵀD`: positive, and known.
///    `τ = min(1, LONGEST / ‖E²‖_F^½)^½` keeps every eigenvalue of E below [`LONGEST`].
/// 3. `R ← X (I + E)^(-1/2)`, the polar factor of X, by a polynomial of degree four in E.
///
/// There is no inverse, nothing goes through autodiff and nothing is read back from the device: six products of
/// `width · rank²` and two of `rank³`. E is taken from `XᵀX` itself, so rounding errors are corrected and not gathered.
///
/// # Why not the Newton-Schulz iteration
/// `R ← 1.5 R − 0.5 R RᵀR` costs two products less where one iteration is enough, but how many it takes depends on
/// the spectrum of the step, not on its length alone, and beyond `σ = √3` it diverges. Adam's first directions are
/// made of signs, and a gradient of rank one gives them a singular value near `√(width · rank)`: measured for
/// 768 × 768, one iteration left 1e-4 at a learning rate of 1e-3, and at 5e-3 any number of them ended in NaN.
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
        let gradient = tangent(&r, gradient);
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
        let step = tangent(&r, direction).mul_scalar(lr * bias_2 / bias_1);
        (retract(r, step), Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.to_device(device)
    }
}

fn bias(beta: f64, time: usize) -> f64 {
    1.0 - beta.powi(i32::try_from(time).unwrap_or(i32::MAX))
}

/// `X − R sym(RᵀX)`.
fn tangent<const D: usize>(r: &Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    let along = r.clone().transpose().matmul(x.clone());
    let symmetric = (along.clone() + along.transpose()).mul_scalar(0.5);
    x - r.clone().matmul(symmetric)
}

/// The polar factor of `R − τ step`, for a tangent step.
fn retract<const D: usize>(r: Tensor<D>, step: Tensor<D>) -> Tensor<D> {
    let rank = r.dims()[D - 1];
    let identity = Tensor::<2>::eye(rank, &r.device()).unsqueeze::<D>();
    let x = r.clone() - step.clone();
    let e = x.clone().transpose().matmul(x) - identity.clone();
    let e2 = e.clone().matmul(e.clone());
    // The fourth root of the sum of λ⁴: never below the largest |λ|, and within rank^¼ of it.
    let largest = e2.clone().square().sum_dim(D - 1).sum_dim(D - 2).sqrt().sqrt();
    let tau2 = largest.recip().mul_scalar(LONGEST).clamp_max(1.0); // [.., 1, 1]
    let (e, e2) = (e * tau2.clone(), e2 * tau2.clone().square());
    let [c1, c2, c3, c4] = INVERSE_ROOT;
    let high = e2.clone().matmul(e.clone().mul_scalar(c3) + e2.clone().mul_scalar(c4));
    let inverse_root = identity + e.mul_scalar(c1) + e2.mul_scalar(c2) + high;
    (r - step * tau2.sqrt()).matmul(inverse_root)
}
