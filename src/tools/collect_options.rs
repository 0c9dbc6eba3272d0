//! The options of `intervene collect`.

use std::path::PathBuf;
use std::str::FromStr;

use super::ModelChoice;
use super::rows::SiteChoice;
use crate::data::Positions;
use crate::error::Error;

/// The options of [`collect`](super::collect()).
#[derive(Clone, Debug, clap::Args)]
pub struct CollectOptions {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub model: ModelChoice,
    /// JSON lines: {"base": TEXT or token ids, "positions": …}
    #[arg(long, value_name = "FILE", required_unless_present = "positive", conflicts_with = "positive")]
    pub inputs: Option<PathBuf>,
    /// What is collected: 3.block_output, or all.block_output for every layer; several with commas.
    #[arg(long, value_delimiter = ',', required = true, value_name = "SITES")]
    pub sites: Vec<SiteChoice>,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Which tokens, where a line does not say: all, last, a number, text:PART; several with commas.
    #[arg(long, default_value = "all", allow_hyphen_values = true)]
    pub positions: Positions,
    /// Instead of the rows a direction among them, to steer with: diff-means, or pca:K for K principal directions.
    #[arg(long, value_name = "DIRECTION")]
    pub direction: Option<Direction>,
    /// Inputs that have what the direction is to point to.
    #[arg(long, value_name = "FILE", requires_all = ["negative", "direction"])]
    pub positive: Option<PathBuf>,
    /// Inputs that lack it.
    #[arg(long, value_name = "FILE", requires = "positive")]
    pub negative: Option<PathBuf>,
    /// Inputs that are run together.
    #[arg(long, default_value_t = 8)]
    pub batch: usize,
    /// No progress.
    #[arg(long)]
    pub quiet: bool,
}

/// A direction among rows.
///
/// | written | vector |
/// |---|---|
/// | `diff-means` | the mean of the positive inputs' rows less the mean of the negative ones' (Marks and Tegmark 2023, arXiv 2310.06824; Rimsky et al. 2023, arXiv 2312.06681) |
/// | `pca:K` of `--inputs` | the K principal components of the rows about their mean |
/// | `pca:K` of `--positive` and `--negative` | those of the differences of the pairs, line by line, about zero (Zou et al. 2023, arXiv 2310.01405) |
///
/// Components have length 1, and point to the positive inputs' side; where there is none, so that their largest entry is
/// positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The difference in means.
    DiffMeans,
    /// So many principal components.
    Pca(usize),
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Invalid(format!("`{text}` is no direction: diff-means, or pca:K with K from 1 on"));
        match text.split_once(':') {
            None if text == "diff-means" => Ok(Self::DiffMeans),
            Some(("pca", count)) => match count.parse() {
                Ok(count) if count > 0 => Ok(Self::Pca(count)),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}
