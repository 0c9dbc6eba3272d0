//! `config.json`: what was intervened on, and how to read `intervention.safetensors`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::alignment::search::orthogonality_error;
use crate::alignment::{Location, Partition};
use crate::error::Error;
use crate::files;
use crate::hub::{self, CachedCommit};
use crate::interventions::{AnyIntervention, Kind};
use crate::models::{LanguageModel, Pretrained};
use crate::orthogonal::Parametrisation;
use crate::tap::Component;
use crate::tensors::Tensors;

/// The file of the intervention's tensors.
pub const TENSORS: &str = "intervention.safetensors";

/// The sentence that says how R is meant.
pub const CONVENTION: &str =
    "row vectors: a row x [width] has the coordinates x R [rank]; rotate_layer.weight is R, [width, rank], row by row";

/// The file of an MLP's weights in a run folder.
#[must_use]
pub fn mlp_file(folder: &Path) -> PathBuf {
    folder.join("model.safetensors")
}

/// What a run folder's intervention is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// What wrote the folder.
    pub library: String,
    /// The network.
    pub model: ModelIdentity,
    /// The site's component.
    pub component: Component,
    /// The site's layer.
    pub layer: usize,
    /// The heads of a `head_` component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<usize>,
    /// Which tokens, where the network reads tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The intervention's kind.
    pub kind: Kind,
    /// The width of the rows.
    pub width: usize,
    /// The number of R's columns, where there is an R.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The columns `[from, to)` of each variable.
    pub partition: BTreeMap<String, [usize; 2]>,
    /// `manifold`, or PyTorch's map under which R was trained.
    pub orthogonal: Parametrisation,
    /// How R is meant.
    pub convention: String,
}

/// Which network it was.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// `mlp`, or the `model_type` of a checkpoint.
    pub kind: String,
    /// Where the weights came from: `trained by the recipe`, a file, a checkpoint's folder, or `ORG/NAME` of the Hub.
    pub source: String,
    /// The commit, where the weights came from the Hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The width of its hidden states.
    pub width: usize,
    /// The number of its layers.
    pub layers: usize,
}

impl ModelIdentity {
    /// A checkpoint that was opened.
    #[must_use]
    pub fn new(model: &Pretrained) -> Self {
        let origin = hub::origin(Path::new(model.identity()));
        let (source, revision) = match origin {
            Some(CachedCommit { name, commit }) => (name, Some(commit)),
            None => (model.identity().to_owned(), None),
        };
        let sizes = model.dimensions();
        Self { kind: model.model_type().to_owned(), source, revision, width: sizes.d_model, layers: sizes.n_layers }
    }

    /// The repository of the Hub and its commit, where the model is from there.
    #[must_use]
    pub fn on_the_hub(&self) -> Option<String> {
        self.revision.as_ref().map(|revision| format!("{}@{revision}", self.source))
    }

    /// What differs in another model, where it can be told: both values.
    fn differs(&self, other: &Self) -> Option<String> {
        let tell = |what: &str, asked: String, there: String| {
            (asked != there).then(|| format!("the intervention is for {what} {asked}, this is {what} {there}"))
        };
        let both = self.revision.as_ref().zip(other.revision.as_ref());
        tell("a model of type", self.kind.clone(), other.kind.clone())
            .or_else(|| tell("a model of width", self.width.to_string(), other.width.to_string()))
            .or_else(|| {
                let count = |of: &Self| format!("{} layers", of.layers);
                tell("a model of", count(self), count(other))
            })
            .or_else(|| both.and_then(|_| tell("the model", self.source.clone(), other.source.clone())))
            .or_else(|| {
                let (asked, there) = both?;
                let problem = tell(&format!("{} at commit", self.source), asked.clone(), there.clone())?;
                Some(format!("{problem}: name the model as {}@{asked}", self.source))
            })
    }
}

impl RunConfig {
    /// Describes an intervention.
    #[must_use]
    pub fn new(
        model: ModelIdentity,
        location: &Location,
        width: usize,
        partition: &Partition,
        found: &AnyIntervention,
    ) -> Self {
        let rotation = found.rotation();
        Self {
            library: format!("intervene {}", env!("CARGO_PKG_VERSION")),
            model,
            component: location.site.component,
            layer: location.site.layer,
            heads: location.heads.clone(),
            position: location.position.as_ref().map(ToString::to_string),
            kind: found.kind(),
            width,
            rank: rotation.map(|rotation| rotation.dims()[1]),
            partition: partition.parts().iter().map(|(name, c)| (name.clone(), [c.start, c.end])).collect(),
            orthogonal: rotation.and_then(|rotation| rotation.map_kind()).into(),
            convention: CONVENTION.to_owned(),
        }
    }

    /// Reads a run folder's.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        files::read_json(&folder.join("config.json"))
    }

    /// Where the intervention acts.
    pub fn location(&self) -> Result<Location, Error> {
        Ok(Location {
            site: self.component.at(self.layer),
            heads: self.heads.clone(),
            position: self.position.as_deref().map(str::parse).transpose()?,
        })
    }

    /// Reads what an intervention's folder holds, each with the folder that it is in: its own, and those of the folders
    /// `1`, `2` and so on in it, one for each `[[also]]` of the recipe.
    pub fn read_all(folder: &Path) -> Result<Vec<(PathBuf, Self)>, Error> {
        let also = (1..).map(|number| folder.join(number.to_string()));
        let also = also.take_while(|part| part.join("config.json").is_file());
        let parts = std::iter::once(folder.to_owned()).chain(also);
        parts.map(|part| Self::read(&part).map(|config| (part, config))).collect()
    }

    /// Writes interventions: the first into the folder itself, the others into the folders `1`, `2` and so on in it.
    pub fn save_all(configs: &[Self], folder: &Path, found: &[AnyIntervention]) -> Result<(), Error> {
        for (number, (config, found)) in configs.iter().zip(found).enumerate().rev() {
            let part = if number == 0 { folder.to_owned() } else { folder.join(number.to_string()) };
            if number > 0 {
                files::create_new_dir(&part)?;
            }
            config.save(&part, found)?;
        }
        Ok(())
    }

    /// Writes the intervention, then what it is.
    pub fn save(&self, folder: &Path, found: &AnyIntervention) -> Result<(), Error> {
        Tensors::from(found.to_tensors()).write(&folder.join(TENSORS))?;
        files::write_json(&folder.join("config.json"), self)
    }

    /// Refuses a model that the intervention is not for, and a site whose rows are not as wide as its own; `place` names the
    /// config in the message.
    pub fn check_model(&self, place: &Path, model: &ModelIdentity, site_width: usize) -> Result<(), Error> {
        if let Some(problem) = self.model.differs(model) {
            return Err(Error::content(place, problem));
        }
        if !self.width.is_multiple_of(site_width) {
            let site = format!("{}.{}", self.layer, self.component);
            let problem = format!("the intervention is {} wide, {site} of this model {site_width}", self.width);
            return Err(Error::content(place, problem));
        }
        Ok(())
    }

    /// Refuses an intervention that is not of the width and the rank that the config says; `place` names the tensors.
    pub fn check_tensors(&self, place: &Path, found: &AnyIntervention) -> Result<(), Error> {
        let wrong = |problem: String| Err(Error::content(place, problem));
        if let Some(rotation) = found.rotation() {
            let wanted = [self.width, self.rank.unwrap_or(self.width)];
            if rotation.dims() != wanted {
                return wrong(format!("the rotation is {:?}, config.json says {wanted:?}", rotation.dims()));
            }
        }
        match found.width().filter(|width| *width != self.width) {
            Some(width) => wrong(format!("the tensors are for rows of width {width}, config.json says {}", self.width)),
            None => Ok(()),
        }
    }

    /// Reads the intervention of a run folder, and refuses one that is not what the config says.
    pub fn intervention(&self, folder: &Path, device: &Device) -> Result<AnyIntervention, Error> {
        let path = folder.join(TENSORS);
        let tensors = Tensors::read(&path)?.into();
        let found = AnyIntervention::from_tensors(self.kind, &tensors, self.orthogonal.map(), device);
        let found = found.map_err(|error| Error::content(&path, error.to_string()))?;
        self.check_tensors(&path, &found)?;
        let error = orthogonality_error(std::slice::from_ref(&found));
        if error > 1e-4 {
            let problem = format!("the rotation's columns are not orthonormal: R'R leaves I by {error:.1e}");
            return Err(Error::content(&path, problem));
        }
        Ok(found)
    }
}
