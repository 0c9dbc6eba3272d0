//! Steps of Adam, as PyTorch makes them.

use burn::module::ParamGroup;

use burn::lr_scheduler::module_lr_scheduler::ModuleLrSchedulerConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Int, Tensor, TensorData, activation};
use intervene::intervenable::{Input, Intervenable, Order, Placement, Representation, Units};
use intervene::interventions::{AnyIntervention, Intervention, Kind, Subspace, Tensors};
use intervene::orthogonal::{Map, Rotation};
use intervene::tap::Component;

use crate::Outcome;
use crate::case::{Case, Family, device, tokens};

/// Relative for losses, absolute for what was learned.
const TOLERANCE: f64 = 1e-3;
/// For the logits of the first step.
const FIRST_LOGITS: f64 = 1e-4;
/// Relative to the largest, for the gradients of the first step.
const FIRST_GRADIENTS: f64 = 1e-3;

/// What the case says in words.
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
    match train(family, case, kind) {
        Ok(()) => Outcome::Equal,
        Err(how) => Outcome::NotEqual(how),
    }
}

fn train(family: &Family, case: &Case, kind: Kind) -> Result<(), String> {
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
    for step in 0..steps {
        if let (Some(temperatures), Some(own)) = (&recipe.temperatures, intervention.temperature_mut()) {
            own.set(temperatures[step]);
        }
        let input = |name: &str| {
            Input::tokens(&family.model, &tokens(&numbers.batch(name, step)), &device()).map_err(|e| e.to_string())
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
        if step == 0 {
            numbers.near("logits0", last.inner().into_data(), FIRST_LOGITS)?;
        }
        let value = f64::from(loss.clone().inner().into_scalar::<f32>());
        let expected = numbers.values("losses")[step];
        let off = (value - expected).abs() / expected.abs();
        if off.is_nan() || off >= TOLERANCE {
            return Err(format!("the loss of step {step} is {value}, not {expected}"));
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &intervention);
        if step == 0 {
            compare_gradients(&numbers, &intervention, &gradients)?;
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
    if compared == 0 { Err("nothing was learned".to_owned()) } else { Ok(()) }
}

/// The intervention at its start, with PyTorch's own choice of an orthogonal map.
fn start(numbers: &Numbers, kind: Kind) -> Result<AnyIntervention, String> {
    let tensors: Tensors = numbers.family.numbers.under(&format!("{}/init/", numbers.id)).into_iter().collect();
    let original = tensors.get("rotate_layer.parametrizations.weight.original");
    let map = original.map(|x| Map::default_for(x.shape()[0], x.shape()[1]));
    AnyIntervention::from_tensors(kind, &tensors, map, &device().autodiff()).map_err(|error| error.to_string())
}

fn cross_entropy(logits: Tensor<2>, labels: Vec<i64>) -> Tensor<1> {
    let count = labels.len();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [count, 1]), &logits.device());
    -activation::log_softmax(logits, 1).gather(1, labels).mean()
}

fn compare_gradients(
    numbers: &Numbers,
    intervention: &AnyIntervention,
    gradients: &GradientsParams,
) -> Result<(), String> {
    let mut found = Vec::new();
    if let Some(Rotation::Parametrised(rotation)) = intervention.rotation() {
        let gradient = gradients.get::<2>(rotation.original.id).map(Tensor::into_data);
        found.push(("rotate_layer.parametrizations.weight.original", gradient));
    }
    let (name, parameter) = match intervention {
        AnyIntervention::BoundlessRotatedSpace(one) => ("intervention_boundaries", Some(one.boundary.id)),
        AnyIntervention::SigmoidMask(one) => ("mask", Some(one.mask.id)),
        AnyIntervention::SigmoidMaskRotatedSpace(one) => ("masks", Some(one.mask.id)),
        _ => ("", None),
    };
    if let Some(id) = parameter {
        found.push((name, gradients.get::<1>(id).map(Tensor::into_data)));
    }
    for (name, gradient) in found {
        let full = format!("grad0/{name}");
        let largest = numbers.values(&full).iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let gradient = gradient.ok_or_else(|| format!("{name} has no gradient"))?;
        numbers.near(&full, gradient, FIRST_GRADIENTS * largest + 1e-7)?;
    }
    Ok(())
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
