//! `[intervention]` and `[[also]]`: what is trained, and where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Position;
use crate::interventions::Kind;
use crate::orthogonal::Parametrisation;
use crate::tap::Component;

/// `[intervention]`
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct InterventionSection {
    /// The intervention's name: `rotated_space` for an MLP, any that is trained for a language model.
    #[serde(default)]
    pub kind: Kind,
    /// The site's component, under pyvene's name.
    pub component: Component,
    /// The site's layer, counted from 0.
    pub layer: usize,
    /// `manifold`, or one of PyTorch's maps: `matrix_exp`, `cayley`, `householder`.
    #[serde(default)]
    pub orthogonal: Parametrisation,
    /// The number of the rotation's columns; as many as the site is wide by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Which tokens of a prompt: a slot of the task, `span` for what the data names, `last`, a number, or `f3+l3` for the
    /// first three and the last three.
    #[serde(default)]
    pub position: Position,
    /// The heads of a `head_` component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<usize>,
    /// The columns `[from, to)` of the rotation that are to carry each variable; one variable takes all by default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition: BTreeMap<String, [usize; 2]>,
}

/// `[[also]]`: a further place; keys that are left out have the values of `[intervention]`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// The site's layer, counted from 0.
    pub layer: usize,
    /// The site's component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// The heads of a `head_` component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<Vec<usize>>,
    /// Which tokens of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The number of the rotation's columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
}
