//! What a recipe looks for in its language model, and where.

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use crate::alignment::{Candidate, Partition, Target};
use crate::data::Position;
use crate::error::Error;
use crate::interventions::{AnyIntervention, Kind, RotatedSpace, Temperature};
use crate::models::Pretrained;
use crate::orthogonal::{self, Rotation};
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
        if partition.parts().len() > 1 && !matches!(kind, Kind::RotatedSpace | Kind::LowRankRotatedSpace) {
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
        let interventions = self.spots.iter().map(fresh).collect::<Result<_, Error>>()?;
        Ok(Candidate { interventions, partition: self.partition.clone() })
    }

    /// What was found by Boundless DAS with hard masks in the place of the soft ones, and the number of columns that they
    /// exchange, all places together; none of any other kind.
    pub fn hardened(&self, found: &Candidate, device: &Device) -> Option<(Candidate, usize)> {
        let hard = |one: &AnyIntervention| match one {
            AnyIntervention::BoundlessRotatedSpace(boundless) => {
                Some((boundless.harden(device), boundless.hard_rank()))
            }
            _ => None,
        };
        let (spaces, ranks): (Vec<RotatedSpace>, Vec<usize>) =
            found.interventions.iter().map(hard).collect::<Option<Vec<_>>>()?.into_iter().unzip();
        Some((self.spaces(spaces), ranks.iter().sum()))
    }

    /// Random rotations that exchange as many columns as what was found; of what has no rotation to exchange by, fresh
    /// ones of its kind.
    pub fn random(
        &self,
        recipe: &Recipe,
        found: &Candidate,
        rotations: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Candidate, Error> {
        if matches!(self.kind, Kind::SigmoidMask | Kind::Loreft) {
            return Ok(self.start(recipe, rotations, device)?.valid());
        }
        let space = |(spot, one): (&Spot, &AnyIntervention)| {
            let rank = match one {
                AnyIntervention::BoundlessRotatedSpace(boundless) => boundless.hard_rank(),
                _ => spot.rank,
            };
            RotatedSpace::new(Rotation::manifold(orthogonal::random(spot.width, rank, rotations, device), device))
        };
        Ok(self.spaces(self.spots.iter().zip(&found.interventions).map(space).collect()))
    }

    fn spaces(&self, spaces: Vec<RotatedSpace>) -> Candidate {
        let interventions = spaces.into_iter().map(AnyIntervention::RotatedSpace).collect();
        Candidate { interventions, partition: self.partition.clone() }
    }
}
