//! Sites: layers and components of a model, and their names.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, nearest};
use crate::text::serde_as_text;

/// A component of a layer, under pyvene's name.
///
/// `mlp_activation_input` is the only name that pyvene lacks; a skip intervention at `mlp_activation` reads it. The
/// `Head*` forms are one head's columns of the component without the prefix (see [`Component::site`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Component {
    BlockInput,
    BlockOutput,
    MlpInput,
    MlpActivationInput,
    MlpActivation,
    MlpOutput,
    AttentionInput,
    AttentionOutput,
    AttentionValueOutput,
    QueryOutput,
    KeyOutput,
    ValueOutput,
    HeadAttentionValueOutput,
    HeadQueryOutput,
    HeadKeyOutput,
    HeadValueOutput,
    CellInput,
    X2hOutput,
    H2hOutput,
    ResetX2hOutput,
    UpdateX2hOutput,
    NewX2hOutput,
    ResetH2hOutput,
    UpdateH2hOutput,
    NewH2hOutput,
    ResetGateInput,
    UpdateGateInput,
    NewGateInput,
    ResetGateOutput,
    UpdateGateOutput,
    NewGateOutput,
    CellOutput,
}

impl Component {
    /// The components of a gated recurrent unit.
    pub const GRU: [Self; 16] = [
        Self::CellInput,
        Self::X2hOutput,
        Self::H2hOutput,
        Self::ResetX2hOutput,
        Self::UpdateX2hOutput,
        Self::NewX2hOutput,
        Self::ResetH2hOutput,
        Self::UpdateH2hOutput,
        Self::NewH2hOutput,
        Self::ResetGateInput,
        Self::UpdateGateInput,
        Self::NewGateInput,
        Self::ResetGateOutput,
        Self::UpdateGateOutput,
        Self::NewGateOutput,
        Self::CellOutput,
    ];

    /// Every component: those of a transformer, whole sites first, then those of a gated recurrent unit.
    pub const ALL: [Self; 32] = [
        Self::BlockInput,
        Self::BlockOutput,
        Self::MlpInput,
        Self::MlpActivationInput,
        Self::MlpActivation,
        Self::MlpOutput,
        Self::AttentionInput,
        Self::AttentionOutput,
        Self::AttentionValueOutput,
        Self::QueryOutput,
        Self::KeyOutput,
        Self::ValueOutput,
        Self::HeadAttentionValueOutput,
        Self::HeadQueryOutput,
        Self::HeadKeyOutput,
        Self::HeadValueOutput,
        Self::CellInput,
        Self::X2hOutput,
        Self::H2hOutput,
        Self::ResetX2hOutput,
        Self::UpdateX2hOutput,
        Self::NewX2hOutput,
        Self::ResetH2hOutput,
        Self::UpdateH2hOutput,
        Self::NewH2hOutput,
        Self::ResetGateInput,
        Self::UpdateGateInput,
        Self::NewGateInput,
        Self::ResetGateOutput,
        Self::UpdateGateOutput,
        Self::NewGateOutput,
        Self::CellOutput,
    ];

    /// Returns the name in recipes, in run folders and in pyvene.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BlockInput => "block_input",
            Self::BlockOutput => "block_output",
            Self::MlpInput => "mlp_input",
            Self::MlpActivationInput => "mlp_activation_input",
            Self::MlpActivation => "mlp_activation",
            Self::MlpOutput => "mlp_output",
            Self::AttentionInput => "attention_input",
            Self::AttentionOutput => "attention_output",
            Self::AttentionValueOutput => "attention_value_output",
            Self::QueryOutput => "query_output",
            Self::KeyOutput => "key_output",
            Self::ValueOutput => "value_output",
            Self::HeadAttentionValueOutput => "head_attention_value_output",
            Self::HeadQueryOutput => "head_query_output",
            Self::HeadKeyOutput => "head_key_output",
            Self::HeadValueOutput => "head_value_output",
            Self::CellInput => "cell_input",
            Self::X2hOutput => "x2h_output",
            Self::H2hOutput => "h2h_output",
            Self::ResetX2hOutput => "reset_x2h_output",
            Self::UpdateX2hOutput => "update_x2h_output",
            Self::NewX2hOutput => "new_x2h_output",
            Self::ResetH2hOutput => "reset_h2h_output",
            Self::UpdateH2hOutput => "update_h2h_output",
            Self::NewH2hOutput => "new_h2h_output",
            Self::ResetGateInput => "reset_gate_input",
            Self::UpdateGateInput => "update_gate_input",
            Self::NewGateInput => "new_gate_input",
            Self::ResetGateOutput => "reset_gate_output",
            Self::UpdateGateOutput => "update_gate_output",
            Self::NewGateOutput => "new_gate_output",
            Self::CellOutput => "cell_output",
        }
    }

    /// Returns the component that a tap visits: `query_output` for `head_query_output`.
    #[must_use]
    pub fn site(self) -> Self {
        match self {
            Self::HeadAttentionValueOutput => Self::AttentionValueOutput,
            Self::HeadQueryOutput => Self::QueryOutput,
            Self::HeadKeyOutput => Self::KeyOutput,
            Self::HeadValueOutput => Self::ValueOutput,
            whole => whole,
        }
    }

    /// Returns true for a `Head*` component, which is one head's columns of a site.
    #[must_use]
    pub fn is_head(self) -> bool {
        self.site() != self
    }

    /// Returns this component's site in the given layer.
    #[must_use]
    pub fn at(self, layer: usize) -> Site {
        Site { layer, component: self }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Component {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|component| component.name() == name).ok_or_else(|| Error::Unknown {
            what: "component",
            name: name.to_owned(),
            hint: nearest(name, Self::ALL.map(Self::name)),
        })
    }
}

serde_as_text!(Component);

/// A component of one layer; written `15.block_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The layer, counted from 0.
    pub layer: usize,
    /// The component of the layer.
    pub component: Component,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.layer, self.component)
    }
}

impl FromStr for Site {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (layer, component) = text.split_once('.').ok_or_else(|| Error::Unknown {
            what: "site",
            name: text.to_owned(),
            hint: "; a site is written LAYER.COMPONENT, for example 15.block_output".to_owned(),
        })?;
        let layer = layer.parse().map_err(|_| Error::Unknown {
            what: "layer",
            name: layer.to_owned(),
            hint: "; a layer is a number, counted from 0".to_owned(),
        })?;
        Ok(Self { layer, component: component.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_parsed_to_its_component() {
        for component in Component::ALL {
            let site = component.at(7);
            assert_eq!(site.to_string().parse::<Site>().unwrap(), site);
        }
    }

    #[test]
    fn a_typo_gets_a_suggestion() {
        let error = "block_ouput".parse::<Component>().unwrap_err().to_string();
        assert!(error.contains("did you mean `block_output`"), "{error}");
    }
}
