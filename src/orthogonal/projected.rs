//! Products of rows with R whose gradient with respect to R lies in the tangent space.

use burn::tensor::Tensor;

/// A rotation R for products with rows in one step; gradients are projected onto the tangent space.
///
/// For a parameter on the manifold with the Euclidean gradient G, the required gradient is `P(G) = G − R sym(RᵀG)`. P
/// is linear and self-adjoint, so a product with `P(ρ)` in place of R, where ρ is the parameter and every other R a
/// constant, has that gradient; its value is R's. If there are fewer rows than R has columns, `P(ρ)` is never formed:
/// the rows are multiplied with its terms one by one, and no product costs `width · rank²`.
#[allow(clippy::large_enum_variant, reason = "a step creates one of them")]
pub enum ProjectedRotation {
    /// R itself, `[width, rank]`; P(ρ) has been formed, or R is parametrised and needs no projection.
    Whole(Tensor<2>),
    /// P(ρ) is applied term by term.
    ByRows {
        /// ρ, `[width, rank]`, tracked by autodiff.
        parameter: Tensor<2>,
        /// R, `[width, rank]`, a constant.
        r: Tensor<2>,
    },
}

impl ProjectedRotation {
    pub(super) fn from_manifold(parameter: Tensor<2>, rows: usize) -> Self {
        let [_, rank] = parameter.dims();
        if rows >= rank || !parameter.is_tracked() {
            return Self::Whole(matrix(parameter));
        }
        Self::ByRows { r: parameter.clone().inner(), parameter }
    }

    /// Returns `x R`.
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

    /// Returns `z Rᵀ`.
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

/// Returns R, bit for bit, with the gradient `P(G)` if the parameter is tracked.
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

/// Returns `value` (with its gradient, if it has one) plus the gradient of `other`.
fn with_gradient_of(value: Tensor<2>, other: Tensor<2>) -> Tensor<2> {
    value + (other.clone() - other.detach())
}

/// Returns x without autodiff tracking.
fn constant(x: Tensor<2>) -> Tensor<2> {
    if x.device().is_autodiff() { x.inner() } else { x }
}
