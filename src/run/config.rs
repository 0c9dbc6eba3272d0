//! `config.json`: what was intervened on, and how to read `intervention.safetensors`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::alignment::Partition;
use crate::error::Error;
use crate::files;
use crate::interventions::{AnyIntervention, RotatedSpace};
use crate::models::Mlp;
use crate::orthogonal::{self, Map, Rotation};
use crate::tap::Site;
use crate::tensors::Tensors;

/// The intervention's own name of its matrix in `intervention.safetensors`.
const R: &str = "rotation";

/// The sentence that says how R is meant.
const CONVENTION: &str =
    "row vectors: a row x [width] has the coordinates x R [rank]; R [width, rank] is stored row by row";

/// What a run folder's intervention is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What wrote the folder.
    pub library: String,
    /// The network, as `ModelIdentity` tells it.
    pub model: ModelIdentity,
    /// The site's component.
    pub component: String,
    /// The site's layer.
    pub layer: usize,
    /// The intervention's kind.
    pub kind: String,
    /// The site's width.
    pub width: usize,
    /// The number of R's columns.
    pub rank: usize,
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
    /// `mlp`
    pub kind: String,
    /// The file of the weights, in the same folder.
    pub file: String,
    /// Where the weights came from: `trained by the recipe`, or a file.
    pub source: String,
    /// The width of its hidden layers.
    pub width: usize,
    /// The number of its hidden layers.
    pub layers: usize,
}

impl Config {
    /// Describes an intervention on an MLP.
    pub fn new(model: &Mlp, source: String, site: Site, partition: &Partition, found: &Rotation) -> Self {
        let [width, rank] = found.dims();
        Self {
            library: format!("intervene {}", env!("CARGO_PKG_VERSION")),
            model: ModelIdentity {
                kind: "mlp".to_owned(),
                file: "model.safetensors".to_owned(),
                source,
                width: model.width(),
                layers: model.layers.len(),
            },
            component: site.component.to_string(),
            layer: site.layer,
            kind: "rotated_space".to_owned(),
            width,
            rank,
            partition: partition.parts().iter().map(|(name, c)| (name.clone(), [c.start, c.end])).collect(),
            orthogonal: found.map_kind().map_or_else(|| "manifold".to_owned(), |map| map.to_string()),
            convention: CONVENTION.to_owned(),
        }
    }

    /// The site.
    pub fn site(&self) -> Result<Site, Error> {
        Ok(self.component.parse::<crate::tap::Component>()?.at(self.layer))
    }
}

/// Writes the network, the intervention, and what they are, `config.json` last.
pub fn save(folder: &Path, config: &Config, model: &Mlp, found: &Rotation) -> Result<(), Error> {
    model.save(&folder.join(&config.model.file))?;
    let mut tensors = Tensors::default();
    tensors.insert(R, found.matrix());
    tensors.write(&folder.join("intervention.safetensors"))?;
    files::write_json(&folder.join("config.json"), config)
}

/// Reads what [`save`] wrote, and refuses what does not fit together.
pub fn load(folder: &Path, device: &Device) -> Result<(Config, Mlp, AnyIntervention), Error> {
    let path = folder.join("config.json");
    let config: Config = files::read_json(&path)?;
    let wrong = |problem: String| Error::content(&path, problem);
    if config.model.kind != "mlp" || config.kind != "rotated_space" {
        return Err(wrong(format!(
            "a {} on a {} is nothing that this version can load",
            config.kind, config.model.kind
        )));
    }
    if config.model.file != "model.safetensors" {
        return Err(wrong(format!("the weights lie in model.safetensors, not in {}", config.model.file)));
    }
    let model = Mlp::load(&folder.join(&config.model.file), device)?;
    let found = [model.width(), model.layers.len()];
    if found != [config.model.width, config.model.layers] {
        let [width, layers] = found;
        return Err(wrong(format!(
            "the config tells of {} layers of width {}, model.safetensors holds {layers} of width {width}",
            config.model.layers, config.model.width
        )));
    }
    if config.width != model.width() || config.layer >= model.layers.len() {
        return Err(wrong(format!(
            "an intervention of width {} at layer {} does not fit a network of {} layers of width {}",
            config.width, config.layer, config.model.layers, config.model.width
        )));
    }
    let path = folder.join("intervention.safetensors");
    let r = Tensors::read(&path)?.get(R, [config.width, config.rank], device);
    let r = r.map_err(|error| Error::content(&path, error.to_string()))?;
    let error = orthogonal::error(&r);
    if error > 1e-4 {
        return Err(Error::content(
            &path,
            format!("the columns of {R} are not orthonormal: R'R leaves I by {error:.1e}"),
        ));
    }
    let map = match config.orthogonal.as_str() {
        "manifold" => None,
        name => Some(name.parse::<Map>()?),
    };
    let found = AnyIntervention::RotatedSpace(RotatedSpace::new(Rotation::from_matrix(map, r, device)));
    Ok((config, model, found))
}
