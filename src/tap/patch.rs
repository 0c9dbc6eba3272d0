//! A tap that replaces rows.

use burn::tensor::{DType, Tensor};

use super::{Rows, Site, Tap};
use crate::error::Error;

/// Replaces the rows of one site by the result of `edit`.
///
/// `edit` receives f32, whatever the model's dtype; its result is cast back to the model's dtype.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
/// use intervene::tap::{Component, Patch, Rows};
///
/// let device = Device::flex();
/// let model = Pretrained::load("tests/fixtures/pyvene/gpt2".as_ref(), Dtype::F32, &device)?;
/// let tokens = Tensor::from_data([[5, 9, 2, 33]], &device);
/// let mut context = Context::full(1, 4);
/// // Sets the row of the last token after block 0 to zero.
/// let mut patch = Patch::new(Component::BlockOutput.at(0), Rows::same(1, &[3])?, |row| row * 0.0);
/// let hidden = model.layers(model.embed(tokens, &context), 0..model.n_layers(), &mut context, &mut patch);
/// patch.finish()?;
/// let logits = model.unembed(hidden); // [1, 4, vocabulary]
/// assert_eq!(logits.dims()[..2], [1, 4]);
/// # Ok::<(), intervene::Error>(())
/// ```
pub struct Patch<'a> {
    site: Site,
    rows: Rows,
    edit: Box<dyn FnMut(Tensor<3>) -> Tensor<3> + 'a>,
    outcome: Option<Result<(), Error>>,
}

impl<'a> Patch<'a> {
    /// `edit` maps `[batch, units, width]` to the same shape. For a `head_` site, `rows` selects the heads.
    pub fn new(site: Site, rows: Rows, edit: impl FnMut(Tensor<3>) -> Tensor<3> + 'a) -> Self {
        let site = site.component.site().at(site.layer);
        Self { site, rows, edit: Box::new(edit), outcome: None }
    }

    /// Returns an error if the model never visited the site, or if the rows did not fit its activation.
    pub fn finish(self) -> Result<(), Error> {
        self.outcome.unwrap_or(Err(Error::NeverVisited { site: self.site.to_string(), what: "patch" }))
    }
}

impl Tap for Patch<'_> {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        if site != self.site {
            return activation;
        }
        if let Err(error) = self.rows.check(activation.dims()) {
            self.outcome = Some(Err(error));
            return activation;
        }
        self.outcome = Some(Ok(()));
        let dtype = activation.dtype();
        let rows = self.rows.gather(activation.clone()).cast(DType::F32);
        let edited = (self.edit)(rows).cast(dtype);
        self.rows.scatter(activation, edited)
    }
}
