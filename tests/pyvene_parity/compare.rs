//! Cases without training, run and compared.

use burn::tensor::Tensor;
use intervene::Error;
use intervene::intervenable::{During, Intervenable, Operation, Order, Placement, Representation, RunInput};
use intervene::interventions::Kind;
use intervene::models::{GenerateOptions, Generation};
use intervene::tap::Component;

use super::case::{Case, Family, Mode, tokens};
use super::locations::locations;
use super::operations::Operations;
use super::subspaces::subspace;
use super::suite::Outcome;
use crate::common::device::device;
use crate::common::device::tolerance;

/// A case as arguments of [`Intervenable`].
struct Translated {
    representations: Vec<Representation>,
    placements: Vec<Option<Placement>>,
    sources: Vec<Option<RunInput>>,
    order: Order,
    operations: Operations,
}

pub fn outcome(family: &Family, case: &Case) -> Outcome {
    let attempt = translate(family, case).and_then(|translated| {
        let Translated { representations, placements, sources, order, operations } = translated;
        operations.with(|list: Vec<&dyn Operation>| {
            let intervenable = Intervenable::new(&family.model, representations, list, order).map_err(words)?;
            match &case.tokens {
                Some(name) => generate(family, case, name, &intervenable, &sources, &placements),
                None => run(family, case, &intervenable, &sources, &placements),
            }
        })
    });
    attempt.unwrap_or_else(Outcome::Refused)
}

fn words(error: Error) -> String {
    error.to_string()
}

/// Whether pyvene's own numbers are wrong; the fixture then holds the right ones.
fn pyvene_is_wrong(case: &Case) -> bool {
    case.manual_ref_maxabs_diff.is_some_and(|off| off > 1e-4)
}

fn translate(family: &Family, case: &Case) -> Result<Translated, String> {
    let operations = Operations::of(family, case)?;
    let groups = case.groups();
    let count = groups.iter().max().map_or(0, |last| last + 1);
    let sources = match case.sources.as_deref() {
        None => vec![None; count],
        // pyvene gives a lone source to every group.
        Some([one]) => vec![*one; count],
        Some(several) => several.to_vec(),
    };
    let input = |source: &Option<usize>| -> Result<Option<RunInput>, String> {
        source
            .map(|source| RunInput::tokens(&family.model, &family.tokens(source), &device()).map_err(words))
            .transpose()
    };
    let sources: Vec<Option<RunInput>> = sources.iter().map(input).collect::<Result<_, _>>()?;

    let (mut representations, mut placements) = (Vec::new(), Vec::new());
    for (number, (given, (from, to))) in case.representations.iter().zip(locations(case)?).enumerate() {
        let component = given.component();
        let kind = operations.kind(number);
        let mut representation = Representation::new(component.at(given.layer), operations.number(number));
        representation.source = Some(groups[number]);
        representation.constant = given.source_representation.as_ref().map(|name| family.numbers.floats(name));
        if kind == Kind::Skip && component == Component::AttentionOutput && family.model.model_type() == "gpt2" {
            // On GPT-2 pyvene hooks the dropout behind the attention, whose input is its output.
            representation.input = Some(component);
        }
        if let Some(to) = &to {
            representation.layout = operations.layout(number, family.unit_width(component), to);
        }
        representations.push(representation);
        let subspace = subspace(family, case, number, kind, pyvene_is_wrong(case))?;
        placements.push(to.map(|base| Placement { base, source: from, subspace }));
    }
    let order = if case.mode == Mode::Serial { Order::Serial } else { Order::Parallel };
    Ok(Translated { representations, placements, sources, order, operations })
}

fn run(
    family: &Family,
    case: &Case,
    intervenable: &Intervenable,
    sources: &[Option<RunInput>],
    placements: &[Option<Placement>],
) -> Result<Outcome, String> {
    let base = RunInput::tokens(&family.model, &family.tokens(case.base), &device()).map_err(words)?;
    let run = intervenable.run(&base, sources, placements).map_err(words)?;
    if case.error.is_some() {
        let mut all = run.collected.iter().map(|rows| values(rows.clone())).collect::<Vec<_>>();
        all.push(values(run.logits));
        let finite = all.iter().flatten().all(|value| value.is_finite());
        return Ok(if finite { Outcome::Works } else { Outcome::NotEqual("is not finite".to_owned()) });
    }
    let expected = case.manual_ref_logits.as_ref().filter(|_| pyvene_is_wrong(case)).or(case.logits.as_ref());
    let mut off = distance(run.logits, &family.expected(expected.ok_or("no expected logits")?));
    if run.collected.len() != case.collected.len() {
        return Ok(Outcome::NotEqual(format!("{} collected, not {}", run.collected.len(), case.collected.len())));
    }
    for (rows, name) in run.collected.into_iter().zip(&case.collected) {
        off = off.max(distance(rows, &family.expected(name)));
    }
    Ok(if off < tolerance() { Outcome::Equal } else { Outcome::NotEqual(format!("off by {off:.1e}")) })
}

fn generate(
    family: &Family,
    case: &Case,
    name: &str,
    intervenable: &Intervenable,
    sources: &[Option<RunInput>],
    placements: &[Option<Placement>],
) -> Result<Outcome, String> {
    let prompts = family.tokens(case.base);
    let expected = tokens(&family.numbers.rows(name));
    let new = expected[0].len() - prompts[0].len();
    let options = GenerateOptions { max_new_tokens: new, ..Default::default() };
    let generation = Generation::new(&family.model, &prompts, options, &device()).map_err(words)?;
    let during = if case.kwargs.intervene_on_prompt { During::Prompt } else { During::Generated };
    let mut steps = 0;
    let generated =
        intervenable.generate(generation, during, sources, placements, &mut |_| steps += 1).map_err(words)?;
    assert_eq!(steps, new);
    let got: Vec<Vec<u32>> =
        prompts.into_iter().zip(generated.outputs).map(|(prompt, output)| [prompt, output].concat()).collect();
    Ok(if got == expected { Outcome::Equal } else { Outcome::NotEqual(format!("{got:?}, not {expected:?}")) })
}

impl Family {
    fn expected(&self, name: &str) -> Vec<f32> {
        self.numbers.data(name).iter::<f32>().collect()
    }
}

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The largest difference, over all entries in order (heads and positions, or examples and subspaces, are one dimension here and two
/// in pyvene); infinite where there are more or fewer, or any is not a number.
fn distance(got: Tensor<3>, expected: &[f32]) -> f32 {
    let got = values(got);
    if got.len() != expected.len() {
        return f32::INFINITY;
    }
    let off = got.iter().zip(expected).map(|(got, expected)| (got - expected).abs());
    off.fold(0.0, |most, off| if off.is_nan() { f32::INFINITY } else { most.max(off) })
}
