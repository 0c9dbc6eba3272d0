//! The program: arguments, printing, progress bars, processes, and exit codes. One file per command.

mod apply;
mod bench;
mod collect;
mod console;
mod devices;
mod evaluate;
mod export;
mod generate;
mod import;
mod ink;
mod meter;
mod model_args;
mod patch;
mod push;
mod recipes;
mod report;
mod sites;
mod sweep;
mod trace;
mod train;
mod transfers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::device;
use crate::error::Error;

/// Trains interventions on frozen neural networks.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Runs a recipe and leaves a run folder.
    Train(train::TrainArgs),
    /// Searches every cell of a recipe's [sweep], or resumes the sweep of a folder; several processes can share one.
    Sweep(sweep::SweepArgs),
    /// Reads a run folder and measures its IIA again.
    Evaluate(evaluate::EvaluateArgs),
    /// Writes one self-contained HTML page about runs and sweeps.
    Report(report::ReportArgs),
    /// Publishes a run folder on the Hugging Face Hub, with a model card, as one commit.
    Push(push::PushArgs),
    /// Fetches an intervention from the Hub into a folder.
    Pull(push::PullArgs),
    /// Imports a folder that pyvene saved.
    Import(import::ImportArgs),
    /// Exports interventions to the files of another library.
    Export(export::ExportArgs),
    /// Measures the time of a training step on a language model, of a rotation's step, or the lower limit of a step.
    Bench {
        #[command(subcommand)]
        what: bench::BenchCommand,
    },
    /// Lists and tests the devices.
    Devices(devices::DevicesArgs),
    /// Lists the shipped recipes.
    Recipes,
    /// Lists the sites of a model.
    Sites(sites::SitesArgs),
    /// Activation patching over all layers and positions: a heatmap.
    Patch(patch::PatchArgs),
    /// Causal tracing with a noised subject: heatmaps.
    Trace(trace::TraceArgs),
    /// Runs a specification of interventions over a file of inputs.
    Apply(apply::ApplyArgs),
    /// Collects activations, or directions for steering, from a file of inputs.
    Collect(collect::CollectArgs),
    /// Generates text after a prompt, with an intervention if one is named.
    Generate(generate::GenerateArgs),
    /// Validates a recipe without running it.
    Check(recipes::CheckArgs),
}

/// Runs the program with the arguments of this process. The exit code is 0, or 2 after an error.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    set_panic_hook();
    match device::guarded(|| command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Sets a hook that keeps the messages of drivers' panics for their errors, and prints all other panics as before.
fn set_panic_hook() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !device::record_panic(panic) {
            default_hook(panic);
        }
    }));
}

impl CliCommand {
    fn run(self) -> Result<(), Error> {
        match self {
            Self::Train(args) => args.run(),
            Self::Sweep(args) => args.run(),
            Self::Evaluate(args) => args.run(),
            Self::Report(args) => args.run(),
            Self::Push(args) => args.run(),
            Self::Pull(args) => args.run(),
            Self::Import(args) => args.run(),
            Self::Export(args) => args.run(),
            Self::Bench { what } => what.run(),
            Self::Devices(args) => args.run(),
            Self::Recipes => {
                recipes::list();
                Ok(())
            }
            Self::Sites(args) => args.run(),
            Self::Patch(args) => args.run(),
            Self::Trace(args) => args.run(),
            Self::Apply(args) => args.run(),
            Self::Collect(args) => args.run(),
            Self::Generate(args) => args.run(),
            Self::Check(args) => args.run(),
        }
    }
}
