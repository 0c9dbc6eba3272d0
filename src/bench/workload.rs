//! The workload of the step benchmarks: random prompts and one intervention.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::alignment::Location;
use crate::data::{Pair, Prompt};
use crate::error::Error;
use crate::tap::Component;
use crate::text::serde_as_text;

/// The intervention that is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Boundless DAS with full rank.
    Boundless,
    /// A square rotation whose first half of columns is exchanged.
    Rotated,
    /// A rotation of this rank, all of whose columns are exchanged.
    LowRank(usize),
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match (text, text.strip_prefix("lowrank:").map(str::parse)) {
            ("boundless", _) => Ok(Self::Boundless),
            ("rotated", _) => Ok(Self::Rotated),
            (_, Some(Ok(rank))) if rank > 0 => Ok(Self::LowRank(rank)),
            _ => Err(Error::Unknown {
                what: "method",
                name: text.to_owned(),
                hint: "; there are: boundless, rotated, lowrank:RANK".to_owned(),
            }),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boundless => f.write_str("boundless"),
            Self::Rotated => f.write_str("rotated"),
            Self::LowRank(rank) => write!(f, "lowrank:{rank}"),
        }
    }
}

serde_as_text!(Method);

/// The flags of `intervene bench step` and of `benches/peer_das_step.py`; positions are counted from 0.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct Workload {
    pub model: PathBuf,
    pub method: Method,
    pub component: Component,
    pub layer: usize,
    pub position: usize,
    pub batch: usize,
    pub length: usize,
    pub warmup: usize,
    pub steps: usize,
}

impl Workload {
    /// The site of the intervention.
    #[must_use]
    pub fn location(&self) -> Location {
        self.component.at(self.layer).into()
    }

    /// The rank of the rotation and the columns that are exchanged, for rows of `width` columns.
    #[must_use]
    pub fn columns(&self, width: usize) -> (usize, Range<usize>) {
        match self.method {
            Method::Boundless => (width, 0..width),
            Method::Rotated => (width, 0..width / 2),
            Method::LowRank(rank) => (rank, 0..rank),
        }
    }

    /// `batch` pairs of random prompts with random labels, from a fixed seed.
    #[must_use]
    pub fn pairs(&self, vocab_size: usize) -> Vec<Pair> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut token = || rng.random_range(0..vocab_size as u32);
        let mut prompt =
            || Prompt { tokens: (0..self.length).map(|_| token()).collect(), positions: vec![self.position] };
        let prompts: Vec<(Prompt, Prompt)> = (0..self.batch).map(|_| (prompt(), prompt())).collect();
        let pair = |(base, source)| Pair {
            base,
            sources: vec![(0, source)],
            labels: vec![token()],
            base_answer: None,
            source_answers: vec![None],
        };
        prompts.into_iter().map(pair).collect()
    }
}
