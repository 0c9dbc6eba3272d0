//! What a recipe searches for, and where.

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use super::random::{RandomStream, rng};
use crate::alignment::{Candidate, Location, Partition};
use crate::error::Error;
use crate::interventions::{AnyIntervention, BuiltIn, Kind, Temperature};
use crate::models::FrozenModel;
use crate::orthogonal::Map;
use crate::recipe::{InterventionSection, Recipe};

/// The kind of intervention, the locations that it acts at, and the columns that are to carry each variable.
#[derive(Clone)]
pub struct Hypothesis {
    pub kind: Kind,
    /// `[intervention]`, then every `[[also]]`.
    pub locations: Vec<Location>,
    /// The width of the rows at each location, and the rank of the intervention there.
    pub sizes: Vec<[usize; 2]>,
    pub partition: Partition,
    map: Option<Map>,
    temperature: Option<[f64; 2]>,
}

impl Hypothesis {
    pub fn new(recipe: &Recipe, model: &dyn FrozenModel, variables: &[String]) -> Result<Self, Error> {
        let key = |at: usize| if at == 0 { "intervention".to_owned() } else { format!("also, number {at}") };
        let places = recipe.places();
        let mut locations = Vec::new();
        let mut sizes = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let (location, size) =
                locate(recipe, place, model).map_err(|error| Error::Invalid(format!("{}: {error}", key(at))))?;
            locations.push(location);
            sizes.push(size);
        }
        let (parts, kind) = (&recipe.intervention.partition, recipe.intervention.kind);
        let names: Vec<&str> = variables.iter().map(String::as_str).collect();
        // Columns are numbered alike at every location, so a partition has those that all of them have.
        let least = sizes.iter().map(|[_, rank]| *rank).min().unwrap_or(0);
        let partition = recipe.partition(parts, least, &names)?;
        if partition.parts().len() > 1 && !kind.info().shares_columns() {
            let problem = format!("intervention.partition: a {kind} has no columns to share: name one variable");
            return Err(Error::Invalid(problem));
        }
        let (map, temperature) = (recipe.intervention.orthogonal.map(), recipe.training.temperature);
        Ok(Self { kind, locations, sizes, partition, map, temperature })
    }

    /// Fresh interventions; trainable on an autodiff device.
    pub fn start(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<Candidate, Error> {
        let fresh = |[width, rank]: &[usize; 2]| {
            let mut start = AnyIntervention::fresh(self.kind, *width, Some(*rank), self.map, rng, device)?;
            if let (Some(temperature), Some([from, to])) = (start.temperature_mut(), self.temperature) {
                *temperature = Temperature::new(from, to);
            }
            Ok(start)
        };
        Ok(self.candidate(self.sizes.iter().map(fresh).collect::<Result<_, Error>>()?))
    }

    /// The candidate with hard masks, and their number of columns over all locations; `None` without a boundary.
    pub fn hardened(&self, candidate: &Candidate, device: &Device) -> Option<(Candidate, usize)> {
        let hard = candidate.interventions.iter().map(|one| one.harden(device)).collect::<Option<Vec<_>>>()?;
        let rank = hard.iter().map(|space| space.rotation.dims()[1]).sum();
        Some((self.candidate(hard.into_iter().map(Into::into).collect()), rank))
    }

    /// `count` candidates that consist of the random controls of a candidate's interventions.
    pub fn random(
        &self,
        candidate: &Candidate,
        count: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Vec<Candidate>, Error> {
        let mut rotations = rng(seed, RandomStream::RandomRotations);
        let mut control = |one: &AnyIntervention| one.random_control(self.map, &mut rotations, device);
        let mut draw = || candidate.interventions.iter().map(&mut control).collect::<Result<_, Error>>();
        (0..count).map(|_| Ok(self.candidate(draw()?))).collect()
    }

    fn candidate(&self, interventions: Vec<AnyIntervention>) -> Candidate {
        Candidate { interventions, partition: self.partition.clone() }
    }
}

fn locate(
    recipe: &Recipe,
    place: &InterventionSection,
    model: &dyn FrozenModel,
) -> Result<(Location, [usize; 2]), Error> {
    // Only a language model reads tokens.
    let position = recipe.model.source.as_ref().map(|_| place.position.clone());
    let site = place.component.at(place.layer);
    let location = Location { site, heads: place.heads.clone(), position };
    location.check(model)?;
    let width = location.width(model);
    let rank = place.rank.unwrap_or(width);
    if rank > width {
        return Err(Error::Invalid(format!("rank: {rank} columns are more than the site is wide, {width}")));
    }
    Ok((location, [width, rank]))
}
