//! `intervene` trains interventions on frozen neural networks: it finds *where*, and in which *subspace*, a network represents
//! a variable of a causal model.
//!
//! A *tap* visits every named *site* of a frozen model. A *patch* is a tap that replaces some *rows*. An *intervention* is
//! a small module that maps base rows and source rows to rows. Alignment search trains that module until the model's
//! counterfactual behaviour is a causal model's.
//!
//! # The map
//! | module | what it holds |
//! |---|---|
//! | [`tap`] | [`tap::Tap`], [`tap::Patch`], [`tap::Record`]; sites and rows |
//! | [`models`] | frozen models, read through ranges of layers: [`models::FrozenModel`] |
//! | [`orthogonal`] | matrices with orthonormal columns: on the manifold, and PyTorch's three maps |
//! | [`interventions`] | [`interventions::Intervention`], and pyvene's interventions |
//! | [`tasks`] | causal models, their counterfactuals, and the tasks made of them; no tensor |
//! | [`data`] | tokenizers, pairs, files of inputs, positions of tokens |
//! | [`intervenable`] | many interventions in one run |
//! | [`alignment`] | the cache, the search and its evaluation |
//! | [`recipe`] | what a run does, as TOML; the recipes that ship |
//! | [`report`] | logs, curves, heatmaps, tables |
//! | [`saved`] | the folder of a run |
//! | [`experiment`] | a recipe carried out: training, judging, evaluation, sweeps, publishing |
//! | [`tools`] | interventions without training on a language model: patching, tracing, collecting, generating |
//! | [`pyvene`] | pyvene's folders, read and written |
//! | [`hub`] | the Hugging Face Hub: repositories by name, downloads, uploads |
//! | [`mod@bench`] | the time of a training step, and its limit |
//! | [`cli`] | the program: arguments, printing, progress bars, processes |
//! | [`files`], [`places`], [`tensors`], [`device`], [`measure`], [`monitor`], [`error`] | files, mistakes, devices: every module may use them |
//!
//! Imports point downward only: `cli → experiment → recipe, report → alignment → {models, interventions, data} → {tap,
//! orthogonal, tasks}`. Models and interventions do not know of each other.
//!
//! # Features
//! All but the GPUs' are on by default. Without any, the library has taps, models, interventions, orthogonal maps, tasks,
//! data, alignment and [`intervenable`].
//!
//! | feature | what it adds |
//! |---|---|
//! | `cli` | [`cli`] and the program; needs all of the following |
//! | `experiment` | [`recipe`], [`saved`], [`experiment`], [`tools`], [`mod@bench`]; needs `hub`, `pyvene`, `report` |
//! | `hub` | [`hub`] |
//! | `parquet` | Parquet files in [`data`] |
//! | `pyvene` | [`pyvene`] |
//! | `report` | [`report`] |
//! | `autotune` | on a GPU, the fastest of several variants of each product |
//! | `wgpu`, `vulkan`, `metal`, `cuda`, `rocm` | GPUs, see [`device`]; off by default |
//!
//! # One training step
//! 1. A task draws (base, source) pairs; the label comes from the causal model's interchange.
//! 2. The frozen layers below the site run on both, off the tape: their results are constants.
//! 3. A patch rewrites the base's rows at the site with the intervention; the layers above run; cross-entropy, backward,
//!    the optimiser.
//!
//! # What is absent, and why
//! - No model weight is ever on an autodiff device: nothing below the first patch is recorded, no weight has a gradient.
//! - No hook sits inside a model: a run takes its tap as an argument, so there is no state to reset.
//! - `attention_weight` is rank 4 and has no site.

#![warn(missing_docs)]

pub mod alignment;
#[cfg(feature = "experiment")]
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod device;
pub mod error;
#[cfg(feature = "experiment")]
pub mod experiment;
pub mod files;
#[cfg(feature = "hub")]
pub mod hub;
pub mod intervenable;
pub mod interventions;
pub mod measure;
pub mod models;
pub mod monitor;
pub mod orthogonal;
pub mod places;
#[cfg(feature = "pyvene")]
pub mod pyvene;
#[cfg(feature = "experiment")]
pub mod recipe;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "experiment")]
pub mod saved;
pub mod tap;
pub mod tasks;
pub mod tensors;
mod text;
#[cfg(feature = "experiment")]
pub mod tools;

pub use error::Error;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../docs/publishing.md")]
struct Publishing;
