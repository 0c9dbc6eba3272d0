//! The sizes of a transformer.

use super::SiteShape;
use crate::tap::Component;

/// The sizes of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// The width of the residual stream.
    pub d_model: usize,
    /// The width of the feed-forward layer.
    pub d_mlp: usize,
    /// The number of layers.
    pub n_layers: usize,
    /// The number of query heads.
    pub n_heads: usize,
    /// The number of heads of keys and values.
    pub n_kv_heads: usize,
    /// The width of a head; `n_heads` of them need not make `d_model`.
    pub head_dim: usize,
    /// The number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// The most positions that the model can tell apart; `None` where positions are only angles.
    pub max_positions: Option<usize>,
}

impl Dimensions {
    /// The shape of a component's rows. A `head_` form has the shape of its whole site: the row is made of `heads`
    /// equal ranges of columns.
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
