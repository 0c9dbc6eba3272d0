//! What a recipe searches a language model with: the model, its pairs as tokens, and where the intervention acts.

use std::collections::BTreeSet;

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use super::splits::{Given, Kept, Splits};
use crate::alignment::{Cache, Candidate, Level, Partition, Place, States, Storage, Target};
use crate::data::{Encoder, Pair, Tokenizer};
use crate::error::Error;
use crate::hub;
use crate::interventions::{AnyIntervention, Kind, RotatedSpace};
use crate::models::{Dtype, Pretrained};
use crate::recipe::{Answers, Recipe};
use crate::report::Progress;

/// A language model with the pairs of a recipe.
pub struct Prompts {
    pub model: Pretrained,
    pub pairs: Splits<Kept>,
    /// The names of the variables that pairs swap, by number.
    pub variables: Vec<String>,
    pub kind: Kind,
    pub target: Target,
    pub rank: usize,
    pub partition: Partition,
    /// The tokens that answers are asked among; none for all of them.
    pub choices: Option<Vec<u32>>,
    /// What a pair that keeps its answer weighs in the loss; 0 where there is nothing to weigh.
    pub isolation: f64,
    pub tokenizer: Tokenizer,
}

impl Prompts {
    /// Reads everything that the recipe names, and checks that it fits together.
    pub fn open(recipe: &Recipe, device: &Device, quiet: bool) -> Result<Self, Error> {
        let source = recipe.model.source.as_deref().unwrap_or_default();
        let folder = hub::resolve(source)?;
        let tokenizer = Tokenizer::load(&folder)?;
        let encoder = Encoder::new(&tokenizer, recipe.intervention.position.clone());
        let Given { pairs, variables } = Given::new(recipe, &encoder)?;
        let model = Pretrained::load(&folder, recipe.model.dtype.parse::<Dtype>()?, device)?;
        let asked = &recipe.intervention;
        let target = Target {
            site: asked.component.parse::<crate::tap::Component>()?.at(asked.layer),
            heads: asked.heads.clone(),
        };
        target.check(&model)?;
        let width = target.width(&model);
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
        let pairs = pairs.map(|_, pairs| {
            partition.check(&pairs)?;
            Kept::of(recipe, &model, pairs, device)
        })?;
        let choices = match &recipe.training.answers {
            Answers::All => None,
            Answers::Task => {
                let all: BTreeSet<u32> =
                    pairs.iter().flat_map(|(_, kept)| kept.pairs.iter().flat_map(answers)).collect();
                Some(all.into_iter().collect())
            }
            Answers::Listed(listed) => {
                Some(listed.iter().map(|answer| tokenizer.single(answer)).collect::<Result<Vec<u32>, Error>>()?)
            }
        };
        if !quiet {
            pairs.explain(&tokenizer);
        }
        Ok(Self {
            kind,
            model,
            pairs,
            variables,
            target,
            rank,
            partition,
            choices,
            isolation: recipe.training.isolation,
            tokenizer,
        })
    }

    /// Runs the frozen model on the pairs, once.
    pub fn cache(
        &self,
        what: &str,
        pairs: &[Pair],
        storage: &Storage,
        device: &Device,
        quiet: bool,
    ) -> Result<Cache<'_>, Error> {
        let cell = vec![Place::new(self.target.clone(), pairs)];
        let states = self.states(what, std::slice::from_ref(&cell), storage, device, quiet)?;
        self.asking(states.cache(&cell))
    }

    /// A cache that asks what the recipe asks: among its answers, with its weights.
    pub fn asking<'a>(&self, cache: Cache<'a>) -> Result<Cache<'a>, Error> {
        let cache = if self.isolation > 0.0 { cache.weighing_isolation(self.isolation) } else { cache };
        match &self.choices {
            None => Ok(cache),
            Some(choices) => cache.among(choices),
        }
    }

    /// Runs the frozen model on the pairs of all cells of a sweep, once.
    pub fn states(
        &self,
        what: &str,
        cells: &[Vec<Place>],
        storage: &Storage,
        device: &Device,
        quiet: bool,
    ) -> Result<States<'_>, Error> {
        let mut progress: Option<Progress> = None;
        let states = States::fill(&self.model, cells, storage, device, &mut |done, all| {
            progress.get_or_insert_with(|| Progress::new(what, all, quiet)).advance(done);
        })?;
        if let Some(progress) = progress {
            progress.finish();
        }
        if !quiet {
            let megabytes = states.bytes() as f64 / 1e6;
            match states.level() {
                Level::Recompute => eprintln!("{what}: the cache is computed anew for each batch"),
                level => eprintln!("{what}: {megabytes:.0} MB ({level})"),
            }
        }
        Ok(states)
    }

    /// A fresh intervention of the recipe's kind; trainable on an autodiff device.
    pub fn start(&self, recipe: &Recipe, rng: &mut ChaCha8Rng, device: &Device) -> Result<Candidate, Error> {
        let width = self.target.width(&self.model);
        let map = recipe.orthogonal()?;
        let mut start = AnyIntervention::fresh(self.kind, width, Some(self.rank), map, rng, device)?;
        if let (Some(temperature), Some([from, to])) = (start.temperature_mut(), recipe.training.temperature) {
            *temperature = crate::interventions::Temperature::new(from, to);
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
}

/// Every answer that a pair knows of.
fn answers(pair: &Pair) -> impl Iterator<Item = u32> {
    pair.labels.iter().copied().chain(pair.base_answer).chain(pair.source_answers.iter().copied().flatten())
}
