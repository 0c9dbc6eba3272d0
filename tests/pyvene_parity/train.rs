//! Steps of Adam, as PyTorch makes them.

use burn::module::{ParamGroup, ParamId};

use burn::lr_scheduler::module_lr_scheduler::ModuleLrSchedulerConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Int, Tensor, TensorData, activation};
use intervene::intervenable::{Intervenable, Order, Placement, Representation, RunInput, Units};
use intervene::interventions::{AnyIntervention, Intervention, Kind, NamedTensors, Subspace};
use intervene::orthogonal::{Map, Rotation};
use intervene::tap::Component;

use super::case::{Case, Family, tokens};
use super::suite::Outcome;
use crate::common::device::device;
use crate::common::device::tolerance;

/// Relative for losses, absolute for what was learned.
const TOLERANCE: f64 = 1e-3;
/// Relative to the largest, for the gradients of the first step.
const FIRST_GRADIENTS: f64 = 1e-3;
/// Entries of the first gradient below this are so near Adam's epsilon of 1e-8 that rounding decides the step.
const UNDECIDED: f64 = 2e-7;

/// The settings that a case states in words.
struct Recipe {
    subspace: Option<Subspace>,
    /// By step: in force during it.
    temperatures: Option<Vec<f64>>,
    boundaries: bool,
}

impl Recipe {
    fn read(case: &Case, steps: usize) -> Option<Self> {
        let subspace = match &case.subspaces {
            serde_json::Value::Null => None,
            words => {
                let count = words.as_str()?.strip_prefix("first ")?.strip_suffix(" dims")?.parse().ok()?;
                Some(Subspace::Same((0..count).collect()))
            }
        };
        let temperatures = match case.temperatures.as_deref() {
            None => None,
            Some(words) => {
                let (range, then) = words.strip_prefix("linspace(")?.split_once(')')?;
                let numbers: Vec<f64> = range.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
                let [start, end, count] = numbers[..] else { return None };
                let at = |i: usize| start + (end - start) * i as f64 / (count - 1.0);
                // The last but one word is pyvene's tutorials' way: the first temperature serves two steps, and the
                // last is set when all is over.
                then.contains("t[i] set after step i").then_some(())?;
                Some((0..=steps).map(|step| at(step.saturating_sub(1))).collect())
            }
        };
        let boundaries = match case.loss.as_deref()? {
            "CE(last token)" => false,
            "CE(last token)+sum(boundaries)" => true,
            _ => return None,
        };
        Some(Self { subspace, temperatures, boundaries })
    }
}

pub fn outcome(family: &Family, case: &Case, kind: &str) -> Outcome {
    let class = [format!("{kind}SpaceIntervention"), format!("{kind}Intervention")];
    let Some(kind) = class.iter().find_map(|class| class.parse::<Kind>().ok()) else {
        return Outcome::Refused(format!("the intervention `{kind}` is not known"));
    };
    let first = match train(family, case, kind, false) {
        Ok(_) => return Outcome::Equal,
        Err(how) => how,
    };
    match train(family, case, kind, true) {
        Ok(entries) if entries > 0 => {
            Outcome::Settled(format!("{entries} entries of the first gradient are settled (else {first})"))
        }
        _ => Outcome::NotEqual(first),
    }
}

/// How many entries of the first gradient were settled, or what is not equal.
fn train(family: &Family, case: &Case, kind: Kind, settle: bool) -> Result<usize, String> {
    let missing = |what: &'static str| move || format!("the case has no {what}");
    let steps = case.steps.ok_or_else(missing("steps"))?;
    let recipe =
        Recipe::read(case, steps).ok_or_else(missing("subspaces, temperatures or loss that are understood"))?;
    let lr = case.lr.ok_or_else(missing("lr"))?;
    let component: Component = case.component.as_deref().ok_or_else(missing("component"))?.parse().unwrap();
    let site = component.at(case.layer.ok_or_else(missing("layer"))?);
    let mut placement = Placement::at(Units::positions(case.pos.ok_or_else(missing("pos"))?));
    placement.subspace.clone_from(&recipe.subspace);

    let numbers = Numbers { family, id: &case.id };
    let mut intervention = start(&numbers, kind)?;
    let boundary_lr = case.boundary_lr.unwrap_or(lr);
    let mut rates = ModuleLrSchedulerConfig::new(lr.into())
        .with_group(ParamGroup::from_predicate("boundary"), boundary_lr)
        .init()
        .map_err(|error| error.to_string())?;
    let mut optimizer = ModuleOptimizer::from(AdamConfig::new().with_epsilon(1e-8).build());
    let mut settled = 0;
    for step in 0..steps {
        if let (Some(temperatures), Some(own)) = (&recipe.temperatures, intervention.temperature_mut()) {
            own.set(temperatures[step]);
        }
        let input = |name: &str| {
            RunInput::tokens(&family.model, &tokens(&numbers.batch(name, step)), &device()).map_err(|e| e.to_string())
        };
        let (base, sources) = (input("base_ids")?, [Some(input("source_ids")?)]);
        let representation = Representation::new(site, 0).source(0);
        let run = Intervenable::new(&family.model, vec![representation], vec![&intervention], Order::Parallel)
            .and_then(|intervenable| intervenable.run(&base, &sources, &[Some(placement.clone())]))
            .map_err(|error| error.to_string())?;
        let [batch, seq, classes] = run.logits.dims();
        let last = run.logits.narrow(1, seq - 1, 1).reshape([batch, classes]);
        let labels = numbers.batch("labels", step).concat();
        let mut loss = cross_entropy(last.clone(), labels);
        if recipe.boundaries {
            loss = loss + intervention.penalty().ok_or("the intervention has no boundaries")?;
        }
        if step == 0 && numbers.has("logits0") {
            numbers.near("logits0", last.inner().into_data(), tolerance().into())?;
        }
        let value = f64::from(loss.clone().inner().into_scalar::<f32>());
        let expected = numbers.values("losses")[step];
        let off = (value - expected).abs() / expected.abs();
        if off.is_nan() || off >= TOLERANCE {
            return Err(format!("the loss of step {step} is {value}, not {expected}"));
        }
        let mut gradients = GradientsParams::from_grads(loss.backward(), &intervention);
        if step == 0 {
            settled = first_gradients(&numbers, &intervention, &mut gradients, settle)?;
        }
        intervention = optimizer.step(rates.step(), intervention, gradients);
    }
    if let (Some(temperatures), Some(own)) = (&recipe.temperatures, intervention.temperature_mut()) {
        own.set(temperatures[steps]);
    }
    let mut compared = 0;
    for (name, learned) in intervention.to_tensors() {
        numbers.near(&format!("final/{name}"), learned, TOLERANCE)?;
        compared += 1;
    }
    if compared == 0 { Err("nothing was learned".to_owned()) } else { Ok(settled) }
}

/// The intervention at its start, with PyTorch's own choice of an orthogonal map.
fn start(numbers: &Numbers, kind: Kind) -> Result<AnyIntervention, String> {
    let tensors: NamedTensors = numbers.family.numbers.under(&format!("{}/init/", numbers.id)).into_iter().collect();
    let original = tensors.get("rotate_layer.parametrizations.weight.original");
    let map = original.map(|x| Map::default_for(x.shape()[0], x.shape()[1]));
    AnyIntervention::from_tensors(kind, &tensors, map, &device().autodiff()).map_err(|error| error.to_string())
}

fn cross_entropy(logits: Tensor<2>, labels: Vec<i64>) -> Tensor<1> {
    let count = labels.len();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [count, 1]), &logits.device());
    -activation::log_softmax(logits, 1).gather(1, labels).mean()
}

/// Compares the gradients of the first step with PyTorch's, and, with `settle`, replaces the entries that rounding decides.
///
/// Adam's first step is `lr · g / (|g| + 1e-8)`. So where an entry is as small as that epsilon, the rounding error of the
/// gradient, some 5e-8 in PyTorch's as in ours, moves the parameter by a good part of `lr`, and what is learned cannot
/// agree to a tenth of it. (On GPT-NeoX's Boundless case PyTorch has 3.8e-8 for an entry that is 7.6e-9 in f64, where we
/// have 7.5e-9; its final R is 1.5e-3 from what f64 makes of the same steps.) To settle is to go on with the recorded
/// gradient in those entries, which were compared before and are equal to within rounding. Nothing else is replaced.
fn first_gradients(
    numbers: &Numbers,
    intervention: &AnyIntervention,
    gradients: &mut GradientsParams,
    settle: bool,
) -> Result<usize, String> {
    let mut settled = 0;
    if let Some(Rotation::Parametrised(rotation)) = intervention.rotation() {
        let name = "rotate_layer.parametrizations.weight.original";
        settled += first_gradient::<2>(numbers, name, rotation.original.id, gradients, settle)?;
    }
    let (name, id) = match intervention {
        AnyIntervention::BoundlessRotatedSpace(one) => ("intervention_boundaries", one.boundary.id),
        AnyIntervention::SigmoidMask(one) => ("mask", one.mask.id),
        AnyIntervention::SigmoidMaskRotatedSpace(one) => ("masks", one.mask.id),
        _ => return Ok(settled),
    };
    Ok(settled + first_gradient::<1>(numbers, name, id, gradients, settle)?)
}

fn first_gradient<const D: usize>(
    numbers: &Numbers,
    name: &str,
    id: ParamId,
    gradients: &mut GradientsParams,
    settle: bool,
) -> Result<usize, String> {
    let full = format!("grad0/{name}");
    if !numbers.has(&full) {
        return Ok(0);
    }
    let gradient = gradients.get::<D>(id).ok_or_else(|| format!("{name} has no gradient"))?;
    let recorded = numbers.values(&full);
    let largest = recorded.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let mut own: Vec<f32> = gradient.to_data().iter::<f32>().collect();
    numbers.near(&full, gradient.to_data(), FIRST_GRADIENTS * largest + 1e-7)?;
    if !settle {
        return Ok(0);
    }
    let mut settled = 0;
    for (own, recorded) in own.iter_mut().zip(&recorded) {
        if *recorded != 0.0 && recorded.abs() < UNDECIDED {
            *own = *recorded as f32;
            settled += 1;
        }
    }
    gradients.register(id, Tensor::<D>::from_data(TensorData::new(own, gradient.dims()), &gradient.device()));
    Ok(settled)
}

/// The numbers of one training.
struct Numbers<'a> {
    family: &'a Family,
    id: &'a str,
}

impl Numbers<'_> {
    fn values(&self, name: &str) -> Vec<f64> {
        self.family.numbers.data(&format!("{}/{name}", self.id)).iter::<f64>().collect()
    }

    fn has(&self, name: &str) -> bool {
        self.family.numbers.has(&format!("{}/{name}", self.id))
    }

    /// One step's part of whole numbers, `[steps, batch, ..]`, as rows.
    fn batch(&self, name: &str, step: usize) -> Vec<Vec<i64>> {
        let data = self.family.numbers.data(&format!("{}/{name}", self.id));
        let shape = data.shape().to_vec();
        let row = shape[2..].iter().product::<usize>();
        let all: Vec<i64> = data.iter::<i64>().skip(step * shape[1] * row).take(shape[1] * row).collect();
        all.chunks_exact(row).map(<[i64]>::to_vec).collect()
    }

    fn near(&self, name: &str, got: TensorData, tolerance: f64) -> Result<(), String> {
        let expected = self.values(name);
        let got: Vec<f64> = got.iter::<f64>().collect();
        if got.len() != expected.len() {
            return Err(format!("{name} has {} numbers, not {}", got.len(), expected.len()));
        }
        let off = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs());
        match off.fold(0.0, |most: f64, off| if off.is_nan() { f64::INFINITY } else { most.max(off) }) {
            off if off < tolerance => Ok(()),
            off => Err(format!("{name} is off by {off:.1e}")),
        }
    }
}
