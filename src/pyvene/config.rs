//! pyvene's `config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::files;
use crate::interventions::Kind;

/// The keys of the file that are read and written. (transformers adds other keys.)
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PyveneConfig {
    pub representations: Vec<SavedRepresentation>,
    /// Python's names of the classes, such as `<class 'pyvene.models.interventions.VanillaIntervention'>`.
    pub intervention_types: Vec<String>,
    #[serde(default)]
    pub mode: Mode,
    pub sorted_keys: Option<Vec<String>>,
    pub model_type: Option<String>,
    /// The number of columns that are exchanged, `interchange_dim`.
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

/// The fields of pyvene's `RepresentationConfig`, in its order. The tuple is saved as a list.
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

/// A `RepresentationConfig` of pyvene: the place of an intervention and its sizes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub(super) struct SavedRepresentation {
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

impl TryFrom<Value> for SavedRepresentation {
    type Error = String;

    /// Reads a list in the order of [`FIELDS`], which older releases write without the last ones, or an object.
    fn try_from(value: Value) -> Result<Self, String> {
        let field = |name: &str| -> Value {
            let field = match &value {
                Value::Array(list) => FIELDS.iter().position(|field| *field == name).and_then(|at| list.get(at)),
                other => other.get(name),
            };
            field.cloned().unwrap_or(Value::Null)
        };
        let wrong = |name: &str, error: serde_json::Error| format!("representations: {name}: {error}");
        let whole = |name: &str| serde_json::from_value::<Option<usize>>(field(name)).map_err(|e| wrong(name, e));
        let text = |name: &str, default: &str| match field(name) {
            Value::Null => Ok(default.to_owned()),
            Value::String(text) => Ok(text),
            other => Err(format!("representations: {name} is {other}: a string is needed")),
        };
        if !matches!(value, Value::Array(_) | Value::Object(_)) {
            return Err(format!("representations contain {value}: a list of fields or an object is needed"));
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

impl From<SavedRepresentation> for Value {
    fn from(saved: SavedRepresentation) -> Self {
        let hidden = saved.constant_source.then_some(true);
        let link = saved.link.map(|link| link.parse::<i64>().map_or_else(|_| json!(link), |number| json!(number)));
        json!([
            saved.layer,
            saved.component,
            saved.unit,
            saved.units,
            saved.low_rank_dimension,
            null,
            null,
            saved.subspace_partition,
            saved.group_key,
            link,
            null,
            null,
            hidden,
            saved.latent_dim
        ])
    }
}

impl PyveneConfig {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let config: Value = files::read_json(&path)?;
        if config.get("representations").is_none() || config.get("intervention_types").is_none() {
            let problem = "is not a config.json of pyvene: representations and intervention_types, which \
                           IntervenableModel.save writes, are missing";
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
        match counts.into_iter().find(|(_, length)| length.is_some_and(|length| length != count)) {
            Some((name, Some(length))) => Err(Error::content(
                &path,
                format!("has {length} {name} for {count} representations: one for each is needed"),
            )),
            _ if count == 0 => Err(Error::content(&path, "has no representations: at least one is needed")),
            _ => Ok(config),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        files::write_json(&folder.join("config.json"), &json!(self))
    }
}

/// The kind of intervention that a class of pyvene is; an error for any other class.
pub(super) fn kind(class: &str) -> Result<Kind, Error> {
    let path = class.trim_start_matches("<class '").trim_end_matches("'>");
    let name = path.rsplit('.').next().unwrap_or_default();
    if path.starts_with("pyvene.") || !path.contains('.') {
        return name.parse();
    }
    Err(Error::Invalid(format!(
        "`{path}` is not a class of pyvene, and no Python code is run: only pyvene's own interventions can be read"
    )))
}

/// The name of a kind's class, as pyvene writes it.
pub(super) fn class(kind: Kind) -> String {
    format!("<class 'pyvene.models.interventions.{}'>", kind.pyvene())
}
