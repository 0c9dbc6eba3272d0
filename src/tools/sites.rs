//! `intervene sites`: the sites of a model.

use super::OpenedModel;
use crate::error::Error;
use crate::models::{Dtype, FrozenModel, SiteShape};
use crate::report::Observer;
use crate::tap::Component;

/// The result of [`sites`].
#[derive(Clone, Debug)]
pub struct ModelSites {
    /// The model's `model_type`.
    pub model_type: String,
    /// The number of layers. A site is `LAYER.COMPONENT`, with layers counted from 0.
    pub layers: usize,
    /// The components that the model has in each layer.
    pub components: Vec<(Component, SiteShape)>,
}

/// Returns the components of a model, a checkpoint folder or a name on the Hub, with their shapes.
pub fn sites(model: &str, observer: &mut dyn Observer) -> Result<ModelSites, Error> {
    let model = OpenedModel::on_the_cpu(model, Dtype::Keep, observer)?.model;
    let shape = |component| Some((component, model.site_shape(component)?));
    let components = Component::ALL.into_iter().filter_map(shape).collect();
    Ok(ModelSites { model_type: model.model_type().to_owned(), layers: model.n_layers(), components })
}
