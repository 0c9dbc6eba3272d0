//! The options and the result of `intervene collect`.

use std::path::PathBuf;
use std::str::FromStr;

use super::ModelChoice;
use super::rows::SiteChoice;
use crate::data::Positions;
use crate::error::Error;
use crate::tap::Site;

/// The options of [`collect`](fn@super::collect): the flags of `intervene collect`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct CollectOptions {
    pub model: ModelChoice,
    pub inputs: Option<PathBuf>,
    pub sites: Vec<SiteChoice>,
    pub out: PathBuf,
    pub positions: Positions,
    pub direction: Option<Direction>,
    pub positive: Option<PathBuf>,
    pub negative: Option<PathBuf>,
    pub batch: usize,
}

/// The directions to compute from rows.
///
/// | name | vectors |
/// |---|---|
/// | `diff-means` | the mean of the positive inputs' rows minus the mean of the negative inputs' (Marks and Tegmark 2023, arXiv 2310.06824; Rimsky et al. 2023, arXiv 2312.06681) |
/// | `pca:K` of `--inputs` | the first K principal components of the rows, centred at their mean |
/// | `pca:K` of `--positive` and `--negative` | those of the differences of the pairs, line by line, not centred (Zou et al. 2023, arXiv 2310.01405) |
///
/// Components have length 1 and point to the positive inputs' side. Without positive inputs their largest entry is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The difference in means.
    DiffMeans,
    /// This number of principal components.
    Pca(usize),
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Invalid(format!("invalid direction `{text}`: expected diff-means, or pca:K with K > 0"));
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

/// The result of [`collect`](super::collect()).
#[derive(Clone, Debug)]
pub enum Collection {
    /// Rows were written.
    Rows {
        /// The number of rows of each site.
        rows: usize,
        /// The number of inputs.
        inputs: usize,
        /// The number of sites.
        sites: usize,
    },
    /// Directions were written.
    Directions {
        /// Each site with the size of its directions.
        sites: Vec<(Site, DirectionSize)>,
        /// The number of rows of the positive inputs, or of the only ones.
        positive: usize,
        /// The number of rows of the negative inputs.
        negative: Option<usize>,
    },
}

/// The size of a site's directions.
#[derive(Clone, Debug)]
pub enum DirectionSize {
    /// The length of a difference in means.
    Length(f64),
    /// The share of the rows' variance of each principal component.
    Shares(Vec<f64>),
}
