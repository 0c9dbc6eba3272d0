//! `intervene sites`: the sites of a model.

use std::fmt::Write;

use super::{ModelChoice, OpenedModel};
use crate::error::Error;
use crate::models::{Dtype, FrozenModel};
use crate::report::Observer;
use crate::tap::Component;

/// The options of [`sites`].
#[derive(Clone, Debug)]
pub struct SitesOptions {
    /// A checkpoint folder: config.json, and model.safetensors or its shards.
    pub model: String,
}

/// The table of a model's components: name, width of a row, number of heads in a row.
pub fn sites(options: &SitesOptions, observer: &mut dyn Observer) -> Result<String, Error> {
    let choice = ModelChoice { model: options.model.clone(), device: "cpu".to_owned(), dtype: Dtype::Keep };
    let model = OpenedModel::open(&choice, observer)?.model;
    let layers = model.n_layers();
    let mut text = format!(
        "{}, {layers} layers: a site is LAYER.COMPONENT, 0.block_input to {}.block_output\n\n",
        model.model_type(),
        layers - 1
    );
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "{:28} {:>6} {:>6}", "component", "width", "heads");
    for component in Component::ALL {
        let Some(shape) = model.site_shape(component) else { continue };
        let heads = shape.heads.filter(|_| !component.is_head());
        let width = shape.heads.filter(|_| component.is_head()).map_or(shape.width, |heads| shape.width / heads);
        let heads = match (component.is_head(), heads) {
            (true, _) => "one".to_owned(),
            (false, Some(heads)) => heads.to_string(),
            (false, None) => "-".to_owned(),
        };
        let _ = writeln!(text, "{component:28} {width:>6} {heads:>6}");
    }
    Ok(text)
}
