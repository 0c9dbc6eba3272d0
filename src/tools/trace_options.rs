//! The options and the result of `intervene trace`.

use std::path::PathBuf;
use std::str::FromStr;

use super::ModelChoice;
use crate::error::Error;
use crate::report::Heatmap;

/// The activations that are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// The state after one layer.
    States,
    /// The outputs of a window of MLPs.
    Mlp,
    /// The outputs of a window of attentions.
    Attention,
    /// All three, one after the other.
    All,
}

impl FromStr for TraceKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "states" => Ok(Self::States),
            "mlp" => Ok(Self::Mlp),
            "attention" => Ok(Self::Attention),
            "all" => Ok(Self::All),
            _ => {
                let hint = "; there are: states, mlp, attention, all".to_owned();
                Err(Error::Unknown { what: "kind of trace", name: text.to_owned(), hint })
            }
        }
    }
}

/// The options of [`trace`](super::trace()).
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// The model, its device and its dtype.
    pub model: ModelChoice,
    /// The prompt, without the answer.
    pub prompt: String,
    /// The part of the prompt whose embeddings are noised.
    pub subject: String,
    /// The correct answer, with its leading space; by default the model's most probable next token.
    pub answer: Option<String>,
    /// The number of noise samples.
    pub samples: usize,
    /// The standard deviation of the noise, as a multiple of the embeddings' standard deviation.
    pub noise: f64,
    /// The number of layers whose MLPs or attentions are restored together.
    pub window: usize,
    /// The activations that are restored.
    pub kind: TraceKind,
    /// The seed of the noise.
    pub seed: u64,
    /// The folder for trace_states, trace_mlp and trace_attention, each as .png and .csv; without it no files are written.
    pub out: Option<PathBuf>,
}

/// The result of [`trace`](super::trace()).
#[derive(Clone, Debug)]
pub struct Traced {
    /// The token whose probability is measured.
    pub answer: String,
    /// Its probability in the clean run, and its mean probability in the corrupted runs.
    pub probabilities: (f64, f64),
    /// The standard deviation of the noise.
    pub noise: f64,
    /// The mean probability for each restored layer (row) and position (column).
    pub heatmaps: Vec<Heatmap>,
}
