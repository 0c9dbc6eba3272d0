//! What the pictures and the tables of a chapter show.

use serde::{Deserialize, Serialize};

use super::super::heatmap::Heatmap;

/// A number that is shown large.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The name of the quantity.
    pub name: String,
    /// The number as text.
    pub value: String,
    /// A note, such as its interval.
    pub note: String,
}

/// The hypothesis about the network.
#[derive(Clone, Debug)]
pub enum Picture {
    /// The variables of a causal model, parents before children.
    Causal(Vec<DiagramNode>),
    /// One pair, for runs without a causal model: the label of a base after the interchange with a source.
    Pair {
        /// The prompt whose activations are replaced.
        base: Vec<Piece>,
        /// The prompt whose activations are read.
        source: Vec<Piece>,
        /// The counterfactual label.
        label: String,
        /// The site of the interchange.
        site: String,
    },
}

/// A variable of a causal model.
#[derive(Clone, Debug)]
pub struct DiagramNode {
    /// The name.
    pub name: String,
    /// The indices of its parents.
    pub parents: Vec<usize>,
    /// Whether it is aligned with the network.
    pub aligned: bool,
}

/// The curves of one quantity over the steps of trainings.
#[derive(Clone, Debug)]
pub struct QuantityCurves {
    /// The name of the quantity.
    pub title: String,
    /// Whether it is a share, drawn from 0 to 1.
    pub share: bool,
    /// The name and the points (step, value) of each training.
    pub lines: Vec<(String, Vec<(usize, f64)>)>,
}

/// The cells of a sweep and their results.
#[derive(Clone, Debug)]
pub struct SweepGrid {
    /// The heatmaps; several if the sweep has more than two axes.
    pub maps: Vec<Heatmap>,
    /// The cells of each heatmap, row by row.
    pub cells: Vec<Vec<Option<SweepCell>>>,
    /// The column names of the table of cells.
    pub columns: Vec<String>,
    /// The rows of the table of cells, in the order of `sweep.csv`.
    pub rows: Vec<Vec<String>>,
}

/// One cell of a sweep.
#[derive(Clone, Debug)]
pub struct SweepCell {
    /// Its place on the axes, in words.
    pub name: String,
    /// The index of its row in the table of cells.
    pub row: usize,
    /// The lower and the upper end of its interval.
    pub interval: Option<(f64, f64)>,
    /// Whether it is the best cell.
    pub best: bool,
    /// The curve of its training, if it was logged.
    pub curve: Option<QuantityCurves>,
}

/// A pair and the model's predictions with and without the intervention: an entry of `examples.json`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The variables that are exchanged.
    pub swapped: Vec<String>,
    /// The prompt whose activations are replaced.
    pub base: Vec<Piece>,
    /// The prompts whose activations are read, one for each variable.
    pub sources: Vec<Vec<Piece>>,
    /// The counterfactual label.
    pub label: String,
    /// The most probable next tokens without the intervention.
    pub before: Vec<NextToken>,
    /// The most probable next tokens with it.
    pub after: Vec<NextToken>,
}

/// A part of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether its activations are read or replaced.
    pub marked: bool,
}

/// A possible next token.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NextToken {
    /// The text, with its leading space.
    pub token: String,
    /// The model's probability of it, from 0 to 1.
    pub probability: f64,
}
