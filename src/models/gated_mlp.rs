//! The gated feed-forward layer of Llama, Qwen and Gemma (Shazeer 2020, arXiv 2002.05202).

use burn::tensor::Tensor;

use super::linear::{Activation, Linear};
use super::transformer::LayerRun;
use super::weights::Weights;
use crate::tap::Component;

/// `(activation(x Wᵍᵃᵗᵉ) ⊙ x Wᵘᵖ) Wᵈᵒʷⁿ`
pub(super) struct GatedMlp {
    gate: Linear,
    up: Linear,
    activation: Activation,
    down: Linear,
}

impl GatedMlp {
    /// # Shapes
    /// - h, output: `[batch, seq, d_model]`
    pub fn forward(&self, h: Tensor<3>, run: &mut LayerRun<'_>) -> Tensor<3> {
        let gate = self.gate.forward(h.clone()); // [batch, seq, d_mlp]
        let gate = self.activation.forward(run.visit(Component::MlpActivationInput, gate));
        let gate = run.visit(Component::MlpActivation, gate);
        self.down.forward(gate * self.up.forward(h))
    }
}

impl Weights<'_> {
    /// The layer whose matrices are `name.gate_proj`, `name.up_proj` and `name.down_proj`.
    pub(super) fn gated_mlp(
        &mut self,
        name: &str,
        [d_model, d_mlp]: [usize; 2],
        activation: Activation,
        bias: bool,
    ) -> GatedMlp {
        GatedMlp {
            gate: self.linear(&format!("{name}.gate_proj"), d_model, d_mlp, bias),
            up: self.linear(&format!("{name}.up_proj"), d_model, d_mlp, bias),
            activation,
            down: self.linear(&format!("{name}.down_proj"), d_mlp, d_model, bias),
        }
    }
}
