//! `config.json`: what was intervened on, and how to read `intervention.safetensors`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::alignment::search::orthogonality_error;
use crate::alignment::{Partition, Target};
use crate::error::Error;
use crate::files;
use crate::interventions::{AnyIntervention, Kind};
use crate::models::Mlp;
use crate::orthogonal::Map;
use crate::tap::Component;
use crate::tensors::Tensors;

/// The file of an MLP's weights.
const WEIGHTS: &str = "model.safetensors";
/// The file of the intervention's tensors.
const TENSORS: &str = "intervention.safetensors";

/// The sentence that says how R is meant.
const CONVENTION: &str =
    "row vectors: a row x [width] has the coordinates x R [rank]; rotate_layer.weight is R, [width, rank], row by row";

/// What a run folder's intervention is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What wrote the folder.
    pub library: String,
    /// The network.
    pub model: ModelIdentity,
    /// The site's component.
    pub component: String,
    /// The site's layer.
    pub layer: usize,
    /// The heads of a `head_` component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<usize>,
    /// Which tokens, where the network reads tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The intervention's kind.
    pub kind: String,
    /// The width of the rows.
    pub width: usize,
    /// The number of R's columns, where there is an R.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The columns `[from, to)` of each variable.
    pub partition: BTreeMap<String, [usize; 2]>,
    /// `manifold`, or PyTorch's map under which R was trained.
    pub orthogonal: String,
    /// How R is meant.
    pub convention: String,
}

/// Which network it was.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// `mlp`, or the `model_type` of a checkpoint.
    pub kind: String,
    /// Where the weights came from: `trained by the recipe`, a file, or a checkpoint.
    pub source: String,
    /// The width of its hidden states.
    pub width: usize,
    /// The number of its layers.
    pub layers: usize,
}

impl Config {
    /// Describes an intervention.
    pub fn new(
        model: ModelIdentity,
        target: &Target,
        position: Option<String>,
        width: usize,
        partition: &Partition,
        found: &AnyIntervention,
    ) -> Self {
        let rotation = found.rotation();
        Self {
            library: format!("intervene {}", env!("CARGO_PKG_VERSION")),
            model,
            component: target.site.component.to_string(),
            layer: target.site.layer,
            heads: target.heads.clone(),
            position,
            kind: found.kind().to_string(),
            width,
            rank: rotation.map(|rotation| rotation.dims()[1]),
            partition: partition.parts().iter().map(|(name, c)| (name.clone(), [c.start, c.end])).collect(),
            orthogonal: rotation.and_then(|r| r.map_kind()).map_or_else(|| "manifold".to_owned(), |m| m.to_string()),
            convention: CONVENTION.to_owned(),
        }
    }

    /// Reads a run folder's.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        files::read_json(&folder.join("config.json"))
    }

    /// Where the intervention acts.
    pub fn target(&self) -> Result<Target, Error> {
        Ok(Target { site: self.component.parse::<Component>()?.at(self.layer), heads: self.heads.clone() })
    }

    /// Writes the intervention, then what it is.
    pub fn save(&self, folder: &Path, found: &AnyIntervention) -> Result<(), Error> {
        Tensors::from(found.to_tensors()).write(&folder.join(TENSORS))?;
        files::write_json(&folder.join("config.json"), self)
    }

    /// Reads the intervention of a run folder, and refuses one that is not what the config says.
    pub fn intervention(&self, folder: &Path, device: &Device) -> Result<AnyIntervention, Error> {
        let config = folder.join("config.json");
        let kind: Kind = self.kind.parse().map_err(|e: Error| Error::content(&config, e.to_string()))?;
        let map = match self.orthogonal.as_str() {
            "manifold" => None,
            name => Some(name.parse::<Map>().map_err(|e| Error::content(&config, e.to_string()))?),
        };
        let path = folder.join(TENSORS);
        let tensors = Tensors::read(&path)?.into();
        let found = AnyIntervention::from_tensors(kind, &tensors, map, device);
        let found = found.map_err(|error| Error::content(&path, error.to_string()))?;
        if let Some(rotation) = found.rotation() {
            let wanted = [self.width, self.rank.unwrap_or(self.width)];
            if rotation.dims() != wanted {
                let problem = format!("the rotation is {:?}, config.json says {wanted:?}", rotation.dims());
                return Err(Error::content(&path, problem));
            }
        }
        let error = orthogonality_error(std::slice::from_ref(&found));
        if error > 1e-4 {
            let problem = format!("the rotation's columns are not orthonormal: R'R leaves I by {error:.1e}");
            return Err(Error::content(&path, problem));
        }
        Ok(found)
    }

    /// Writes an MLP's weights beside the intervention.
    pub fn save_mlp(folder: &Path, model: &Mlp) -> Result<(), Error> {
        model.save(&folder.join(WEIGHTS))
    }

    /// Reads the MLP of a run folder, and refuses one that is not what the config says.
    pub fn mlp(&self, folder: &Path, device: &Device) -> Result<Mlp, Error> {
        let wrong = |problem: String| Error::content(&folder.join("config.json"), problem);
        if self.model.kind != "mlp" {
            return Err(wrong(format!("the model is a {}, the recipe's is an mlp", self.model.kind)));
        }
        let model = Mlp::load(&folder.join(WEIGHTS), device)?;
        let (width, layers) = (model.width(), model.layers.len());
        if [width, layers] != [self.model.width, self.model.layers] {
            return Err(wrong(format!(
                "the config tells of {} layers of width {}, {WEIGHTS} holds {layers} of width {width}",
                self.model.layers, self.model.width
            )));
        }
        if self.width != width || self.layer >= layers {
            return Err(wrong(format!(
                "an intervention of width {} at layer {} does not fit a network of {layers} layers of width {width}",
                self.width, self.layer
            )));
        }
        Ok(model)
    }
}
