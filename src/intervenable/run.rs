//! One run: first the sources, then the base with all edits.

use burn::tensor::Tensor;

use super::edit::{EditTap, RowSource, SiteEdit, SourceTap};
use super::input::RunInput;
use super::plan::EditedRun;
use super::{Intervenable, Order, Placement};
use crate::error::Error;
use crate::tap::Tap;

/// The result of [`Intervenable::run`].
#[derive(Clone, Debug)]
pub struct RunOutput {
    /// `[batch, seq, classes]`. The logits of an example's padding are meaningless.
    pub logits: Tensor<3>,
    /// The rows that each collecting representation of the run read, in their order, `[batch, units, width]`.
    pub collected: Vec<Tensor<3>>,
}

/// The edits of the base, ready to act, and the edits that have acted on sources.
pub(super) type ReadyEdits<'a> = (Vec<SiteEdit<'a>>, Vec<SiteEdit<'a>>);

impl<'a> Intervenable<'a> {
    /// Runs the base with every representation that has a placement.
    ///
    /// A representation that reads a source that is `None` takes no part either. Returns an error for counts, units or
    /// subspaces that do not fit, and if the model never visits a site.
    pub fn run(
        &self,
        base: &RunInput,
        sources: &[Option<RunInput>],
        placements: &[Option<Placement>],
    ) -> Result<RunOutput, Error> {
        let (mut edits, mut done) = self.ready(&EditedRun::new(base), sources, placements)?;
        let mut tap = EditTap::new(&mut edits);
        let hidden =
            self.model.layers(base.hidden.clone(), 0..self.model.n_layers(), &mut base.context.clone(), &mut tap);
        tap.finish()?;
        let logits = self.model.unembed(hidden);
        done.extend(edits);
        done.sort_by_key(|edit| edit.number);
        Ok(RunOutput { logits, collected: done.into_iter().filter_map(|edit| edit.collected).collect() })
    }

    /// Checks the placements, plans the edits and runs the sources.
    pub(super) fn ready(
        &self,
        base: &EditedRun,
        sources: &[Option<RunInput>],
        placements: &[Option<Placement>],
    ) -> Result<ReadyEdits<'a>, Error> {
        let mut edits = self.plan(base, sources, placements)?;
        let mut done = Vec::new();
        match self.order {
            Order::Parallel => {
                for (number, source) in sources.iter().enumerate() {
                    let Some(source) = source else { continue };
                    let (mut reading, others) = self.split_by_source(edits, number);
                    self.run_source(source, &mut [], &mut reading)?;
                    edits = others;
                    edits.extend(reading);
                }
            }
            Order::Serial => {
                let mut acting = Vec::new();
                for (number, source) in sources.iter().enumerate() {
                    let (mut reading, others) = self.split_by_source(edits, number);
                    edits = others;
                    if let Some(source) = source {
                        self.run_source(source, &mut acting, &mut reading)?;
                        done.append(&mut acting);
                    }
                    acting.extend(reading);
                }
                edits.extend(acting);
            }
        }
        edits.sort_by_key(|edit| edit.number);
        Ok((edits, done))
    }

    /// The edits that read a source, and the others.
    fn split_by_source(&self, edits: Vec<SiteEdit<'a>>, source: usize) -> (Vec<SiteEdit<'a>>, Vec<SiteEdit<'a>>) {
        edits.into_iter().partition(|edit| self.representations[edit.number].source == Some(source))
    }

    /// Runs a source up to the last layer that is edited or read.
    fn run_source(
        &self,
        source: &RunInput,
        acting: &mut [SiteEdit<'a>],
        reading: &mut [SiteEdit<'a>],
    ) -> Result<(), Error> {
        let read = reading.iter().filter_map(|edit| match &edit.row_source {
            RowSource::Source { site, .. } => Some(site.layer),
            _ => None,
        });
        let Some(last) = read.chain(acting.iter().map(|edit| edit.site.layer)).max() else { return Ok(()) };
        let mut edits = EditTap::new(acting);
        {
            // At one site the edits act before the rows are read.
            let mut tap = (&mut edits as &mut dyn Tap, SourceTap(reading));
            self.model.layers(source.hidden.clone(), 0..last + 1, &mut source.context.clone(), &mut tap);
        }
        edits.finish()
    }
}
