//! Sites: layers and components of a model, and their names.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, named};
use crate::text::serde_as_text;

/// Declares [`Component`]: its variants in order, each with its name.
macro_rules! components {
    ($($Variant:ident $name:literal)*) => {
        /// A component of a layer, under pyvene's name.
        ///
        /// `mlp_activation_input` is the only name that pyvene lacks; a skip intervention at `mlp_activation` reads it.
        /// The `Head*` forms are one head's columns of the component without the prefix (see [`Component::site`]).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum Component {
            $($Variant,)*
        }

        impl Component {
            /// Every component: those of a transformer, whole sites first, then those of a gated recurrent unit.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$Variant),*];

            /// The name in recipes, in run folders and in pyvene.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)*
                }
            }
        }
    };
}

components! {
    BlockInput "block_input"
    BlockOutput "block_output"
    MlpInput "mlp_input"
    MlpActivationInput "mlp_activation_input"
    MlpActivation "mlp_activation"
    MlpOutput "mlp_output"
    AttentionInput "attention_input"
    AttentionOutput "attention_output"
    AttentionValueOutput "attention_value_output"
    QueryOutput "query_output"
    KeyOutput "key_output"
    ValueOutput "value_output"
    HeadAttentionValueOutput "head_attention_value_output"
    HeadQueryOutput "head_query_output"
    HeadKeyOutput "head_key_output"
    HeadValueOutput "head_value_output"
    CellInput "cell_input"
    X2hOutput "x2h_output"
    H2hOutput "h2h_output"
    ResetX2hOutput "reset_x2h_output"
    UpdateX2hOutput "update_x2h_output"
    NewX2hOutput "new_x2h_output"
    ResetH2hOutput "reset_h2h_output"
    UpdateH2hOutput "update_h2h_output"
    NewH2hOutput "new_h2h_output"
    ResetGateInput "reset_gate_input"
    UpdateGateInput "update_gate_input"
    NewGateInput "new_gate_input"
    ResetGateOutput "reset_gate_output"
    UpdateGateOutput "update_gate_output"
    NewGateOutput "new_gate_output"
    CellOutput "cell_output"
}

named!(Component, "component");
serde_as_text!(Component);

impl Component {
    /// The components of a gated recurrent unit.
    pub const GRU: &[Self] = Self::ALL.split_at(Self::ALL.len() - 16).1;

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
