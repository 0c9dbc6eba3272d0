//! The tap that keeps rows.

use burn::tensor::Tensor;

use super::{Rows, Site, Tap};
use crate::error::Error;

/// Keeps the rows of one site and changes nothing.
pub struct Record {
    site: Site,
    rows: Rows,
    taken: Option<Result<Tensor<3>, Error>>,
}

impl Record {
    /// A `head_` site's rows name its heads.
    #[must_use]
    pub fn new(site: Site, rows: Rows) -> Self {
        Self { site: site.component.site().at(site.layer), rows, taken: None }
    }

    /// The rows, `[batch, units, width]`, in the model's dtype; an error when the run never came by.
    pub fn take(self) -> Result<Tensor<3>, Error> {
        self.taken.unwrap_or(Err(Error::NeverVisited { site: self.site.to_string(), what: "record" }))
    }
}

impl Tap for Record {
    fn visit(&mut self, site: Site, activation: Tensor<3>) -> Tensor<3> {
        if site == self.site {
            self.taken = Some(self.rows.check(activation.dims()).map(|()| self.rows.gather(activation.clone())));
        }
        activation
    }
}
