//! The tap that replaces rows.

use burn::tensor::{DType, Tensor};

use super::{Rows, Site, Tap};
use crate::error::Error;

/// Replaces the rows of one site by what `edit` makes of them.
///
/// The edit sees f32 whatever the model's dtype is; its result is cast back.
pub struct Patch<'a> {
    site: Site,
    rows: Rows,
    edit: Box<dyn FnMut(Tensor<3>) -> Tensor<3> + 'a>,
    outcome: Option<Result<(), Error>>,
}

impl<'a> Patch<'a> {
    /// `edit` maps `[batch, units, width]` to the same shape; a `head_` site's rows name its heads.
    pub fn new(site: Site, rows: Rows, edit: impl FnMut(Tensor<3>) -> Tensor<3> + 'a) -> Self {
        let site = site.component.site().at(site.layer);
        Self { site, rows, edit: Box::new(edit), outcome: None }
    }

    /// An error when the run never came by, or when the rows did not fit what it brought.
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
