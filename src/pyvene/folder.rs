//! A folder of interventions as pyvene saves it, read and written.

use std::path::{Path, PathBuf};

use burn::tensor::TensorData;

use super::archive::{self, Value};
use super::config::{self, Config, Mode, Representation};
use super::keys;
use crate::error::Error;
use crate::files;
use crate::interventions::{Kind, NamedTensors, Needs};
use crate::tap::{Component, Site};

/// The name of a constant source among an intervention's tensors.
const CONSTANT: &str = "source_representation";

/// What one call of `IntervenableModel.save` saves.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Does source 0 go into source 1, that into the next, and the last into the base?
    pub serial: bool,
    /// The model's class, where pyvene noted it.
    pub model_type: Option<String>,
    /// The interventions, in the order in which those at one site act.
    pub interventions: Vec<Saved>,
}

/// One intervention of a folder.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Where it acts.
    pub site: Site,
    /// Are positions chosen in a run? Where they are not (pyvene's unit `h`), a head is taken at all of them.
    pub positions: bool,
    /// How many units lie end to end as one row, `max_number_of_units`.
    pub units: usize,
    /// What it is.
    pub kind: Kind,
    /// Its tensors, under the names of its `state_dict`.
    pub tensors: NamedTensors,
    /// A row in the source's place.
    pub constant: Option<Vec<f32>>,
    /// The number of the source that it reads, counted from 0 over those that are read.
    pub source: Option<usize>,
    /// Those with the same link share their tensors.
    pub link: Option<String>,
    /// The space cut into parts: a pair is a range of columns, any other list names columns.
    pub partition: Option<Vec<Vec<usize>>>,
    /// How many columns are exchanged where no subspace is named, `interchange_dim`.
    pub columns: Option<usize>,
}

/// Reads a folder.
pub fn read(folder: &Path) -> Result<Folder, Error> {
    let config = Config::read(folder)?;
    let path = folder.join("config.json");
    let groups = groups(&config.representations).map_err(|problem| Error::content(&path, problem))?;
    let mut interventions = Vec::new();
    let mut read_groups: Vec<usize> = Vec::new();
    for (number, representation) in config.representations.iter().enumerate() {
        let at = |error: Error| Error::content(&path, format!("intervention {number}: {error}"));
        let kind = config::kind(&config.intervention_types[number]).map_err(at)?;
        let (site, positions) = site(representation).map_err(|problem| at(Error::Invalid(problem)))?;
        let mut tensors = match bin(folder, &config, number) {
            Some(bin) => archive::read_tensors(&bin)?,
            None if kind.info().has_tensors() || representation.constant_source => {
                let problem = missing(folder, &config, number, kind);
                return Err(at(Error::Invalid(problem)));
            }
            None => NamedTensors::new(),
        };
        let constant = tensors.remove(CONSTANT).filter(|_| takes_constant(kind));
        let constant = constant.map(|data| row(&data)).transpose().map_err(|problem| at(Error::Invalid(problem)))?;
        let source = (kind.needs() != Needs::Nothing && constant.is_none()).then(|| {
            let group = groups[number];
            read_groups.iter().position(|known| *known == group).unwrap_or_else(|| {
                read_groups.push(group);
                read_groups.len() - 1
            })
        });
        interventions.push(Saved {
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
    Ok(Folder { serial: config.mode == Mode::Serial, model_type: config.model_type, interventions })
}

/// Writes a folder that pyvene's `IntervenableModel.load` takes; the folder has to be there.
///
/// What pyvene cannot load is refused with the reason: noise and principal components have no place in its files, and
/// each source's interventions have to follow each other.
pub fn write(folder: &Path, saved: &Folder) -> Result<(), Error> {
    let mut config = Config {
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
                "intervention {number} is a {}: pyvene's load has no place for its tensors",
                one.kind
            )));
        }
        // pyvene loads a file of every one of its constant interventions but the zero, also where there is no constant.
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
            files::write(&folder.join(keys::file(&key)), &archive::archive(&Value::State(tensors))?)?;
        }
        config.representations.push(Representation {
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

/// The group of each representation, which is its source in pyvene: by its key, or each its own.
fn groups(representations: &[Representation]) -> Result<Vec<usize>, String> {
    let keys: Vec<i64> = representations.iter().filter_map(|of| of.group_key).collect();
    if keys.is_empty() {
        return Ok((0..representations.len()).collect());
    }
    if keys.len() != representations.len() || keys.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err("group_key has to be given for all representations, in ascending order".to_owned());
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

/// pyvene's keys of groups; none where each intervention has a source of its own, or none.
fn group_keys(saved: &Folder) -> Result<Option<Vec<i64>>, Error> {
    let mut last: Option<usize> = None;
    let (mut keys, mut shared, mut seen) = (Vec::new(), false, Vec::new());
    for (number, one) in saved.interventions.iter().enumerate() {
        let again = one.source.is_some() && one.source == last;
        if let Some(source) = one.source.filter(|source| !again && seen.contains(source)) {
            return Err(Error::Invalid(format!(
                "intervention {number} reads source {source} again: pyvene needs those of one source next to each other"
            )));
        }
        if saved.serial && one.source.zip(last).is_some_and(|(now, before)| now < before) {
            let problem = "in serial order pyvene needs the interventions in the order of their sources";
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

/// Where a representation is, and whether its positions are chosen.
fn site(of: &Representation) -> Result<(Site, bool), String> {
    if of.component.contains('.') {
        return Err(format!("`{}` is a module's path: only pyvene's named components can be read", of.component));
    }
    let component: Component = of.component.parse().map_err(|error: Error| error.to_string())?;
    match (of.unit.as_str(), component.is_head()) {
        ("pos", false) | ("h.pos", true) => Ok((component.at(of.layer), true)),
        ("h", true) => Ok((component.at(of.layer), false)),
        (unit, _) => Err(format!(
            "the unit `{unit}` of {}: `pos` goes with whole components, `h` and `h.pos` with those of heads",
            of.component
        )),
    }
}

/// The file of a representation's tensors, under whichever of pyvene's names it has.
fn bin(folder: &Path, config: &Config, number: usize) -> Option<PathBuf> {
    candidates(config, number).iter().map(|key| folder.join(keys::file(key))).find(|path| path.is_file())
}

fn candidates(config: &Config, number: usize) -> Vec<String> {
    let all = &config.representations;
    let names = |of: &Representation| keys::names(of.layer, &of.component, &of.unit, of.units);
    let own = names(&all[number]);
    let same = all[..number].iter().filter(|of| names(of) == own).count();
    let sorted = config.sorted_keys.as_ref().map(|keys| keys[number].clone());
    sorted.into_iter().chain(own.map(|name| format!("{name}#{same}"))).collect()
}

fn missing(folder: &Path, config: &Config, number: usize, kind: Kind) -> String {
    let names: Vec<String> = candidates(config, number).iter().map(|key| keys::file(key)).collect();
    let why = if kind.info().pyvene.saved { "" } else { " (pyvene's save does not write any for this kind)" };
    format!("{} holds no tensors of this {kind}{why}: {} is needed", folder.display(), names.join(" or "))
}

/// pyvene's interventions with tensors of their own take no constant.
fn takes_constant(kind: Kind) -> bool {
    kind.needs() == Needs::Source && !kind.info().has_tensors()
}

/// A constant source as one row.
fn row(data: &TensorData) -> Result<Vec<f32>, String> {
    let shape = data.shape().to_vec();
    let (width, others) = shape.split_last().ok_or("the constant source is a number, not a row")?;
    if others.iter().product::<usize>() != 1 || *width == 0 {
        return Err(format!("the constant source has shape {shape:?}: one row for all examples is needed"));
    }
    Ok(data.clone().convert::<f32>().iter::<f32>().collect())
}
