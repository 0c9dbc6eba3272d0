//! An alignment: which variables are looked for, in which network, at which site; and the pairs to look with.

use burn::tensor::{Device, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::network::{features, labels};
use super::step::{Batch, Part, first_layer};
use super::{Candidate, Partition};
use crate::error::Error;
use crate::interventions::{AnyIntervention, RotatedSpace};
use crate::models::{Context, FrozenModel, Mlp};
use crate::orthogonal::{self, Map, Rotation};
use crate::tap::{Record, Rows, Site};
use crate::tasks::FeatureTask;

/// Held-out pairs run through the model in batches of this size.
const BATCH: usize = 4096;

/// A hypothesis: at `site` of `model`, the columns of a rotation carry the variables of `task`'s causal model.
pub struct Alignment<'a> {
    /// The frozen network.
    pub model: &'a Mlp,
    /// The causal model, and how the network is shown its inputs.
    pub task: &'a dyn FeatureTask,
    /// Where the variables are looked for.
    pub site: Site,
    /// Which columns are to carry which variable.
    pub partition: Partition,
    /// Where the model's weights are.
    pub device: &'a Device,
}

/// Pairs kept for evaluation: for each kind of swap, its batches.
pub struct HeldOut {
    /// The swap's name and its batches.
    pub batches: Vec<(String, Vec<Batch>)>,
}

impl Alignment<'_> {
    /// A random rotation of the site, trainable: on the manifold without a map, else parametrised.
    #[must_use]
    pub fn start(&self, map: Option<Map>, rng: &mut ChaCha8Rng) -> Candidate {
        let width = self.model.site_shape(self.site.component).map_or(self.model.width(), |shape| shape.width);
        let r = orthogonal::random(width, width, rng, self.device);
        let rotation = Rotation::from_matrix(map, r, &self.device.clone().autodiff());
        let interventions = vec![AnyIntervention::RotatedSpace(RotatedSpace::new(rotation))];
        Candidate { interventions, partition: self.partition.clone() }
    }

    /// Draws one kind of swap by chance, and pairs for it.
    pub fn any(&self, count: usize, rng: &mut ChaCha8Rng) -> Result<Batch, Error> {
        let mut swaps = self.partition.swaps();
        let swap = swaps.swap_remove(rng.random_range(0..swaps.len()));
        self.draw(&swap, count, rng)
    }

    /// Draws pairs of one kind of swap and runs the frozen layers below the site on them.
    pub fn draw(&self, swap: &[usize], count: usize, rng: &mut ChaCha8Rng) -> Result<Batch, Error> {
        let parts = self.partition.parts();
        let names: Vec<&str> = swap.iter().map(|variable| parts[*variable].0.as_str()).collect();
        let pairs = self.task.counterfactual(count, &names, rng)?;
        let rows = Rows::same(count, &[0])?;
        // Base and sources share the prefix, so they run through it as one batch.
        let mut all = pairs.base;
        pairs.sources.iter().for_each(|source| all.extend_from_slice(source));
        let first = first_layer(self.site);
        let entering = self.model.embed(features(all, self.task.n_features(), self.device));
        let entering = self.model.layers(entering, 0..first, &mut Context::default(), &mut ());
        let [_, seq, width] = entering.dims();
        let part = |at: usize| entering.clone().slice([at * count..(at + 1) * count, 0..seq, 0..width]);
        let source = |at: usize| -> Result<Tensor<3>, Error> {
            if first > self.site.layer {
                return Ok(rows.gather(part(at)));
            }
            let mut record = Record::new(self.site, rows.clone());
            self.model.layers(part(at), first..first + 1, &mut Context::default(), &mut record);
            record.take()
        };
        let sources = (1..=swap.len()).map(source).collect::<Result<_, Error>>()?;
        Ok(Batch {
            entry: first,
            hidden: part(0),
            context: Context::default(),
            labels: labels(&pairs.labels, self.device),
            answers: rows.clone(),
            choices: None,
            parts: vec![Part { site: self.site, rows, sources }],
            swapped: vec![swap.to_vec(); count],
            weights: None,
        })
    }

    /// `count` fresh pairs of each kind of swap.
    pub fn held_out(&self, count: usize, rng: &mut ChaCha8Rng) -> Result<HeldOut, Error> {
        let of = |swap: &Vec<usize>, rng: &mut ChaCha8Rng| {
            let sizes = (0..count).step_by(BATCH).map(|start| BATCH.min(count - start));
            let batches = sizes.map(|size| self.draw(swap, size, rng));
            Ok((self.partition.swap_name(swap), batches.collect::<Result<_, Error>>()?))
        };
        Ok(HeldOut { batches: self.partition.swaps().iter().map(|swap| of(swap, rng)).collect::<Result<_, Error>>()? })
    }
}
