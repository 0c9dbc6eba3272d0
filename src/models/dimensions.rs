//! The sizes of a transformer and the shapes of its sites.

use crate::tap::Component;

/// The columns of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteShape {
    /// The width of a row.
    pub width: usize,
    /// The number of equal heads in a row; `None` if a row is not made of heads.
    pub heads: Option<usize>,
}

/// The sizes of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// The width of the residual stream.
    pub d_model: usize,
    /// The width of the feed-forward layer.
    pub d_mlp: usize,
    /// The matrices of the feed-forward layer: up and down, and the gate where there is one.
    pub mlp_matrices: usize,
    /// The number of layers.
    pub n_layers: usize,
    /// The number of query heads.
    pub n_heads: usize,
    /// The number of heads of keys and values.
    pub n_kv_heads: usize,
    /// The width of a head; `n_heads × head_dim` may differ from `d_model`.
    pub head_dim: usize,
    /// The number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// The number of learned positions; `None` for rotary positions, which have no limit.
    pub max_positions: Option<usize>,
}

impl Dimensions {
    /// The shape of a component's rows; `None` if transformers have no such component. A `head_` component has the shape
    /// of its whole site: a row consists of `heads` equal ranges of columns.
    #[must_use]
    pub fn site_shape(&self, component: Component) -> Option<SiteShape> {
        let heads = |heads: usize| SiteShape { width: heads * self.head_dim, heads: Some(heads) };
        match component.site() {
            Component::BlockInput
            | Component::BlockOutput
            | Component::MlpInput
            | Component::MlpOutput
            | Component::AttentionInput
            | Component::AttentionOutput => Some(SiteShape { width: self.d_model, heads: None }),
            Component::MlpActivationInput | Component::MlpActivation => {
                Some(SiteShape { width: self.d_mlp, heads: None })
            }
            Component::AttentionValueOutput | Component::QueryOutput => Some(heads(self.n_heads)),
            Component::KeyOutput | Component::ValueOutput => Some(heads(self.n_kv_heads)),
            _ => None,
        }
    }
}
