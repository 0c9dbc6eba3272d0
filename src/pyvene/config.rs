//! pyvene's `config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::files;
use crate::interventions::Kind;

/// What is needed of the file. (transformers adds keys of its own.)
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub representations: Vec<Representation>,
    /// `<class 'pyvene.models.interventions.VanillaIntervention'>`
    pub intervention_types: Vec<String>,
    #[serde(default)]
    pub mode: Mode,
    pub sorted_keys: Option<Vec<String>>,
    pub model_type: Option<String>,
    /// How many columns are exchanged, `interchange_dim`.
    #[serde(default)]
    pub intervention_dimensions: Option<Vec<Option<usize>>>,
    #[serde(default)]
    pub intervention_constant_sources: Option<Vec<bool>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    #[default]
    Parallel,
    Serial,
}

/// The fields of pyvene's `RepresentationConfig`, in its order: the tuple is saved as a list.
const FIELDS: [&str; 14] = [
    "layer",
    "component",
    "unit",
    "max_number_of_units",
    "low_rank_dimension",
    "intervention_type",
    "intervention",
    "subspace_partition",
    "group_key",
    "intervention_link_key",
    "moe_key",
    "source_representation",
    "hidden_source_representation",
    "latent_dim",
];

/// Where an intervention acts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub(super) struct Representation {
    pub layer: usize,
    pub component: String,
    pub unit: String,
    pub units: usize,
    pub low_rank_dimension: Option<usize>,
    pub subspace_partition: Option<Vec<Vec<usize>>>,
    pub group_key: Option<i64>,
    pub link: Option<String>,
    pub constant_source: bool,
    pub latent_dim: Option<usize>,
}

impl TryFrom<Value> for Representation {
    type Error = String;

    /// From a list in the order of [`FIELDS`], of which old releases lack the last ones, or from an object of them.
    fn try_from(value: Value) -> Result<Self, String> {
        let field = |name: &str| -> Value {
            let found = match &value {
                Value::Array(list) => FIELDS.iter().position(|field| *field == name).and_then(|at| list.get(at)),
                other => other.get(name),
            };
            found.cloned().unwrap_or(Value::Null)
        };
        let wrong = |name: &str, error: serde_json::Error| format!("representations: {name}: {error}");
        let whole = |name: &str| serde_json::from_value::<Option<usize>>(field(name)).map_err(|e| wrong(name, e));
        let text = |name: &str, default: &str| match field(name) {
            Value::Null => Ok(default.to_owned()),
            Value::String(text) => Ok(text),
            other => Err(format!("representations: {name} is {other}, not a text")),
        };
        if !matches!(value, Value::Array(_) | Value::Object(_)) {
            return Err(format!("representations hold {value}, not a list of fields"));
        }
        Ok(Self {
            layer: whole("layer")?.unwrap_or(0),
            component: text("component", "block_output")?,
            unit: text("unit", "pos")?,
            units: whole("max_number_of_units")?.unwrap_or(1),
            low_rank_dimension: whole("low_rank_dimension")?,
            subspace_partition: serde_json::from_value(field("subspace_partition"))
                .map_err(|e| wrong("subspace_partition", e))?,
            group_key: serde_json::from_value(field("group_key")).map_err(|e| wrong("group_key", e))?,
            link: match field("intervention_link_key") {
                Value::Null => None,
                Value::String(link) => Some(link),
                other => Some(other.to_string()),
            },
            constant_source: field("hidden_source_representation").as_bool().unwrap_or(false),
            latent_dim: whole("latent_dim")?,
        })
    }
}

impl From<Representation> for Value {
    fn from(of: Representation) -> Self {
        let hidden = of.constant_source.then_some(true);
        let link = of.link.map(|link| link.parse::<i64>().map_or_else(|_| json!(link), |number| json!(number)));
        json!([
            of.layer,
            of.component,
            of.unit,
            of.units,
            of.low_rank_dimension,
            null,
            null,
            of.subspace_partition,
            of.group_key,
            link,
            null,
            null,
            hidden,
            of.latent_dim
        ])
    }
}

impl Config {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let config: Value = files::read_json(&path)?;
        if config.get("representations").is_none() || config.get("intervention_types").is_none() {
            let problem = "is not pyvene's: it has no representations and intervention_types, as \
                           IntervenableModel.save writes them";
            return Err(Error::content(&path, problem));
        }
        let config: Self = serde_json::from_value(config).map_err(|error| Error::content(&path, error.to_string()))?;
        let count = config.representations.len();
        let counts = [
            ("intervention_types", Some(config.intervention_types.len())),
            ("sorted_keys", config.sorted_keys.as_ref().map(Vec::len)),
            ("intervention_dimensions", config.intervention_dimensions.as_ref().map(Vec::len)),
            ("intervention_constant_sources", config.intervention_constant_sources.as_ref().map(Vec::len)),
        ];
        match counts.into_iter().find(|(_, found)| found.is_some_and(|found| found != count)) {
            Some((name, Some(found))) => {
                Err(Error::content(&path, format!("{found} {name} for {count} representations")))
            }
            _ if count == 0 => Err(Error::content(&path, "has no representations: there is no intervention")),
            _ => Ok(config),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let config = json!({
            "representations": self.representations,
            "intervention_types": self.intervention_types,
            "mode": self.mode,
            "sorted_keys": self.sorted_keys,
            "model_type": self.model_type,
            "intervention_dimensions": self.intervention_dimensions,
            "intervention_constant_sources": self.intervention_constant_sources,
        });
        files::write_json(&folder.join("config.json"), &config)
    }
}

/// The kind that a class of pyvene's is.
pub(super) fn kind(class: &str) -> Result<Kind, Error> {
    let path = class.trim_start_matches("<class '").trim_end_matches("'>");
    let name = path.rsplit('.').next().unwrap_or_default();
    if path.starts_with("pyvene.") || !path.contains('.') {
        return name.parse();
    }
    Err(Error::Invalid(format!(
        "`{path}` is a class of somebody's own, and its code is not run: only pyvene's own interventions can be read"
    )))
}

/// The class as pyvene writes it.
pub(super) fn class(kind: Kind) -> String {
    format!("<class 'pyvene.models.interventions.{}'>", kind.pyvene())
}
