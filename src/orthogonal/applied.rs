//! Rows times R, with gradients of R that lie in the tangent space.

use burn::tensor::Tensor;

/// R as a product with rows takes it, for one use on the tape.
///
/// Of a parameter on the manifold with the Euclidean gradient G, what is wanted is `P(G) = G − R sym(RᵀG)`. P is linear
/// and its own adjoint, so a product with `P(ρ)` in the place of R, ρ being the parameter and every other R a constant,
/// has that gradient; the value is R's. With fewer rows than R has columns `P(ρ)` is never formed: the rows go through its
/// terms one by one, and nothing costs `width · rank²`.
#[allow(clippy::large_enum_variant, reason = "there is one of them in a step")]
pub enum Applied {
    /// R itself, `[width, rank]`; P(ρ) has been formed, or R is no manifold's.
    Whole(Tensor<2>),
    /// Term by term.
    ByRows {
        /// ρ, on the tape, `[width, rank]`.
        parameter: Tensor<2>,
        /// R, off the tape.
        r: Tensor<2>,
    },
}

impl Applied {
    pub(super) fn manifold(parameter: Tensor<2>, rows: usize) -> Self {
        let [_, rank] = parameter.dims();
        if rows >= rank || !parameter.is_tracked() {
            return Self::Whole(matrix(parameter));
        }
        Self::ByRows { r: parameter.clone().inner(), parameter }
    }

    /// `x R`
    ///
    /// # Shapes
    /// - x: `[n, width]`
    /// - output: `[n, rank]`
    #[must_use]
    pub fn rotate(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Whole(r) => x.matmul(r.clone()),
            Self::ByRows { parameter, r } => {
                let y = x.clone().matmul(r.clone());
                let (x, turned) = (constant(x), constant(y.clone()));
                let inside = turned.clone().matmul(r.clone().transpose()); // x R Rᵀ
                let straight = (x - inside.mul_scalar(0.5)).matmul(parameter.clone());
                let across = turned.matmul(parameter.clone().transpose()).matmul(r.clone());
                with_gradient_of(y, straight - across.mul_scalar(0.5))
            }
        }
    }

    /// `z Rᵀ`
    ///
    /// # Shapes
    /// - z: `[n, rank]`
    /// - output: `[n, width]`
    #[must_use]
    pub fn back(&self, z: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Whole(r) => z.matmul(r.clone().transpose()),
            Self::ByRows { parameter, r } => {
                let y = z.clone().matmul(r.clone().transpose());
                let (z, back) = (constant(z), constant(y.clone()));
                let straight = z.matmul(parameter.clone().transpose());
                let along = straight.clone().matmul(r.clone()) + back.matmul(parameter.clone());
                with_gradient_of(y, straight - along.matmul(r.clone().transpose()).mul_scalar(0.5))
            }
        }
    }
}

/// R's bits, with `P(G)` for a gradient where the parameter is tracked.
pub(super) fn matrix(parameter: Tensor<2>) -> Tensor<2> {
    if !parameter.is_tracked() {
        return parameter;
    }
    let r = parameter.clone().inner();
    let along = r.clone().transpose().matmul(parameter.clone());
    let symmetric = (along.clone() + along.transpose()).mul_scalar(0.5);
    let projected = parameter - r.clone().matmul(symmetric);
    with_gradient_of(r, projected)
}

/// The value of the one (and its gradient, if it has one), with the gradient of the other.
fn with_gradient_of(value: Tensor<2>, other: Tensor<2>) -> Tensor<2> {
    value + (other.clone() - other.detach())
}

/// Off the tape.
fn constant(x: Tensor<2>) -> Tensor<2> {
    if x.device().is_autodiff() { x.inner() } else { x }
}
