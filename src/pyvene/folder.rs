//! Reads and writes a folder of interventions in pyvene's format.

use std::path::{Path, PathBuf};

use burn::tensor::TensorData;

use super::archive::{self, Pickled};
use super::config::{self, Mode, PyveneConfig, SavedRepresentation};
use super::keys;
use crate::error::Error;
use crate::files;
use crate::interventions::{Kind, NamedTensors, Needs};
use crate::tap::{Component, Site};

/// The name of a constant source among an intervention's tensors.
const CONSTANT: &str = "source_representation";

/// The interventions of one folder that `IntervenableModel.save` writes.
#[derive(Clone, Debug)]
pub struct PyveneFolder {
    /// Whether the order is serial: source 0 edits source 1, that edits the next, and the last edits the base.
    pub serial: bool,
    /// The model's class, if the folder names it.
    pub model_type: Option<String>,
    /// The interventions, in the order in which they act at one site.
    pub interventions: Vec<SavedIntervention>,
}

/// One intervention of a folder.
#[derive(Clone, Debug)]
pub struct SavedIntervention {
    /// The site.
    pub site: Site,
    /// Whether a run chooses the positions. If not (pyvene's unit `h`), a head is edited at all positions.
    pub positions: bool,
    /// The number of units that are concatenated into one row, `max_number_of_units`.
    pub units: usize,
    /// The kind of intervention.
    pub kind: Kind,
    /// The tensors, by their names in the `state_dict`.
    pub tensors: NamedTensors,
    /// A constant that replaces the source's row.
    pub constant: Option<Vec<f32>>,
    /// The number of the source that it reads, counted from 0 over the sources that are read.
    pub source: Option<usize>,
    /// Interventions with the same link share their tensors.
    pub link: Option<String>,
    /// The partition of the space: a list of two numbers is a range of columns, any other list names columns.
    pub partition: Option<Vec<Vec<usize>>>,
    /// The number of columns that are exchanged if a run names no subspace, `interchange_dim`.
    pub columns: Option<usize>,
}

/// Reads a folder. Returns an error for classes that are not pyvene's, for modules' paths in place of components, and for
/// missing tensors.
pub fn read(folder: &Path) -> Result<PyveneFolder, Error> {
    let config = PyveneConfig::read(folder)?;
    let path = folder.join("config.json");
    let groups = groups(&config.representations).map_err(|problem| Error::content(&path, problem))?;
    let mut interventions = Vec::new();
    let mut read_groups: Vec<usize> = Vec::new();
    for (number, representation) in config.representations.iter().enumerate() {
        let at = |error: Error| Error::content(&path, format!("intervention {number}: {error}"));
        let kind = config::kind(&config.intervention_types[number]).map_err(at)?;
        let (site, positions) = site(representation).map_err(|problem| at(Error::Invalid(problem)))?;
        let mut tensors = match tensor_file(folder, &config, number) {
            Some(file) => archive::read_tensors(&file)?,
            None if kind.info().has_tensors() || representation.constant_source => {
                let problem = missing(folder, &config, number, kind);
                return Err(at(Error::Invalid(problem)));
            }
            None => NamedTensors::new(),
        };
        let constant = tensors.remove(CONSTANT).filter(|_| takes_constant(kind));
        let constant =
            constant.map(|data| constant_row(&data)).transpose().map_err(|problem| at(Error::Invalid(problem)))?;
        let source = (kind.needs() != Needs::Nothing && constant.is_none()).then(|| {
            let group = groups[number];
            read_groups.iter().position(|known| *known == group).unwrap_or_else(|| {
                read_groups.push(group);
                read_groups.len() - 1
            })
        });
        interventions.push(SavedIntervention {
            site,
            positions,
            units: representation.units,
            kind,
            tensors,
            constant,
            source,
            link: representation.link.clone(),
            partition: representation.subspace_partition.clone(),
            columns: config.intervention_dimensions.as_ref().and_then(|all| all[number]),
        });
    }
    Ok(PyveneFolder { serial: config.mode == Mode::Serial, model_type: config.model_type, interventions })
}

/// Writes a folder that pyvene's `IntervenableModel.load` reads. The folder has to exist.
///
/// Returns an error for what pyvene cannot load: the tensors of noise and of principal components, and interventions of
/// one source that do not follow each other.
pub fn write(folder: &Path, saved: &PyveneFolder) -> Result<(), Error> {
    let mut config = PyveneConfig {
        representations: Vec::new(),
        intervention_types: Vec::new(),
        mode: if saved.serial { Mode::Serial } else { Mode::Parallel },
        sorted_keys: None,
        model_type: saved.model_type.clone(),
        intervention_dimensions: None,
        intervention_constant_sources: None,
    };
    let groups = group_keys(saved)?;
    let (mut keys, mut dimensions, mut constants) = (Vec::<String>::new(), Vec::new(), Vec::new());
    for (number, one) in saved.interventions.iter().enumerate() {
        let info = one.kind.info();
        let length = |(name, axis): (&str, usize)| one.tensors.get(name)?.shape().to_vec().get(axis).copied();
        let low_rank_dimension = info.pyvene.low_rank_dimension.and_then(length);
        let latent_dim = info.pyvene.latent_dim.and_then(length);
        let unit = match (one.site.component.is_head(), one.positions) {
            (false, _) => "pos",
            (true, true) => "h.pos",
            (true, false) => "h",
        };
        let [name, ..] = keys::names(one.site.layer, one.site.component.name(), unit, one.units);
        let same = keys.iter().filter(|key| key.rsplit_once('#').is_some_and(|(known, _)| known == name)).count();
        let key = format!("{name}#{same}");
        if !info.pyvene.saved {
            return Err(Error::Invalid(format!(
                "intervention {number} is a {}: pyvene's load does not read the tensors of this kind",
                one.kind
            )));
        }
        // pyvene loads a file for each of its constant interventions but the zero, even if there is no constant.
        let constant = one.constant.is_some() || info.pyvene.constant;
        let source = one.constant.as_ref().map(|row| TensorData::new(row.clone(), [row.len()]));
        let mut tensors: Vec<(String, Option<TensorData>)> =
            one.tensors.iter().map(|(name, data)| (name.clone(), Some(data.clone()))).collect();
        if let (Some(columns), Some(entry)) =
            (one.columns, tensors.iter_mut().find(|(name, _)| name == "interchange_dim"))
        {
            entry.1 = Some(TensorData::new(vec![columns as i64], [0_usize; 0]));
        }
        if source.is_some() || info.collects {
            tensors.push((CONSTANT.to_owned(), source));
        }
        if !tensors.is_empty() {
            files::write(&folder.join(keys::file(&key)), &archive::archive(&Pickled::State(tensors))?)?;
        }
        config.representations.push(SavedRepresentation {
            layer: one.site.layer,
            component: one.site.component.name().to_owned(),
            unit: unit.to_owned(),
            units: one.units,
            low_rank_dimension,
            subspace_partition: one.partition.clone(),
            group_key: groups.as_ref().map(|groups| groups[number]),
            link: one.link.clone(),
            constant_source: one.constant.is_some(),
            latent_dim,
        });
        config.intervention_types.push(config::class(one.kind));
        keys.push(key);
        dimensions.push(one.columns);
        constants.push(constant);
    }
    config.sorted_keys = Some(keys);
    config.intervention_dimensions = Some(dimensions);
    config.intervention_constant_sources = Some(constants);
    config.write(folder)
}

/// The number of each representation's group, which is its source in pyvene. Without keys each has its own group.
fn groups(representations: &[SavedRepresentation]) -> Result<Vec<usize>, String> {
    let keys: Vec<i64> = representations.iter().filter_map(|representation| representation.group_key).collect();
    if keys.is_empty() {
        return Ok((0..representations.len()).collect());
    }
    if keys.len() != representations.len() || keys.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err("group_key has to be set for all representations, in ascending order".to_owned());
    }
    let mut groups = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    for key in keys {
        if known.last() != Some(&key) {
            known.push(key);
        }
        groups.push(known.len() - 1);
    }
    Ok(groups)
}

/// pyvene's group keys; `None` if each intervention has a source of its own, or no source.
fn group_keys(saved: &PyveneFolder) -> Result<Option<Vec<i64>>, Error> {
    let mut last: Option<usize> = None;
    let (mut keys, mut shared, mut seen) = (Vec::new(), false, Vec::new());
    for (number, one) in saved.interventions.iter().enumerate() {
        let again = one.source.is_some() && one.source == last;
        if let Some(source) = one.source.filter(|source| !again && seen.contains(source)) {
            return Err(Error::Invalid(format!(
                "intervention {number} reads source {source} again: in pyvene the interventions of one source have to follow each other"
            )));
        }
        if saved.serial && one.source.zip(last).is_some_and(|(now, before)| now < before) {
            let problem = "in serial order pyvene's interventions have to be in the order of their sources";
            return Err(Error::Invalid(format!("intervention {number}: {problem}")));
        }
        seen.extend(one.source);
        shared |= again;
        let next = keys.last().map_or(0, |key| key + 1);
        keys.push(if again { next - 1 } else { next });
        last = one.source;
    }
    Ok((shared || saved.serial).then_some(keys))
}

/// The site of a representation, and whether a run chooses its positions.
fn site(saved: &SavedRepresentation) -> Result<(Site, bool), String> {
    if saved.component.contains('.') {
        return Err(format!("`{}` is a module's path: one of pyvene's named components is needed", saved.component));
    }
    let component: Component = saved.component.parse().map_err(|error: Error| error.to_string())?;
    match (saved.unit.as_str(), component.is_head()) {
        ("pos", false) | ("h.pos", true) => Ok((component.at(saved.layer), true)),
        ("h", true) => Ok((component.at(saved.layer), false)),
        (unit, _) => Err(format!(
            "{} has the unit `{unit}`: whole components need `pos`, components of heads `h` or `h.pos`",
            saved.component
        )),
    }
}

/// The file of a representation's tensors, by the name of any release of pyvene; `None` if there is no file.
fn tensor_file(folder: &Path, config: &PyveneConfig, number: usize) -> Option<PathBuf> {
    candidates(config, number).iter().map(|key| folder.join(keys::file(key))).find(|path| path.is_file())
}

fn candidates(config: &PyveneConfig, number: usize) -> Vec<String> {
    let all = &config.representations;
    let names = |saved: &SavedRepresentation| keys::names(saved.layer, &saved.component, &saved.unit, saved.units);
    let own = names(&all[number]);
    let same = all[..number].iter().filter(|other| names(other) == own).count();
    let sorted = config.sorted_keys.as_ref().map(|keys| keys[number].clone());
    sorted.into_iter().chain(own.map(|name| format!("{name}#{same}"))).collect()
}

fn missing(folder: &Path, config: &PyveneConfig, number: usize, kind: Kind) -> String {
    let names: Vec<String> = candidates(config, number).iter().map(|key| keys::file(key)).collect();
    let why = if kind.info().pyvene.saved { "" } else { " (pyvene's save writes none for this kind)" };
    format!("{} has no tensors for this {kind}{why}: {} is needed", folder.display(), names.join(" or "))
}

/// pyvene's interventions with tensors of their own take no constant.
fn takes_constant(kind: Kind) -> bool {
    kind.needs() == Needs::Source && !kind.info().has_tensors()
}

/// The values of a constant source, `[width]`.
fn constant_row(data: &TensorData) -> Result<Vec<f32>, String> {
    let shape = data.shape().to_vec();
    let (width, others) = shape.split_last().ok_or("the constant source is a single number: a row is needed")?;
    if others.iter().product::<usize>() != 1 || *width == 0 {
        return Err(format!("the constant source has shape {shape:?}: one row for all examples is needed"));
    }
    Ok(data.clone().convert::<f32>().iter::<f32>().collect())
}
