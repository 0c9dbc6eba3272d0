//! `intervene export --format mib`: writes rotations as a submission to the causal variable track of MIB.

use burn::tensor::Device;

use super::export_options::{ExportOptions, Exported};
use super::spec::{InterventionSpec, Spec};
use super::{OpenedModel, make_folder};
use crate::error::Error;
use crate::files;
use crate::interventions::BuiltIn;
use crate::models;
use crate::pyvene::mib::{self, ResidualSubspace};
use crate::saved::ModelIdentity;
use crate::tap::{Component, Site};

/// Writes every intervention of the specification, each at the same token position, into one submission.
pub(super) fn submission(
    options: &ExportOptions,
    spec: &Spec,
    opened: Option<&OpenedModel>,
) -> Result<Exported, Error> {
    let needed = |value: &Option<String>, option: &str| {
        value.clone().ok_or_else(|| Error::Invalid(format!("a submission to MIB needs --{option}")))
    };
    let (task, variable) = (needed(&options.task, "task")?, needed(&options.variable, "variable")?);
    let token = needed(&options.token, "token")?;
    let identity = match (opened, spec.made_for.first()) {
        (Some(opened), _) => ModelIdentity::new(&opened.model),
        (None, Some((_, _, config))) => config.model.clone(),
        (None, None) => {
            return Err(Error::Invalid("the model of the submission is unknown: give it with --model".to_owned()));
        }
    };
    let architecture = models::architecture(&identity.kind).unwrap_or(&identity.kind);
    let name = mib::folder_name(&task, architecture, &variable)?;
    let mut subspaces = Vec::new();
    for (number, one) in spec.interventions.iter().enumerate() {
        subspaces.push(residual_subspace(spec, number, one, identity.layers, &variable, &token)?);
    }
    files::create_new_dir(&options.out)?;
    let folder = options.out.join(name);
    make_folder(&folder)?;
    subspaces.iter().try_for_each(|subspace| mib::write(&folder, subspace))?;
    Ok(Exported::Mib { folder, subspaces: subspaces.len() })
}

fn residual_subspace(
    spec: &Spec,
    number: usize,
    one: &InterventionSpec,
    layers: usize,
    variable: &str,
    token: &str,
) -> Result<ResidualSubspace, Error> {
    let at = |key: &'static str| move |error: Error| spec.error_at(number, key, &error);
    let wrong = |key: &'static str, problem: String| Err(spec.error_at(number, key, &Error::Invalid(problem)));
    let site: Site = one.site.parse().map_err(at("site"))?;
    let layer = match site.component {
        Component::BlockInput => site.layer,
        Component::BlockOutput if site.layer + 1 < layers => site.layer + 1,
        Component::BlockOutput => {
            let problem =
                format!("{site} is the output of the last layer: MIB's residual stream is the input of a layer");
            return wrong("site", problem);
        }
        other => return wrong("site", format!("MIB's residual stream is block_input or block_output, not {other}")),
    };
    let Some(weights) = &one.weights else {
        return wrong("kind", format!("a {} has no rotation to submit", one.kind));
    };
    let made = spec.intervention(one.kind, weights, &Device::flex()).map_err(at("weights"))?;
    let kind = made.kind();
    let Some((rotation, rank)) = made.rotation().zip(made.hard_rank()) else {
        return wrong("kind", format!("a {kind} has no hard subspace to submit"));
    };
    let exchanged = kind.info().learns_rank().then(|| (0..rank).collect());
    // If several variables share the rotation, only the columns of this one are exchanged.
    let made_for = spec.made_for.iter().find(|(known, ..)| *known == number);
    let columns =
        made_for.and_then(|(_, _, config)| config.partition.get(variable).filter(|_| config.partition.len() > 1));
    let (original, base) = rotation.to_pytorch();
    Ok(ResidualSubspace {
        layer,
        token: token.to_owned(),
        rotation: rotation.matrix().into_data(),
        original: original.into_data(),
        base: base.into_data(),
        columns: columns.map(|[from, to]| (*from..*to).collect()).or(exchanged),
    })
}
