//! A tap that stores rows.

use burn::tensor::Tensor;

use super::{Rows, Site, Tap};
use crate::error::Error;

/// Stores the rows of one site and changes nothing.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use intervene::models::{Context, Dtype, FrozenModel, LanguageModel, Pretrained};
/// use intervene::tap::{Component, Record, Rows};
///
/// let device = Device::flex();
/// let model = Pretrained::load("tests/fixtures/pyvene/gpt2".as_ref(), Dtype::F32, &device)?;
/// let mut context = Context::full(1, 3);
/// let hidden = model.embed(Tensor::from_data([[5, 9, 2]], &device), &context);
/// let mut record = Record::new(Component::MlpOutput.at(1), Rows::same(1, &[0, 2])?);
/// model.layers(hidden, 0..2, &mut context, &mut record);
/// assert_eq!(record.take()?.dims(), [1, 2, model.dimensions().d_model]);
/// # Ok::<(), intervene::Error>(())
/// ```
pub struct Record {
    site: Site,
    rows: Rows,
    recorded: Option<Result<Tensor<3>, Error>>,
}

impl Record {
    /// For a `head_` site, `rows` selects the heads.
    #[must_use]
    pub fn new(site: Site, rows: Rows) -> Self {
        Self { site: site.component.site().at(site.layer), rows, recorded: None }
    }

    /// Returns the rows, `[batch, units, width]`, in the model's dtype; an error if the model never visited the site.
    pub fn take(self) -> Result<Tensor<3>, Error> {
        self.recorded.unwrap_or(Err(Error::NeverVisited { site: self.site.to_string(), what: "record" }))
    }
}

impl Tap for Record {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        if site == self.site {
            self.recorded = Some(self.rows.check(activation.dims()).map(|()| self.rows.gather(activation.clone())));
        }
        activation
    }
}
