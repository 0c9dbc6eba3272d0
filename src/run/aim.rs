//! What a recipe looks for in its language model, and where.

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use crate::alignment::{Candidate, Partition, Target};
use crate::data::Position;
use crate::error::Error;
use crate::interventions::{AnyIntervention, BuiltIn, Kind, Temperature};
use crate::models::Pretrained;
use crate::recipe::{Intervention, Recipe};
use crate::tap::Component;

/// An intervention's kind, where it acts, and how many columns carry which variable.
pub struct Aim {
    pub kind: Kind,
    /// `[intervention]`, then every `[[also]]`.
    pub spots: Vec<Spot>,
    pub partition: Partition,
}

/// One of the places that are intervened on at once.
pub struct Spot {
    pub target: Target,
    pub position: Position,
    /// The width of the site's rows.
    pub width: usize,
    pub rank: usize,
}

impl Spot {
    fn of(asked: &Intervention, model: &Pretrained) -> Result<Self, Error> {
        let site = asked.component.parse::<Component>()?.at(asked.layer);
        let target = Target { site, heads: asked.heads.clone() };
        target.check(model)?;
        let width = target.width(model);
        let rank = asked.rank.unwrap_or(width);
        if rank > width {
            return Err(Error::Invalid(format!("rank: {rank} columns are more than the site is wide, {width}")));
        }
        Ok(Self { target, position: asked.position.clone(), width, rank })
    }
}

impl Aim {
    /// Checks that what the recipe asks for is in the model; `variables` are the names of what its pairs swap.
    pub fn of(recipe: &Recipe, model: &Pretrained, variables: &[String]) -> Result<Self, Error> {
        let key = |at: usize| if at == 0 { "intervention".to_owned() } else { format!("also, number {at}") };
        let spot = |(at, asked): (usize, &Intervention)| {
            Spot::of(asked, model).map_err(|error| Error::Invalid(format!("{}: {error}", key(at))))
        };
        let places = recipe.places();
        let spots = places.iter().enumerate().map(spot).collect::<Result<Vec<Spot>, Error>>()?;
        let (asked, kind) = (&recipe.intervention.partition, recipe.intervention.kind.parse::<Kind>()?);
        let names: Vec<&str> = variables.iter().map(String::as_str).collect();
        // What all places have: columns are numbered alike in each.
        let least = spots.iter().map(|spot| spot.rank).min().unwrap_or(0);
        let partition = recipe.partition(asked, least, &names)?;
        if partition.parts().len() > 1 && !kind.info().shares_columns() {
            let problem = format!("intervention.partition: a {kind} has no columns to share: name one variable");
            return Err(Error::Invalid(problem));
        }
        Ok(Self { kind, spots, partition })
    }

    /// Fresh interventions of the recipe's kind; trainable on an autodiff device.
    pub fn start(&self, recipe: &Recipe, rng: &mut ChaCha8Rng, device: &Device) -> Result<Candidate, Error> {
        let map = recipe.orthogonal()?;
        let fresh = |spot: &Spot| {
            let mut start = AnyIntervention::fresh(self.kind, spot.width, Some(spot.rank), map, rng, device)?;
            if let (Some(temperature), Some([from, to])) = (start.temperature_mut(), recipe.training.temperature) {
                *temperature = Temperature::new(from, to);
            }
            Ok(start)
        };
        Ok(self.candidate(self.spots.iter().map(fresh).collect::<Result<_, Error>>()?))
    }

    /// The interventions with hard masks in the place of learned boundaries, and the number of columns that these
    /// exchange, all places together; `None` for a kind without a boundary.
    pub fn hardened(&self, found: &Candidate, device: &Device) -> Option<(Candidate, usize)> {
        let hard = found.interventions.iter().map(|one| one.harden(device)).collect::<Option<Vec<_>>>()?;
        let rank = hard.iter().map(|space| space.rotation.dims()[1]).sum();
        Some((self.candidate(hard.into_iter().map(Into::into).collect()), rank))
    }

    /// The random control of each intervention.
    pub fn random(
        &self,
        recipe: &Recipe,
        found: &Candidate,
        rotations: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Candidate, Error> {
        let map = recipe.orthogonal()?;
        let random = |one: &AnyIntervention| one.random_control(map, rotations, device);
        Ok(self.candidate(found.interventions.iter().map(random).collect::<Result<_, Error>>()?))
    }

    fn candidate(&self, interventions: Vec<AnyIntervention>) -> Candidate {
        Candidate { interventions, partition: self.partition.clone() }
    }
}
