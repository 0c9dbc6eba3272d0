//! A steering vector: the difference of mean activations on two sets of prompts, added while text is generated.
//!
//! `cargo run --release --example steering_vector -- target/models/SmolLM2-135M-Instruct`

use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use intervene::Error;
use intervene::data::Tokenizer;
use intervene::intervenable::{During, Intervenable, Order, Placement, Representation, RunInput, Units};
use intervene::interventions::{Addition, AnyIntervention, Collect};
use intervene::models::{Dtype, FrozenModel, GenerateOptions, Generation, Pretrained};
use intervene::tap::Component;

const WOMEN: [&str; 3] = ["Yesterday, Mary went home because", "Then Anna slept because", "Today Emma cried because"];
const MEN: [&str; 3] = ["Yesterday, John went home because", "Then Peter slept because", "Today Tom cried because"];

fn main() -> Result<(), Error> {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the argument is a checkpoint folder"));
    let device = Device::flex();
    let model = Pretrained::load(&folder, Dtype::F32, &device)?;
    let tokenizer = Tokenizer::load(&folder)?;
    let site = Component::BlockOutput.at(model.n_layers() * 5 / 6);

    // The mean of the rows at the prompts' last tokens, `[width]`.
    let collect = AnyIntervention::Collect(Collect {});
    let reader = Intervenable::new(&model, vec![Representation::new(site, 0)], vec![&collect], Order::Parallel)?;
    let mean = |prompts: &[&str]| -> Result<Tensor<1>, Error> {
        let tokens = prompts.iter().map(|prompt| tokenizer.encode(prompt)).collect::<Result<Vec<_>, Error>>()?;
        let last = [Some(Placement::at(Units::FromRight(0.into())))];
        let run = reader.run(&RunInput::tokens(&model, &tokens, &device)?, &[], &last)?;
        let rows = run.collected[0].clone(); // [batch, 1, width]
        let width = rows.dims()[2];
        Ok(rows.mean_dim(0).reshape([width]))
    };
    let direction = mean(&WOMEN)? - mean(&MEN)?;

    let addition = AnyIntervention::Addition(Addition {});
    let prompt = tokenizer.encode("The student was late today because")?;
    for coefficient in [0.0, 1.0, -1.0] {
        let there = Representation::new(site, 0).constant(direction.clone() * coefficient);
        let steered = Intervenable::new(&model, vec![there], vec![&addition], Order::Parallel)?;
        let options = GenerateOptions { max_new_tokens: 6, ..Default::default() };
        let generation = Generation::new(&model, std::slice::from_ref(&prompt), options, &device)?;
        let everywhere = [Some(Placement::at(Units::All))];
        let generated = steered.generate(generation, During::Both, &[], &everywhere, &mut |_| {})?;
        println!("{coefficient:4}: {}", tokenizer.decode(&generated.outputs[0])?);
    }
    Ok(())
}
