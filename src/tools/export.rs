//! `intervene export`: writes interventions in the format of another library.

use burn::tensor::{Device, TensorData};

use super::OpenedModel;
use super::export_options::{ExportOptions, Exported, Format};
use super::spec::{Constant, InterventionSpec, Spec};
use super::submission::submission;
use crate::error::Error;
use crate::files;
use crate::intervenable::{Layout, Order};
use crate::interventions::{AnyIntervention, InterchangeDim, Needs, SubspacePartition};
use crate::models::Dtype;
use crate::pyvene::{self, PyveneFolder, SavedIntervention};
use crate::report::Observer;
use crate::tap::{Component, Site};
use crate::tensors::Tensors;

/// Writes interventions into a folder that pyvene's `IntervenableModel.load` reads, or as a submission to MIB.
pub fn export(options: &ExportOptions, observer: &mut dyn Observer) -> Result<Exported, Error> {
    let spec = Spec::open(&options.from, observer)?;
    let opened =
        options.model.as_ref().map(|model| OpenedModel::on_the_cpu(model, Dtype::F32, observer)).transpose()?;
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
    let run_arguments =
        spec.interventions.iter().any(|one| one.heads.is_some() || one.subspace.is_some() || one.positions.is_some());
    let exported = |one: SavedIntervention| (one.site, one.kind.pyvene(), one.source);
    Ok(Exported::Pyvene { interventions: folder.interventions.into_iter().map(exported).collect(), run_arguments })
}

fn saved(
    spec: &Spec,
    number: usize,
    one: &InterventionSpec,
    opened: Option<&OpenedModel>,
) -> Result<SavedIntervention, Error> {
    let at = |key: &'static str| move |error: Error| spec.error_at(number, key, &error);
    let site: Site = one.site.parse().map_err(at("site"))?;
    let shape = opened.map(|opened| opened.check_site(site)).transpose().map_err(at("site"))?;
    let unit = shape
        .map(|shape| shape.heads.filter(|_| site.component.is_head()).map_or(shape.width, |heads| shape.width / heads));
    let made = match &one.weights {
        Some(path) => Some(spec.intervention(one.kind, path, &Device::flex()).map_err(at("weights"))?),
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
