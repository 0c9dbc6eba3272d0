//! `intervene patch`: activation patching over all layers and positions.

use std::path::PathBuf;

use burn::tensor::{DType, Tensor};

use super::tails;
use super::{ModelChoice, OpenedModel, by_layer, label, likeliest, write_heatmap};
use crate::alignment::{RecordedRun, TailStart};
use crate::data::Tokenised;
use crate::error::Error;
use crate::models::{Context, FrozenModel, LanguageModel};
use crate::report::{Heatmap, Observer};
use crate::tap::{Component, Patch, Rows};

/// The options of [`patch`]: the flags of `intervene patch`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct PatchOptions {
    pub model: ModelChoice,
    pub base: String,
    pub source: String,
    pub component: Component,
    pub answer: Option<String>,
    pub foil: Option<String>,
    pub out: Option<PathBuf>,
}

/// The result of [`patch`].
#[derive(Clone, Debug)]
pub struct Patched {
    /// The share of the way from the base's logit difference to the source's, for each layer (row) and position (column).
    pub heatmap: Heatmap,
    /// The answers to the source and to the base.
    pub answers: (String, String),
    /// The logit difference of the two answers, in the source's run and in the base's.
    pub differences: (f64, f64),
}

/// Activation patching (Vig et al. 2020, arXiv 2004.12265; Meng et al. 2022, arXiv 2202.05262): the base is run once for
/// each layer and position, with its row there replaced by the source's row at the same layer and position. Measures
///
/// `(d - d_base) / (d_source - d_base)`, where `d = logit(answer) - logit(foil)` after the last token.
///
/// Each of these runs starts at its layer and position, from the states of the unpatched run of the base.
pub fn patch(options: &PatchOptions, observer: &mut dyn Observer) -> Result<Patched, Error> {
    let component = options.component;
    if component.is_head() {
        return Err(Error::Invalid(format!(
            "{component} is a single head: patch the whole site, {}",
            component.site()
        )));
    }
    let opened = OpenedModel::open(&options.model, observer)?;
    opened.shape(component)?;
    let (base, source) = (opened.text(&options.base)?, opened.text(&options.source)?);
    same_length(&opened, &base, &source)?;
    let model = &opened.model;

    let run = |prompt: &Tokenised, component: Component| {
        let embeddings = model.embed(opened.tokens(&[prompt.tokens()]), &Context::full(1, prompt.len()));
        let mut rows = Vec::new();
        let (recorded, hidden) = RecordedRun::new(model, embeddings, &mut tails::recorder(component, &mut rows));
        let last = hidden.narrow(1, prompt.len() - 1, 1);
        (recorded, rows, logits(model.unembed(last).squeeze_dim(1)))
    };
    let (_, rows, source_logits) = run(&source, component);
    let (recorded, _, base_logits) = run(&base, component);
    let (source_logits, base_logits) = (&source_logits[0], &base_logits[0]);
    let token = |name: &Option<String>, logits: &[f32]| match name {
        Some(text) => opened.tokenizer()?.single(text),
        None => Ok(likeliest(logits)),
    };
    let (answer, foil) = (token(&options.answer, source_logits)?, token(&options.foil, base_logits)?);
    let difference = |logits: &[f32]| f64::from(logits[answer as usize]) - f64::from(logits[foil as usize]);
    let (d_source, d_base) = (difference(source_logits), difference(base_logits));
    let answers = (opened.token(answer), opened.token(foil));
    check_answers(&answers, answer == foil, d_source - d_base)?;

    let (layers, tokens) = (model.n_layers(), base.len());
    observer.begin("patch", layers * tokens);
    let mut values = vec![vec![None; tokens]; layers];
    let mut done = 0;
    for (layer, rows) in rows.iter().enumerate() {
        for positions in tails::batches((0..tokens).collect(), tokens, |position| *position) {
            let starts: Vec<TailStart> =
                positions.iter().map(|position| TailStart { example: 0, position: *position }).collect();
            // The output of one block is the input of the next, which saves running one layer.
            let site = match component {
                Component::BlockOutput if layer + 1 < layers => Component::BlockInput.at(layer + 1),
                _ => component.at(layer),
            };
            let first = Rows::same(starts.len(), &[0])?;
            let [_, _, width] = rows.dims();
            let taken = Rows::positions(vec![positions.clone()])?.gather(rows.clone());
            let taken = taken.reshape([starts.len(), 1, width]).cast(DType::F32);
            let mut patch = Patch::new(site, first, |_| taken.clone());
            let patched = logits(recorded.logits_from(model, site.layer, &starts, &mut patch)?);
            patch.finish()?;
            for (position, logits) in positions.iter().zip(&patched) {
                values[layer][*position] = Some((difference(logits) - d_base) / (d_source - d_base));
            }
            done += starts.len();
            observer.advance(done);
        }
    }
    observer.end();
    let heatmap = Heatmap {
        title: format!("{component} from the source: 0 is the base, 1 is the source"),
        column_axis: "position".to_owned(),
        columns: columns(&opened, &base, &source),
        ..by_layer(values)
    };
    write_heatmap(&heatmap, options.out.as_deref(), "patch")?;
    Ok(Patched { heatmap, answers, differences: (d_source, d_base) })
}

fn same_length(opened: &OpenedModel, base: &Tokenised, source: &Tokenised) -> Result<(), Error> {
    if base.len() == source.len() {
        return Ok(());
    }
    let shown = |prompt: &Tokenised| {
        let tokens: Vec<String> = prompt.tokens().iter().map(|token| opened.token(*token)).collect();
        format!("{} ({})", tokens.len(), tokens.join("|"))
    };
    Err(Error::Invalid(format!(
        "base and source must have the same number of tokens; the base has {}, the source {}",
        shown(base),
        shown(source)
    )))
}

/// Returns an error if the answers are equal or their logit difference is the same in both runs.
fn check_answers(answers: &(String, String), same: bool, span: f64) -> Result<(), Error> {
    if same {
        return Err(Error::Invalid(format!(
            "base and source have the same answer, `{}`: name two different tokens with --answer and --foil",
            answers.0
        )));
    }
    if !span.is_finite() || span.abs() < 1e-6 {
        return Err(Error::Invalid(format!(
            "the logit difference of `{}` and `{}` is the same in the base and in the source: name others with --answer and --foil",
            answers.0, answers.1
        )));
    }
    Ok(())
}

/// The base's tokens with their positions, followed by the source's token if it differs.
fn columns(opened: &OpenedModel, base: &Tokenised, source: &Tokenised) -> Vec<String> {
    let name = |(at, (base, source)): (usize, (&u32, &u32))| {
        let base_label = label(&opened.token(*base));
        if base == source {
            format!("{at} {base_label}")
        } else {
            format!("{at} {base_label}/{}", label(&opened.token(*source)))
        }
    };
    base.tokens().iter().zip(source.tokens()).enumerate().map(name).collect()
}

/// Logits on the host. # Shapes: `[batch, classes]`
fn logits(logits: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, classes] = logits.dims();
    let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    values.chunks_exact(classes).map(<[f32]>::to_vec).collect()
}
