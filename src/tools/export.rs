//! `intervene export`: writes interventions in the format of another library.

use std::fmt::Write;

use burn::tensor::{Device, TensorData};

use super::export_options::{ExportOptions, Format};
use super::prepared::read_tensors;
use super::spec::{Constant, InterventionSpec, Spec};
use super::submission::submission;
use super::{ModelChoice, Opened};
use crate::error::Error;
use crate::files;
use crate::intervenable::{Layout, Order};
use crate::interventions::{AnyIntervention, InterchangeDim, Needs, SubspacePartition};
use crate::models::Dtype;
use crate::pyvene::{self, PyveneFolder, SavedIntervention};
use crate::tap::{Component, Site};
use crate::tensors::Tensors;

/// Writes interventions into a folder that pyvene's `IntervenableModel.load` reads, or as a submission to MIB. Returns a
/// text that shows how to run them: positions, heads and subspaces are arguments of a run in pyvene, not part of the folder.
pub fn export(options: &ExportOptions) -> Result<String, Error> {
    let spec = Spec::open(&options.from)?;
    let opened = options.model.as_ref().map(|model| {
        let choice = ModelChoice { model: model.clone(), device: "cpu".to_owned(), dtype: Dtype::F32 };
        Opened::open(&choice)
    });
    let opened = opened.transpose()?;
    if options.format == Format::Mib {
        return submission(options, &spec, opened.as_ref());
    }
    let mut interventions = Vec::new();
    for (number, one) in spec.interventions.iter().enumerate() {
        interventions.push(saved(&spec, number, one, opened.as_ref())?);
    }
    let folder = PyveneFolder { serial: spec.order == Order::Serial, model_type: None, interventions };
    files::create_new_dir(&options.out)?;
    pyvene::write(&options.out, &folder)?;
    Ok(summary(&folder, &spec, options))
}

fn saved(
    spec: &Spec,
    number: usize,
    one: &InterventionSpec,
    opened: Option<&Opened>,
) -> Result<SavedIntervention, Error> {
    let at = |key: &'static str| move |error: Error| spec.error_at(number, key, &error);
    let site: Site = one.site.parse().map_err(at("site"))?;
    let shape = opened.map(|opened| opened.check_site(site)).transpose().map_err(at("site"))?;
    let unit = shape
        .map(|shape| shape.heads.filter(|_| site.component.is_head()).map_or(shape.width, |heads| shape.width / heads));
    let made = match &one.weights {
        Some(path) => Some(
            read_tensors(&spec.path(path))
                .and_then(|tensors| AnyIntervention::from_tensors(one.kind, &tensors, None, &Device::flex()))
                .map_err(at("weights"))?,
        ),
        None if one.rank.is_some() || one.level.is_some() => {
            let problem = "an intervention that is drawn at random has no tensors to write: set `weights`";
            return Err(at("kind")(Error::Invalid(problem.to_owned())));
        }
        None => None,
    };
    if let (Some(made), Some((_, path, config))) = (&made, spec.made_for.iter().find(|(known, ..)| *known == number)) {
        config.check_tensors(path, made)?;
    }
    let constant = one.constant.as_ref().map(|row| constant(spec, row)).transpose().map_err(at("constant"))?;
    let own = made.as_ref().and_then(AnyIntervention::width).or(constant.as_ref().map(Vec::len));
    let units = match (one.units, own, unit) {
        (Layout::Separate, ..) => 1,
        (Layout::Concatenated, Some(own), Some(unit)) if own % unit == 0 => own / unit,
        _ => {
            let problem = "the number of units in a row is unknown: give a --model whose site fits the tensors";
            return Err(at("units")(Error::Invalid(problem.to_owned())));
        }
    };
    let kind = made.as_ref().map_or(one.kind, AnyIntervention::kind);
    let columns = first_columns(one).or(own).or(unit);
    if columns.is_none() && !is_residual(site.component) {
        let problem = format!("the width of {site} is unknown: give the model with --model");
        return Err(at("site")(Error::Invalid(problem)));
    }
    let reads = kind.needs() == Needs::Source && constant.is_none();
    Ok(SavedIntervention {
        site,
        positions: true,
        units,
        kind,
        tensors: made.map(|made| made.to_pyvene()).unwrap_or_default(),
        constant,
        source: one.source.or(reads.then_some(0)).filter(|_| kind.needs() != Needs::Nothing),
        link: one.link.clone(),
        partition: one.partition.clone(),
        columns,
    })
}

/// The number of columns of a subspace that consists of the first columns: pyvene's folder can store only this number.
fn first_columns(one: &InterventionSpec) -> Option<usize> {
    let members = one.subspace.as_ref()?;
    let columns: Vec<usize> = match &one.partition {
        None => members.clone(),
        Some(parts) => SubspacePartition::pyvene(parts)
            .parts()
            .iter()
            .enumerate()
            .filter(|(number, _)| members.contains(number))
            .flat_map(|(_, columns)| columns.clone())
            .collect(),
    };
    let named = one.kind.info().pyvene.interchange_dim != InterchangeDim::Width;
    (named && columns.iter().copied().eq(0..columns.len())).then_some(columns.len())
}

/// Whether the rows have the residual stream's width, which pyvene assumes if a folder has no width.
const fn is_residual(component: Component) -> bool {
    matches!(
        component,
        Component::BlockInput
            | Component::BlockOutput
            | Component::MlpInput
            | Component::MlpOutput
            | Component::AttentionInput
            | Component::AttentionOutput
    )
}

fn constant(spec: &Spec, values: &Constant) -> Result<Vec<f32>, Error> {
    match values {
        Constant::Values(values) => Ok(values.clone()),
        Constant::File { file, tensor } => {
            let path = spec.path(file);
            let row = Tensors::read(&path)?.get::<1>(tensor, [0], &Device::flex());
            let row: TensorData = row.map_err(|error| Error::content(&path, error.to_string()))?.into_data();
            Ok(row.iter::<f32>().collect())
        }
    }
}

fn summary(folder: &PyveneFolder, spec: &Spec, options: &ExportOptions) -> String {
    let mut text = String::new();
    for (number, one) in folder.interventions.iter().enumerate() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{number}  {}  {}", one.site, one.kind.pyvene());
    }
    let mut named: Vec<String> = Vec::new();
    for one in &folder.interventions {
        let name = one.source.map_or_else(|| "None".to_owned(), |source| format!("source_{source}"));
        // Interventions of one source follow each other, and the source is written once.
        if one.source.is_none() || named.last() != Some(&name) {
            named.push(name);
        }
    }
    let _ = write!(
        text,
        "intervenable = pyvene.IntervenableModel.load({:?}, model)\n\
         intervenable(base, [{}], unit_locations={{..}})",
        options.out.display().to_string(),
        named.join(", ")
    );
    let has_run_arguments =
        spec.interventions.iter().any(|one| one.heads.is_some() || one.subspace.is_some() || one.positions.is_some());
    if has_run_arguments {
        text +=
            "\nThe folder has no positions, heads and subspaces: pass them to pyvene as unit_locations and subspaces.";
    }
    text
}
