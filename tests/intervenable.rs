//! Several interventions in one run, beyond the cases of pyvene's fixtures.

use burn::tensor::{Device, Tensor};
use intervene::Error;
use intervene::intervenable::{
    During, Intervenable, Operation, Order, Placement, Representation, RunInput, Sourceless, TrainableOperation, Units,
};
use intervene::interventions::{Addition, AnyIntervention, Collect, Kind, Subspace, Vanilla};
use intervene::models::{FrozenModel, GenerateOptions, Generation, LanguageModel, Mlp, Pretrained};
use intervene::tap::{Component, Patch, Record, Rows, Site};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::families::{families, load, name};
use crate::common::tensors::distance;
use crate::common::whole_run::plain;

const BASE: [u32; 5] = [5, 9, 2, 33, 17];

const SOURCES: [[u32; 5]; 2] = [[7, 1, 60, 8, 3], [11, 40, 6, 21, 2]];

const VANILLA: AnyIntervention = AnyIntervention::Vanilla(Vanilla {});

const COLLECT: AnyIntervention = AnyIntervention::Collect(Collect {});

const ADDITION: AnyIntervention = AnyIntervention::Addition(Addition {});

fn input(model: &Pretrained, tokens: &[u32]) -> RunInput {
    RunInput::tokens(model, &[tokens.to_vec()], &Device::flex()).unwrap()
}

fn ids(tokens: &[u32]) -> Tensor<2, burn::tensor::Int> {
    let tokens: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
    let length = tokens.len();
    Tensor::from_data(burn::tensor::TensorData::new(tokens, [1, length]), &Device::flex())
}

/// The rows of a site in a run that is already edited by `tap`.
fn rows(model: &Pretrained, tokens: &[u32], site: Site, at: usize, edits: &mut [Patch]) -> Tensor<3> {
    let mut tap = (edits, Record::new(site, Rows::same(1, &[at]).unwrap()));
    let mut visit = |site: Site, x: Tensor<3>| {
        let x = intervene::tap::Tap::visit(&mut *tap.0, site, x);
        intervene::tap::Tap::visit(&mut tap.1, site, x)
    };
    plain(model, ids(tokens), &mut visit);
    tap.1.take().unwrap()
}

fn put<'a>(site: Site, at: usize, rows: Tensor<3>) -> Patch<'a> {
    Patch::new(site, Rows::same(1, &[at]).unwrap(), move |_| rows.clone())
}

#[test]
fn a_serial_order_with_groups_equals_consecutive_runs() {
    for folder in families() {
        let model = load(&folder);
        let last = model.n_layers() - 1;
        let (block, mlp) = (Component::BlockOutput.at(0), Component::MlpOutput.at(0));
        // At a place that the first source has changed, directly and later in the run.
        for (end, at) in [(Component::AttentionOutput.at(last), 4), (block, 3)] {
            let first_rows = [(mlp, 1), (block, 2)].map(|(site, at)| rows(&model, &SOURCES[0], site, at, &mut []));
            let mut edits = [put(mlp, 0, first_rows[0].clone()), put(block, 3, first_rows[1].clone())];
            let second_rows = rows(&model, &SOURCES[1], end, at, &mut edits);
            let expected = plain(&model, ids(&BASE), &mut put(end, at, second_rows));

            let representations = vec![
                Representation::new(block, 0).source(0),
                Representation::new(mlp, 0).source(0),
                Representation::new(end, 0).source(1),
            ];
            let intervenable = Intervenable::new(&model, representations, vec![&VANILLA], Order::Serial).unwrap();
            let sources = SOURCES.map(|source| Some(input(&model, &source)));
            let between =
                |from: usize, to: usize| Some(Placement::between(Units::positions(from), Units::positions(to)));
            let placements = [between(2, 3), between(1, 0), between(at, at)];
            let run = intervenable.run(&input(&model, &BASE), &sources, &placements).unwrap();
            assert_eq!(distance(&run.logits, &expected), 0.0, "{}", name(&folder));
            let clean = plain(&model, ids(&BASE), &mut ());
            assert!(distance(&run.logits, &clean) > 1e-3);

            // Without the first source, the second runs unchanged.
            let untouched = rows(&model, &SOURCES[1], end, at, &mut []);
            let expected = plain(&model, ids(&BASE), &mut put(end, at, untouched));
            let sources = [None, sources[1].clone()];
            let run = intervenable.run(&input(&model, &BASE), &sources, &placements).unwrap();
            assert_eq!(distance(&run.logits, &expected), 0.0, "{}", name(&folder));
        }
    }
}

#[test]
fn a_batch_of_different_lengths_equals_its_examples_alone() {
    for folder in families() {
        let model = load(&folder);
        let representations = vec![
            Representation::new(Component::BlockOutput.at(0), 0).source(0),
            Representation::new(Component::MlpOutput.at(1), 1),
        ];
        let intervenable =
            Intervenable::new(&model, representations, vec![&VANILLA, &COLLECT], Order::Parallel).unwrap();
        let last = Units::FromRight(0.into());
        let placements = [Some(Placement::at(last.clone())), Some(Placement::at(last))];
        let both = RunInput::tokens(&model, &[BASE.to_vec(), BASE[..3].to_vec()], &Device::flex()).unwrap();
        let from = RunInput::tokens(&model, &[SOURCES[0][..2].to_vec(), SOURCES[1].to_vec()], &Device::flex()).unwrap();
        let run = intervenable.run(&both, &[Some(from)], &placements).unwrap();
        for (example, (base, source)) in
            [(&BASE[..], &SOURCES[0][..2]), (&BASE[..3], &SOURCES[1][..])].into_iter().enumerate()
        {
            let alone = intervenable.run(&input(&model, base), &[Some(input(&model, source))], &placements).unwrap();
            let logits = run.logits.clone().narrow(0, example, 1).narrow(1, 0, base.len());
            assert!(distance(&logits, &alone.logits) < 1e-5, "{}", name(&folder));
            let collected = run.collected[0].clone().narrow(0, example, 1);
            assert!(distance(&collected, &alone.collected[0]) < 1e-5, "{}", name(&folder));
        }
    }
}

/// A full rotation without a mask exchanges whole rows, whether units are rows of their own or one long row.
#[test]
fn several_units_are_rows_of_their_own_or_one_long_row() {
    let model = load(&families()[0]);
    let (site, device) = (Component::HeadValueOutput.at(1), Device::flex());
    let shape = model.site_shape(site.component).unwrap();
    let head_dim = shape.width / shape.heads.unwrap();
    let units = Units::head_positions([1, 0], [3, 1]);
    let run = |operation: &dyn Operation, long: bool, subspace: Option<Subspace>| {
        let mut there = Representation::new(site, 0).source(0);
        if long {
            there = there.concatenated();
        }
        let intervenable = Intervenable::new(&model, vec![there], vec![operation], Order::Parallel).unwrap();
        let placement = Placement { subspace, ..Placement::at(units.clone()) };
        let sources = [Some(input(&model, &SOURCES[0]))];
        intervenable.run(&input(&model, &BASE), &sources, &[Some(placement)]).unwrap().logits
    };
    let rotation = |width: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        AnyIntervention::fresh(Kind::RotatedSpace, width, None, None, &mut rng, &device).unwrap()
    };
    let expected = run(&VANILLA, false, None);
    assert!(distance(&run(&rotation(head_dim), false, None), &expected) < 1e-4);
    assert!(distance(&run(&rotation(2 * head_dim), true, None), &expected) < 1e-4);
    let AnyIntervention::RotatedSpace(own) = rotation(head_dim) else { unreachable!("a rotated space") };
    assert!(distance(&run(&TrainableOperation(&own), false, None), &expected) < 1e-4);
    // The first half of a long row is head 1, which comes first.
    let half = run(&VANILLA, true, Some(Subspace::Same((0..head_dim).collect())));
    let alone = Placement::at(Units::head_positions(1, [3, 1]));
    let there = Representation::new(site, 0).source(0);
    let intervenable = Intervenable::new(&model, vec![there], vec![&VANILLA], Order::Parallel).unwrap();
    let sources = [Some(input(&model, &SOURCES[0]))];
    let alone = intervenable.run(&input(&model, &BASE), &sources, &[Some(alone)]).unwrap().logits;
    assert_eq!(distance(&half, &alone), 0.0);
    assert!(distance(&half, &expected) > 1e-4);
}

/// Incremental decoding equals whole runs over the text so far.
#[test]
fn a_generation_is_edited_on_its_prompt_and_on_its_tokens() {
    for folder in families() {
        let model = load(&folder);
        let device = Device::flex();
        let width = model.dimensions().d_model;
        let constant = Tensor::<1, burn::tensor::Int>::arange(0..width as i64, &device).float().sin() * 2.0;
        let site = Component::MlpOutput.at(0);
        let add = Representation::new(site, 0).constant(constant);
        let intervenable = Intervenable::new(&model, vec![add], vec![&ADDITION], Order::Parallel).unwrap();
        let generated = |during: During| {
            let options = GenerateOptions { max_new_tokens: 6, ..Default::default() };
            let generation = Generation::new(&model, &[BASE.to_vec()], options, &device).unwrap();
            let placements = [Some(Placement::at(Units::positions([1, 4])))];
            let mut seen = Vec::new();
            let generated = intervenable
                .generate(generation, during, &[], &placements, &mut |step| seen.push(step[0].unwrap()))
                .unwrap();
            assert_eq!(generated.outputs, [seen]);
            generated.outputs[0].clone()
        };
        let whole = |on_prompt: bool, on_tokens: bool| {
            let mut text = BASE.to_vec();
            for _ in 0..6 {
                let mut at = if on_prompt { vec![1, 4] } else { vec![] };
                at.extend(if on_tokens { BASE.len()..text.len() } else { 0..0 });
                let placement = (!at.is_empty()).then(|| Placement::at(Units::positions(at)));
                let logits = intervenable.run(&input(&model, &text), &[], &[placement]).unwrap().logits;
                let last: Vec<f32> = logits.narrow(1, text.len() - 1, 1).into_data().iter::<f32>().collect();
                let best = (0..last.len()).reduce(|best, i| if last[i] > last[best] { i } else { best }).unwrap();
                text.push(best as u32);
            }
            text[BASE.len()..].to_vec()
        };
        assert_eq!(generated(During::Prompt), whole(true, false), "{}", name(&folder));
        assert_eq!(generated(During::Generated), whole(false, true), "{}", name(&folder));
        assert_eq!(generated(During::Both), whole(true, true), "{}", name(&folder));
    }
}

#[test]
fn networks_without_tokens_are_supported() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/equality_mlp.safetensors");
    let (device, model) = (Device::flex(), Mlp::load(&path, &Device::flex()).unwrap());
    let states = |seed: i64| Tensor::<1, burn::tensor::Int>::arange(seed..seed + 48, &device).float().sin();
    let input = |seed: i64| RunInput::states(states(seed).reshape([3, 1, 16]));
    let last = Component::BlockOutput.at(model.n_layers() - 1);
    let intervenable =
        Intervenable::new(&model, vec![Representation::new(last, 0).source(0)], vec![&VANILLA], Order::Parallel)
            .unwrap();
    let placements = [Some(Placement::at(Units::positions(0)))];
    let run = |base: i64, source: Option<i64>| {
        intervenable.run(&input(base), &[source.map(input)], &placements).unwrap().logits
    };
    // With all of the last layer exchanged, the base has the logits of the source.
    assert_eq!(distance(&run(0, Some(100)), &run(100, None)), 0.0);
    assert!(distance(&run(0, Some(100)), &run(0, None)) > 1e-3);
}

#[test]
fn edits_at_one_site_act_in_their_order() {
    let model = load(&families()[0]);
    let site = Component::BlockOutput.at(0);
    let double = Sourceless(|base: Tensor<3>| base * 2.0);
    let more = Sourceless(|base: Tensor<3>| base + 1.0);
    let there = |number: usize| Representation::new(site, number);
    let operations: Vec<&dyn Operation> = vec![&double, &more, &COLLECT];
    let intervenable = |order: [usize; 4]| {
        Intervenable::new(&model, order.map(there).to_vec(), operations.clone(), Order::Parallel).unwrap()
    };
    let placements = vec![Some(Placement::at(Units::positions(2))); 4];
    let run = |order| intervenable(order).run(&input(&model, &BASE), &[], &placements).unwrap().collected;
    let [before, after] = &run([2, 0, 1, 2])[..] else { panic!("two collect") };
    assert!(distance(&(before.clone() * 2.0 + 1.0), after) < 1e-5);
    let [before, after] = &run([2, 1, 0, 2])[..] else { panic!("two collect") };
    assert!(distance(&((before.clone() + 1.0) * 2.0), after) < 1e-5);
}

#[test]
fn malformed_input_is_refused_before_anything_runs() {
    let model = load(&families()[0]);
    let device = Device::flex();
    let (block, head) = (Component::BlockOutput.at(0), Component::HeadQueryOutput.at(0));
    let refused = |of: Result<(), Error>, words: &str| {
        let message = of.expect_err(words).to_string();
        assert!(message.contains(words), "{message}");
    };
    let built = |there: Representation| Intervenable::new(&model, vec![there], vec![&VANILLA], Order::Parallel);
    refused(built(Representation::new(Component::BlockOutput.at(9), 0)).map(|_| ()), "layers");
    refused(built(Representation::new(Component::CellOutput.at(0), 0)).map(|_| ()), "there are: block_input");
    refused(built(Representation::new(block, 1)).map(|_| ()), "names operation 1");

    let base = input(&model, &BASE);
    let source = Some(input(&model, &SOURCES[0]));
    let run = |there: Representation, operation: &dyn Operation, sources: &[Option<RunInput>], placement: Placement| {
        Intervenable::new(&model, vec![there], vec![operation], Order::Parallel)
            .and_then(|intervenable| intervenable.run(&base, sources, &[Some(placement)]))
            .map(|_| ())
    };
    let vanilla = |site: Site, units: Units| {
        let there = Representation::new(site, 0).source(0);
        run(there, &VANILLA, std::slice::from_ref(&source), Placement::at(units))
    };
    refused(vanilla(block, Units::positions(5)), "position 5 of example 0 is past the end: it has 5 positions");
    refused(vanilla(block, Units::FromRight(5.into())), "before its start");
    refused(vanilla(block, Units::positions(Vec::<usize>::new())), "no positions");
    refused(vanilla(block, Units::positions(vec![vec![0], vec![1]])), "2 examples, the batch has 1");
    refused(vanilla(block, Units::heads(0)), "has no heads");
    refused(vanilla(head, Units::positions(0)), "name the heads");
    refused(vanilla(head, Units::head_positions(64, 0)), "head 64 does not exist");
    let at = || Placement::at(Units::positions(2));
    let there = || Representation::new(block, 0);
    refused(run(there().source(0), &VANILLA, &[], at()), "1 sources, the run has 0");
    refused(run(there(), &VANILLA, &[], at()), "names none and has no constant");
    let between = Placement::between(Units::positions([0, 1]), Units::positions(2));
    refused(run(there().source(0), &VANILLA, std::slice::from_ref(&source), between), "2 positions of the source");
    let two = RunInput::tokens(&model, &SOURCES.map(|source| source.to_vec()), &device).unwrap();
    refused(run(there().source(0), &VANILLA, &[Some(two)], at()), "source 0 has 2 examples, the base has 1");
    let width = model.dimensions().d_model;
    let nan = Tensor::<1>::full([width], f32::NAN, &device);
    refused(run(there().constant(nan), &VANILLA, &[], at()), "NaN");
    let short = Tensor::<1>::zeros([width + 1], &device);
    refused(run(there().constant(short), &VANILLA, &[], at()), "constant source of width");
    let column = at().within(Subspace::Same(vec![width]));
    refused(run(there().source(0), &VANILLA, std::slice::from_ref(&source), column.clone()), "there is no column");
    refused(run(there(), &COLLECT, &[], column), "there is no column");
    let cut = Sourceless(|base: Tensor<3>| base.narrow(2, 0, 1));
    refused(run(there(), &cut, &[], at()), "returned rows of shape [1, 1, 1]");
    refused(RunInput::tokens(&model, &[vec![]], &device).map(|_| ()), "an empty prompt");
    refused(RunInput::tokens(&model, &[vec![1 << 30]], &device).map(|_| ()), "not in the vocabulary");
    let none = Intervenable::new(&model, vec![there()], vec![&COLLECT], Order::Parallel).unwrap();
    refused(none.run(&base, &[], &[]).map(|_| ()), "0 placements for 1 representations");
}
