//! One run: the sources, and then the base with all edits.

use burn::tensor::Tensor;

use super::edit::{Edit, Edits, From, Takes};
use super::input::Input;
use super::plan::Target;
use super::{Intervenable, Order, Placement};
use crate::error::Error;
use crate::tap::Tap;

/// What came out.
#[derive(Clone, Debug)]
pub struct Run {
    /// `[batch, seq, classes]`; what stands behind an example's own end means nothing.
    pub logits: Tensor<3>,
    /// What each collecting representation that took part read, in their order, `[batch, units, width]`.
    pub collected: Vec<Tensor<3>>,
}

/// Edits that are ready for the base, and those that acted on sources.
pub(super) type Ready<'a> = (Vec<Edit<'a>>, Vec<Edit<'a>>);

impl<'a> Intervenable<'a> {
    /// Runs the base with every representation that has a placement.
    ///
    /// A representation without one, or whose source is `None`, is left out. (With a constant, or where nothing or only
    /// the run's own input is read, it takes part all the same.)
    pub fn run(&self, base: &Input, sources: &[Option<Input>], placements: &[Option<Placement>]) -> Result<Run, Error> {
        let (mut edits, mut done) = self.ready(&Target::of(base), sources, placements)?;
        let mut tap = Edits::new(&mut edits);
        let hidden =
            self.model.layers(base.hidden.clone(), 0..self.model.n_layers(), &mut base.context.clone(), &mut tap);
        tap.finish()?;
        let logits = self.model.unembed(hidden);
        done.extend(edits);
        done.sort_by_key(|edit| edit.number);
        Ok(Run { logits, collected: done.into_iter().filter_map(|edit| edit.collected).collect() })
    }

    /// Checks everything and runs the sources.
    pub(super) fn ready(
        &self,
        base: &Target,
        sources: &[Option<Input>],
        placements: &[Option<Placement>],
    ) -> Result<Ready<'a>, Error> {
        let mut edits = self.plan(base, sources, placements)?;
        let mut done = Vec::new();
        match self.order {
            Order::Parallel => {
                for (number, source) in sources.iter().enumerate() {
                    let Some(source) = source else { continue };
                    let (mut reading, others) = self.split(edits, number);
                    self.run_source(source, &mut [], &mut reading)?;
                    edits = others;
                    edits.extend(reading);
                }
            }
            Order::Serial => {
                let mut acting = Vec::new();
                for (number, source) in sources.iter().enumerate() {
                    let (mut reading, others) = self.split(edits, number);
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

    /// The edits that a source belongs to, and the others.
    fn split(&self, edits: Vec<Edit<'a>>, source: usize) -> (Vec<Edit<'a>>, Vec<Edit<'a>>) {
        edits.into_iter().partition(|edit| self.representations[edit.number].source == Some(source))
    }

    /// Runs a source as far as anything in it is edited or read.
    fn run_source(&self, source: &Input, acting: &mut [Edit<'a>], reading: &mut [Edit<'a>]) -> Result<(), Error> {
        let read = reading.iter().filter_map(|edit| match &edit.from {
            From::Source { site, .. } => Some(site.layer),
            _ => None,
        });
        let Some(last) = read.chain(acting.iter().map(|edit| edit.site.layer)).max() else { return Ok(()) };
        let mut edits = Edits::new(acting);
        {
            // Edited first, read afterwards.
            let mut tap = (&mut edits as &mut dyn Tap, Takes(reading));
            self.model.layers(source.hidden.clone(), 0..last + 1, &mut source.context.clone(), &mut tap);
        }
        edits.finish()
    }
}
