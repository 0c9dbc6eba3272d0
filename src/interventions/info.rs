//! The description of an intervention, by its kind.

use super::Kind;

/// What an intervention reads besides the base's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// A source's row, or a constant.
    Source,
    /// The base run's own row at the input of the module whose output it replaces.
    Input,
    /// Nothing.
    Nothing,
}

/// What an intervention is without tensors that were saved before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialWeights {
    /// Complete: it has no parameters.
    None,
    /// Drawn at random.
    Drawn,
    /// Drawn at random, once a rank is chosen.
    DrawnOfRank,
    /// Useless until it is trained or loaded.
    Required,
}

/// Parameters with a learning rate of their own; all others have the rotation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateGroup {
    /// The share of columns that Boundless DAS learns.
    Boundary,
    /// Learned masks.
    Mask,
}

impl RateGroup {
    /// All groups.
    pub const ALL: [Self; 2] = [Self::Boundary, Self::Mask];

    /// The name of its learning rate in logs.
    #[must_use]
    pub const fn rate_name(self) -> &'static str {
        match self {
            Self::Boundary => "boundary_learning_rate",
            Self::Mask => "mask_learning_rate",
        }
    }

    /// The name in logs of what the penalty weighs.
    #[must_use]
    pub const fn penalty_name(self) -> &'static str {
        match self {
            Self::Boundary => "boundary",
            Self::Mask => "taken",
        }
    }
}

/// The rank of a trained intervention's rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// A setting, between 1 and the width.
    Chosen,
    /// The width.
    Full,
    /// The width; training learns how many of the leading columns are exchanged.
    Learned,
}

/// The random control that a trained intervention is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A rotated space with a random rotation, of as many columns as the trained one exchanges.
    Rotation,
    /// An untrained intervention of the same kind.
    Fresh,
}

/// How a recipe trains an intervention.
#[derive(Clone, Copy, Debug)]
pub struct TrainingInfo {
    /// The method, as a model card opens with it.
    pub method: &'static str,
    /// How its rank is set.
    pub rank: Rank,
    /// The method's short name when several variables own columns of one rotation; `None` where they cannot.
    pub shared: Option<&'static str>,
    /// Where in the site it looks, to be appended to the site; `None` where the rank says it.
    pub part: Option<&'static str>,
    /// The group of those parameters that do not have the rotation's learning rate.
    pub group: Option<RateGroup>,
    /// Its random control.
    pub control: Control,
}

impl TrainingInfo {
    /// One variable, no learning rate of its own.
    pub(super) const fn new(method: &'static str, rank: Rank, control: Control) -> Self {
        Self { method, rank, shared: None, part: None, group: None, control }
    }
}

/// A publication.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// Authors and year, for example `Wu et al. 2023`.
    pub authors: &'static str,
    /// The number on arXiv, for example `2305.08809`.
    pub arxiv: &'static str,
}

impl Paper {
    pub(super) const fn arxiv(authors: &'static str, arxiv: &'static str) -> Self {
        Self { authors, arxiv }
    }

    /// A link in Markdown.
    #[must_use]
    pub fn link(&self) -> String {
        format!("[{}](https://arxiv.org/abs/{})", self.authors, self.arxiv)
    }
}

/// What pyvene exchanges by the number `interchange_dim` of a folder, when no subspace is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterchangeDim {
    /// The first so many columns of the row, or of R.
    Columns,
    /// The first so many latents.
    Latents,
    /// The one latent of that number.
    Latent,
    /// pyvene ignores the number.
    Ignored,
    /// pyvene ignores the number, and a folder holds the row's width.
    Width,
}

/// The intervention in pyvene and in the folders that pyvene saves.
#[derive(Clone, Copy, Debug)]
pub struct Pyvene {
    /// The name of the class; for LoReFT, pyreft's.
    pub class: &'static str,
    /// What `interchange_dim` chooses.
    pub interchange_dim: InterchangeDim,
    /// Whether pyvene counts it among the constant sources although it reads none.
    pub constant: bool,
    /// Whether pyvene's save and load handle its tensors.
    pub saved: bool,
    /// The tensor, and its axis, whose length is `low_rank_dimension`.
    pub low_rank_dimension: Option<(&'static str, usize)>,
    /// The tensor, and its axis, whose length is `latent_dim`.
    pub latent_dim: Option<(&'static str, usize)>,
}

impl Pyvene {
    /// A class without dimensions of its own, whose tensors pyvene saves.
    pub(super) const fn new(class: &'static str, interchange_dim: InterchangeDim) -> Self {
        Self { class, interchange_dim, constant: false, saved: true, low_rank_dimension: None, latent_dim: None }
    }
}

/// The description of an intervention.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The name in recipes.
    pub name: &'static str,
    /// A short name for reports.
    pub label: &'static str,
    /// The paper that introduces it.
    pub paper: Option<Paper>,
    /// What it reads besides the base's row.
    pub needs: Needs,
    /// What it is without saved tensors.
    pub weights: InitialWeights,
    /// How it is trained; `None` where a recipe cannot train it.
    pub trained: Option<TrainingInfo>,
    /// Whether it hands out the rows that it reads, and edits nothing.
    pub collects: bool,
    /// The intervention in pyvene.
    pub pyvene: Pyvene,
}

impl Info {
    /// An interchange with a source; its tensors have to be trained or loaded, and a recipe cannot train it.
    pub(super) const fn new(name: &'static str, pyvene: Pyvene) -> Self {
        let (needs, weights) = (Needs::Source, InitialWeights::Required);
        Self { name, label: name, paper: None, needs, weights, trained: None, collects: false, pyvene }
    }

    /// The method with a link to its paper, in Markdown.
    #[must_use]
    pub fn method(&self) -> String {
        let method = self.trained.map_or(self.label, |trained| trained.method);
        self.paper.map_or_else(|| method.to_owned(), |paper| format!("{method} ({})", paper.link()))
    }

    /// Whether it has tensors to save.
    #[must_use]
    pub fn has_tensors(&self) -> bool {
        self.weights != InitialWeights::None
    }

    /// Whether a recipe chooses its rank.
    #[must_use]
    pub fn chooses_rank(&self) -> bool {
        self.trained.is_some_and(|trained| trained.rank == Rank::Chosen)
    }

    /// Whether training decides how many columns it exchanges.
    #[must_use]
    pub fn learns_rank(&self) -> bool {
        self.trained.is_some_and(|trained| trained.rank == Rank::Learned)
    }

    /// Whether several variables can each own some of its columns.
    #[must_use]
    pub fn shares_columns(&self) -> bool {
        self.trained.is_some_and(|trained| trained.shared.is_some())
    }
}

impl Kind {
    /// The name in recipes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The name of pyvene's class; for LoReFT, pyreft's.
    #[must_use]
    pub const fn pyvene(self) -> &'static str {
        self.info().pyvene.class
    }

    /// What it reads besides the base's row.
    #[must_use]
    pub const fn needs(self) -> Needs {
        self.info().needs
    }
}
