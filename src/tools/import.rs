//! `intervene import`: converts a folder of pyvene into a specification with its tensors.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::folder_spec::{SEVERAL, TENSORS};
use super::{OpenedModel, make_folder};
use crate::alignment::Partition;
use crate::error::Error;
use crate::interventions::{AnyIntervention, InterchangeDim, Kind};
use crate::models::{Dtype, SiteShape};
use crate::pyvene::{self, SavedIntervention};
use crate::report::Observer;
use crate::saved::{ModelIdentity, RunConfig};
use crate::tap::Site;
use crate::tensors::Tensors;
use crate::{files, hub};

/// Reads `from`, a folder that pyvene's `IntervenableModel.save` wrote or `ORG/NAME[@REVISION]` on the Hub, and creates the
/// folder `out` for `apply`, `generate --with` and `export`. Returns the interventions.
///
/// `interventions.toml` is the specification; `0/intervention.safetensors` and so on have the tensors. With a model,
/// `0/config.json` describes model and site, and `evaluate --recipe` accepts `0` as an intervention. Pickles are never
/// executed; a pickle with code, and a class that is not pyvene's, are errors.
pub fn import(
    from: &Path,
    out: &Path,
    model: Option<&str>,
    observer: &mut dyn Observer,
) -> Result<Vec<Imported>, Error> {
    let folder_of_pyvene = hub::folder(from, observer)?;
    let folder = pyvene::read(&folder_of_pyvene)?;
    let opened = model.map(|model| OpenedModel::on_the_cpu(model, Dtype::F32, observer)).transpose()?;
    let mut parts = Vec::new();
    for (number, saved) in folder.interventions.iter().enumerate() {
        let part = ImportedPart::new(saved, opened.as_ref());
        parts.push(part.map_err(|error| Error::content(&folder_of_pyvene, format!("intervention {number}: {error}")))?);
    }
    files::create_new_dir(out)?;
    for (number, part) in parts.iter().enumerate() {
        part.write(&out.join(number.to_string()), opened.as_ref())?;
    }
    let text = specification(folder.serial, &parts, from);
    files::write(&out.join(SEVERAL), text.as_bytes())?;
    Ok(parts.iter().map(ImportedPart::result).collect())
}

/// An imported intervention.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its site.
    pub site: Site,
    /// Its kind.
    pub kind: Kind,
    /// The width and the rank of its rotation, if it has one.
    pub rotation: Option<[usize; 2]>,
    /// Whether its source is a constant.
    pub constant: bool,
    /// The number of the source that it reads.
    pub source: Option<usize>,
    /// Whether it shares its weights with others. In pyvene each of them also acts on the output of the one before it.
    pub linked: bool,
}

struct ImportedPart<'a> {
    saved: &'a SavedIntervention,
    made: AnyIntervention,
    /// Whether several units are concatenated into one row.
    concatenated: bool,
    /// The columns that are exchanged; `None`: the whole space.
    exchanged: Option<Exchanged>,
}

enum Exchanged {
    First(usize),
    One(usize),
}

impl<'a> ImportedPart<'a> {
    fn new(saved: &'a SavedIntervention, opened: Option<&OpenedModel>) -> Result<Self, Error> {
        let made = AnyIntervention::from_tensors(saved.kind, &saved.tensors, None, &Device::flex())?;
        let own = made.width().or(saved.constant.as_ref().map(Vec::len));
        let shape = opened.map(|opened| opened.check_site(saved.site)).transpose()?;
        let unit = shape.map(|shape| unit_width(saved, shape));
        let concatenated = saved.units > 1 && made.width().is_some() && unit.is_none_or(|unit| own != Some(unit));
        let needed = unit.map(|unit| if concatenated { unit * saved.units } else { unit });
        if let Some((own, needed)) = own.zip(needed).filter(|(own, needed)| own != needed) {
            return Err(Error::Invalid(format!(
                "its tensors are for rows of width {own}, but {} of the model has width {needed}",
                saved.site
            )));
        }
        let exchanged = exchanged(saved, own.or(needed));
        Ok(Self { saved, made, concatenated, exchanged })
    }

    fn result(&self) -> Imported {
        Imported {
            site: self.saved.site,
            kind: self.made.kind(),
            rotation: self.made.rotation().map(|rotation| rotation.dims()),
            constant: self.saved.constant.is_some(),
            source: self.saved.source,
            linked: self.saved.link.is_some(),
        }
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::from(self.made.to_tensors());
        if let Some(row) = &self.saved.constant {
            let row = TensorData::new(row.clone(), [row.len()]);
            tensors.insert(CONSTANT, Tensor::<1>::from_data(row, &Device::flex()));
        }
        tensors
    }

    fn has_tensors(&self) -> bool {
        self.saved.constant.is_some() || !self.made.to_tensors().is_empty()
    }

    fn write(&self, folder: &Path, opened: Option<&OpenedModel>) -> Result<(), Error> {
        if !self.has_tensors() {
            return Ok(());
        }
        make_folder(folder)?;
        self.tensors().write(&folder.join(TENSORS))?;
        let (Some(opened), Some(width)) = (opened, self.made.width()) else { return Ok(()) };
        let (identity, location) = (ModelIdentity::new(&opened.model), self.saved.site.into());
        let config = RunConfig {
            library: format!("intervene {}, from pyvene's folder", env!("CARGO_PKG_VERSION")),
            partition: BTreeMap::new(),
            ..RunConfig::new(identity, &location, width, &Partition::single(), &self.made)
        };
        files::write_json(&folder.join("config.json"), &config)
    }
}

/// pyvene's name of a constant source among an intervention's tensors.
const CONSTANT: &str = "source_representation";

/// The width of one unit: a row or a head.
fn unit_width(saved: &SavedIntervention, shape: SiteShape) -> usize {
    shape.heads.filter(|_| saved.site.component.is_head()).map_or(shape.width, |heads| shape.width / heads)
}

/// The columns that pyvene's `interchange_dim` exchanges; `None` if it does not exclude any column of rows of `width`.
fn exchanged(saved: &SavedIntervention, width: Option<usize>) -> Option<Exchanged> {
    let columns = saved.columns?;
    let less = width.is_none_or(|width| columns < width);
    match saved.kind.info().pyvene.interchange_dim {
        InterchangeDim::Columns => less.then_some(Exchanged::First(columns)),
        InterchangeDim::Latents => (width != Some(columns)).then_some(Exchanged::First(columns)),
        InterchangeDim::Latent => (width != Some(columns)).then_some(Exchanged::One(columns)),
        InterchangeDim::Ignored | InterchangeDim::Width => None,
    }
}

fn specification(serial: bool, parts: &[ImportedPart<'_>], from: &Path) -> String {
    let name = from.file_name().map_or_else(String::new, |name| format!(" {:?}", name.to_string_lossy()));
    let mut text = format!(
        "# From pyvene's folder{name}, by `intervene import`. Such a folder does not contain positions and heads: set\n\
         # `positions`, `source_positions` and `heads` here, or positions in the inputs of `apply` or with `generate --at`.\n"
    );
    if serial {
        text += "order = \"serial\"\n";
    }
    for (number, ImportedPart { saved, made, concatenated, exchanged }) in parts.iter().enumerate() {
        let file = format!("{number}/{TENSORS}");
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, "\n[[interventions]]\nsite = \"{}\"\nkind = \"{}\"\n", saved.site, made.kind());
        if !made.to_tensors().is_empty() {
            let _ = writeln!(text, "weights = \"{file}\"");
        }
        if saved.constant.is_some() {
            let _ = writeln!(text, "constant = {{ file = \"{file}\", tensor = \"{CONSTANT}\" }}");
        }
        if let Some(source) = saved.source {
            let _ = writeln!(text, "source = {source}");
        }
        if let Some(link) = &saved.link {
            let _ = writeln!(text, "link = {link:?}");
        }
        if *concatenated {
            text += "units = \"concatenated\"\n";
        }
        if !saved.positions {
            text += "positions = \"all\"\n";
        }
        let mut partition = saved.partition.clone().unwrap_or_default();
        match exchanged {
            // The first columns become an additional part, which is the default subspace.
            Some(Exchanged::First(columns)) => {
                partition.push(vec![0, *columns]);
                let _ = writeln!(text, "subspace = [{}]", partition.len() - 1);
            }
            Some(Exchanged::One(column)) => {
                let _ = writeln!(text, "subspace = [{column}]");
            }
            None => {}
        }
        if !partition.is_empty() {
            let _ = writeln!(text, "partition = {partition:?}");
        }
    }
    text
}
