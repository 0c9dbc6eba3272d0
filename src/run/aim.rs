//! What a recipe looks for in its language model, and where.

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use crate::alignment::{Candidate, Partition, Target};
use crate::error::Error;
use crate::interventions::{AnyIntervention, Kind, RotatedSpace, Temperature};
use crate::models::Pretrained;
use crate::orthogonal::{self, Rotation};
use crate::recipe::Recipe;
use crate::tap::Component;

/// An intervention's kind, its site, and how many columns carry which variable.
pub struct Aim {
    pub kind: Kind,
    pub target: Target,
    /// The width of the site's rows.
    pub width: usize,
    pub rank: usize,
    pub partition: Partition,
}

impl Aim {
    /// Checks that what the recipe asks for is in the model; `variables` are the names of what its pairs swap.
    pub fn of(recipe: &Recipe, model: &Pretrained, variables: &[String]) -> Result<Self, Error> {
        let asked = &recipe.intervention;
        let site = asked.component.parse::<Component>()?.at(asked.layer);
        let target = Target { site, heads: asked.heads.clone() };
        target.check(model)?;
        let width = target.width(model);
        let rank = asked.rank.unwrap_or(width);
        if rank > width {
            return Err(Error::Invalid(format!(
                "intervention.rank: {rank} columns are more than the site is wide, {width}"
            )));
        }
        let names: Vec<&str> = variables.iter().map(String::as_str).collect();
        let partition = recipe.partition(&asked.partition, rank, &names)?;
        let kind: Kind = asked.kind.parse()?;
        if partition.parts().len() > 1 && !matches!(kind, Kind::RotatedSpace | Kind::LowRankRotatedSpace) {
            let problem = format!("intervention.partition: a {kind} has no columns to share: name one variable");
            return Err(Error::Invalid(problem));
        }
        Ok(Self { kind, target, width, rank, partition })
    }

    /// A fresh intervention of the recipe's kind; trainable on an autodiff device.
    pub fn start(&self, recipe: &Recipe, rng: &mut ChaCha8Rng, device: &Device) -> Result<Candidate, Error> {
        let map = recipe.orthogonal()?;
        let mut start = AnyIntervention::fresh(self.kind, self.width, Some(self.rank), map, rng, device)?;
        if let (Some(temperature), Some([from, to])) = (start.temperature_mut(), recipe.training.temperature) {
            *temperature = Temperature::new(from, to);
        }
        Ok(Candidate { interventions: vec![start], partition: self.partition.clone() })
    }

    /// A rotated space of some rank in the place of what was found.
    pub fn space(&self, space: RotatedSpace) -> Result<Candidate, Error> {
        let rank = space.rotation.dims()[1];
        let partition = match self.partition.parts() {
            [(name, _)] if rank != self.rank => Partition::new(vec![(name.clone(), 0..rank)], rank)?,
            _ => self.partition.clone(),
        };
        Ok(Candidate { interventions: vec![AnyIntervention::RotatedSpace(space)], partition })
    }

    /// A random rotation that exchanges as many columns as what was found; of what has no rotation, a fresh one of its
    /// kind.
    pub fn random(
        &self,
        recipe: &Recipe,
        hard_rank: Option<usize>,
        rotations: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Candidate, Error> {
        if self.kind == Kind::SigmoidMask {
            return Ok(self.start(recipe, rotations, device)?.valid());
        }
        let r = orthogonal::random(self.width, hard_rank.unwrap_or(self.rank), rotations, device);
        self.space(RotatedSpace::new(Rotation::manifold(r, device)))
    }
}
