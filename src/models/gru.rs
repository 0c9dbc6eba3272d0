//! The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), with pyvene's cells and sites.

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, activation, module};
use serde::Deserialize;

use super::checkpoint::Checkpoint;
use super::config;
use super::context::Context;
use super::dimensions::SiteShape;
use super::dtype::Dtype;
use super::linear::Linear;
use super::model::FrozenModel;
use super::weights::{Loader, WeightSource};
use crate::error::Error;
use crate::tap::{Component, Site, Tap};

#[derive(Deserialize)]
struct Config {
    n_layer: usize,
    h_dim: usize,
    #[serde(default = "config::yes")]
    include_bias: bool,
    #[serde(default)]
    include_emb: bool,
    vocab_size: Option<usize>,
    n_labels: Option<usize>,
}

/// A stack of gated recurrent units and a linear readout. Positions are time steps.
///
/// ```text
/// reset  = sigmoid(x2h_r(x) + h2h_r(h))
/// update = sigmoid(x2h_u(x) + h2h_u(h))
/// new    = tanh(x2h_n(x) + reset ⊙ h2h_n(h))
/// h'     = update ⊙ h + (1 - update) ⊙ new
/// ```
///
/// An intervention at one step changes the later steps. A recurrent site is therefore visited once per step, each time
/// with the whole sequence, `[batch, seq, width]`: the values of the steps so far as the network computed them, and zeros
/// for later steps. Only the step's own row of the tap's output is used. A tap that maps rows to rows, as a patch does,
/// acts once on each row; its last visit has the values of the whole sequence.
#[derive(Clone, Debug)]
pub struct Gru {
    /// The layers.
    pub cells: Vec<GruCell>,
    /// The token embedding, `[vocabulary, h_dim]`; `None` for a network whose inputs are features.
    pub tokens: Option<Tensor<2>>,
    /// The readout.
    pub head: Linear,
}

/// One layer. The rows of both weights are those of the reset gate, the update gate and the new gate, in this order.
#[derive(Clone, Debug)]
pub struct GruCell {
    /// From the input, `[3 h_dim, h_dim]`.
    pub x2h: Linear,
    /// From the state, `[3 h_dim, h_dim]`.
    pub h2h: Linear,
}

impl Gru {
    /// Reads a checkpoint folder of pyvene's `GRUForClassification` or `GRULMHeadModel`.
    pub fn load(folder: &Path, dtype: Dtype, device: &Device) -> Result<Self, Error> {
        let (path, device) = (folder.join("config.json"), device.clone().inner());
        let source = WeightSource::Checkpoint(Checkpoint::open(folder)?);
        let loader = Loader { path, source, dtype, device };
        let config: Config = loader.config()?;
        let (width, vocabulary) = (config.h_dim, config.vocab_size.unwrap_or(50_257));
        loader.build("gru.", |weights| {
            let tokens = config.include_emb.then(|| weights.embedding("wte", vocabulary, width));
            let cell = |layer: usize| GruCell {
                x2h: weights.linear(&format!("cells.{layer}.x2h"), width, 3 * width, config.include_bias),
                h2h: weights.linear(&format!("cells.{layer}.h2h"), width, 3 * width, config.include_bias),
            };
            let cells = (0..config.n_layer).map(cell).collect();
            let head = if weights.has("lm_head.weight") {
                weights.linear("lm_head", width, vocabulary, false)
            } else {
                weights.linear("score", width, config.n_labels.unwrap_or(2), false)
            };
            Self { cells, tokens, head }
        })
    }

    /// The width of a state.
    #[must_use]
    pub fn width(&self) -> usize {
        self.head.weight.dims()[1]
    }

    /// The states that enter layer 0, for a network whose inputs are tokens; otherwise features of that shape enter it.
    ///
    /// # Shapes
    /// - tokens: `[batch, seq]`
    /// - output: `[batch, seq, h_dim]`
    pub fn embed(&self, tokens: Tensor<2, Int>) -> Result<Tensor<3>, Error> {
        let table = self.tokens.clone().ok_or_else(|| {
            Error::Invalid(
                "this network has no token embedding: its inputs are features, [batch, steps, width]".to_owned(),
            )
        })?;
        Ok(module::embedding(table, tokens))
    }

    fn cell(&self, x: Tensor<3>, layer: usize, tap: &mut dyn Tap) -> Tensor<3> {
        let [batch, seq, width] = x.dims();
        let cell = &self.cells[layer];
        let x = tap.visit(Component::CellInput.at(layer), x);
        let x = tap.visit(Component::X2hOutput.at(layer), cell.x2h.forward(x)); // [batch, seq, 3 × width]
        let x_reset = tap.visit(Component::ResetX2hOutput.at(layer), x.clone().narrow(2, 0, width));
        let x_update = tap.visit(Component::UpdateX2hOutput.at(layer), x.clone().narrow(2, width, width));
        let x_new = tap.visit(Component::NewX2hOutput.at(layer), x.narrow(2, 2 * width, width));

        let at = |component: Component| Steps { site: component.at(layer), seq, raw: Vec::with_capacity(seq) };
        let mut h2h = at(Component::H2hOutput);
        let mut h2h_parts =
            [at(Component::ResetH2hOutput), at(Component::UpdateH2hOutput), at(Component::NewH2hOutput)];
        let mut reset_in = at(Component::ResetGateInput);
        let mut reset_out = at(Component::ResetGateOutput);
        let mut update_in = at(Component::UpdateGateInput);
        let mut update_out = at(Component::UpdateGateOutput);
        let mut new_in = at(Component::NewGateInput);
        let mut new_out = at(Component::NewGateOutput);
        let mut output = at(Component::CellOutput);

        let mut state = Tensor::zeros([batch, 1, width], (&self.head.weight.device(), x_new.dtype()));
        let mut states = Vec::with_capacity(seq);
        for step in 0..seq {
            let now = |x: &Tensor<3>| x.clone().narrow(1, step, 1); // [batch, 1, width]
            let h = h2h.visit(cell.h2h.forward(state.clone()), tap); // [batch, 1, 3 × width]
            let mut part = |i: usize| h2h_parts[i].visit(h.clone().narrow(2, i * width, width), tap);
            let (h_reset, h_update, h_new) = (part(0), part(1), part(2));

            let reset = activation::sigmoid(reset_in.visit(now(&x_reset) + h_reset, tap));
            let reset = reset_out.visit(reset, tap);
            let update = activation::sigmoid(update_in.visit(now(&x_update) + h_update, tap));
            let update = update_out.visit(update, tap);
            let new = activation::tanh(new_in.visit(now(&x_new) + reset * h_new, tap));
            let new = new_out.visit(new, tap);
            state = output.visit(new.clone() + update * (state - new), tap);
            states.push(state.clone());
        }
        Tensor::cat(states, 1)
    }
}

/// The values of a recurrent site at the steps so far.
struct Steps {
    site: Site,
    seq: usize,
    raw: Vec<Tensor<3>>,
}

impl Steps {
    /// Passes the next step's value to the tap.
    ///
    /// # Shapes
    /// - value, output: `[batch, 1, width]`
    fn visit(&mut self, value: Tensor<3>, tap: &mut dyn Tap) -> Tensor<3> {
        let [batch, _, width] = value.dims();
        let step = self.raw.len();
        let options = (&value.device(), value.dtype());
        self.raw.push(value);
        let mut sequence = self.raw.clone();
        if step + 1 < self.seq {
            sequence.push(Tensor::zeros([batch, self.seq - step - 1, width], options));
        }
        tap.visit(self.site, Tensor::cat(sequence, 1)).narrow(1, step, 1)
    }
}

impl FrozenModel for Gru {
    fn n_layers(&self) -> usize {
        self.cells.len()
    }

    fn site_shape(&self, component: Component) -> Option<SiteShape> {
        let width = match component {
            Component::X2hOutput | Component::H2hOutput => 3 * self.width(),
            component if Component::GRU.contains(&component) => self.width(),
            _ => return None,
        };
        Some(SiteShape { width, heads: None })
    }

    fn layers(&self, hidden: Tensor<3>, range: Range<usize>, _: &mut Context, tap: &mut dyn Tap) -> Tensor<3> {
        range.fold(hidden, |hidden, layer| self.cell(hidden, layer, tap))
    }

    fn unembed(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.head.forward(hidden)
    }
}
