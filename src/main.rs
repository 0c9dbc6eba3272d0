//! The command line: arguments in, the library's words out.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use intervene::bench::{Method, RotationWorkload, Workload};
use intervene::cli::Console;
use intervene::experiment::{self, EvaluateOptions};
use intervene::recipe::{self, Override, Recipe};
use intervene::report::Observer;
use intervene::tap::Component;
use intervene::{Error, bench, tools};

/// A training step asks for fresh memory some hundred times; the system's allocator gives it back and faults it in anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The next step asks for what the last gave back: the allocator keeps it for a second (10 ms by default), unless
/// `MIMALLOC_PURGE_DELAY` says otherwise.
fn keep_memory() {
    /// `mi_option_purge_delay` of mimalloc.h, which the crate has no name for; in milliseconds.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: no other thread runs yet, and any number is valid.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 1000) };
}

/// Trains interventions on frozen neural networks.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a recipe and leaves a run folder.
    Train(Run),
    /// Searches every cell of a recipe's [sweep], or goes on where the folder's sweep stopped, alone or with others.
    Sweep {
        #[command(flatten)]
        run: Run,
        /// Several devices at once, each with cells of its own: cuda:0,cuda:1
        #[arg(long, value_delimiter = ',', value_name = "DEVICES", conflicts_with = "device")]
        devices: Vec<String>,
    },
    /// Reads a run folder back and measures its IIA again.
    Evaluate {
        /// The run folder, or its name on the Hub: ORG/NAME[@REVISION]
        dir: PathBuf,
        /// Of an intervention that no run left there: a recipe whose pairs it is measured on.
        #[arg(long)]
        recipe: Option<String>,
        /// Where the same language model is now: a checkpoint folder, or its name on the Hub.
        #[arg(long)]
        model: Option<String>,
        /// Another device than the run's.
        #[arg(long)]
        device: Option<String>,
        /// One JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Writes a page about runs and sweeps, whole in one file.
    Report {
        /// Run folders and sweep folders; several are compared.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// The file; report.html in the folder by default, of several in the present one.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Publishes a run folder on the Hugging Face Hub, with a model card, as one commit.
    Push(experiment::PushOptions),
    /// Fetches an intervention of the Hub into a folder.
    Pull {
        /// ORG/NAME[@REVISION]
        id: String,
        /// The folder; NAME by default.
        dir: Option<PathBuf>,
    },
    /// Reads a folder of pyvene's.
    Import(tools::ImportOptions),
    /// Writes interventions into the files of another library.
    Export(tools::ExportOptions),
    /// Times a training step on a language model, a rotation's alone, and what it could be.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Lists the devices that there are, and tries each.
    Devices {
        /// These instead of all that are found: cpu, wgpu:0, wgpu:cpu (a software driver), cuda:1
        names: Vec<String>,
        /// One JSON list.
        #[arg(long)]
        json: bool,
    },
    /// Lists the recipes that ship.
    Recipes,
    /// Prints the table of a model's sites.
    Sites(tools::SitesOptions),
    /// Activation patching over all layers and positions: a heatmap.
    Patch(tools::PatchOptions),
    /// Causal tracing with a noised subject: heatmaps.
    Trace(tools::TraceOptions),
    /// Runs a specification of interventions over a file of inputs.
    Apply(tools::ApplyOptions),
    /// Collects the activations of a file of inputs.
    Collect(tools::CollectOptions),
    /// Goes on with a prompt.
    Generate(tools::GenerateArguments),
    /// Validates a recipe without running it.
    Check {
        /// A recipe's file, or the name of a shipped one.
        recipe: String,
        /// Puts another value at a dotted key of the recipe.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<Override>,
    },
}

/// A recipe, and what is other than it says.
#[derive(clap::Args)]
struct Run {
    /// A recipe's file, or the name of a shipped one.
    recipe: String,
    /// Puts another value at a dotted key of the recipe: training.steps=200
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Override>,
    /// auto, cpu, wgpu:N or cuda:N (without N, the first): `intervene devices` lists them; the recipe's by default.
    #[arg(long)]
    device: Option<String>,
    /// The folder, a new one; runs/<recipe>-<time> by default. A sweep goes on with one that it has left.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The recipe's by default.
    #[arg(long)]
    seed: Option<u32>,
    /// No progress and no results, only the folder's path.
    #[arg(long)]
    quiet: bool,
}

impl Run {
    fn recipe(&self) -> Result<Recipe, Error> {
        let mut set = self.set.clone();
        set.extend(self.device.clone().map(|device| Override::new("device", device)));
        set.extend(self.seed.map(|seed| Override::new("seed", seed)));
        recipe::open(&self.recipe, &set)
    }

    fn observer(&self) -> Box<dyn Observer> {
        if self.quiet { Box::new(()) } else { Box::new(Console::default()) }
    }
}

#[derive(Subcommand)]
enum Bench {
    /// Times the steps of a search with a filled cache, on random prompts.
    Step {
        #[command(flatten)]
        work: Work,
        /// auto, cpu, wgpu:N or cuda:N (without N, the first).
        #[arg(long, default_value = "auto")]
        device: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Times the steps of a rotation alone, on the manifold, on random rows.
    Rotation {
        #[command(flatten)]
        work: RotationWorkload,
        /// auto, cpu, wgpu:N or cuda:N (without N, the first).
        #[arg(long, default_value = "auto")]
        device: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Counts what a search's step cannot do without, and what that takes on this machine.
    Limit {
        #[command(flatten)]
        work: Work,
        /// auto, cpu, wgpu:N or cuda:N (without N, the first).
        #[arg(long, default_value = "auto")]
        device: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// The flags of benches/peer_das_step.py.
#[derive(clap::Args)]
struct Work {
    /// A checkpoint folder.
    #[arg(long)]
    model: PathBuf,
    /// boundless, rotated or lowrank:RANK
    #[arg(long, default_value = "boundless")]
    method: Method,
    #[arg(long, default_value = "block_output")]
    component: Component,
    #[arg(long, default_value_t = 6)]
    layer: usize,
    /// Counted from 0.
    #[arg(long, default_value_t = 31)]
    position: usize,
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Tokens in a prompt.
    #[arg(long, default_value_t = 32)]
    length: usize,
    #[arg(long, default_value_t = 3)]
    warmup: usize,
    #[arg(long, default_value_t = 7)]
    steps: usize,
}

impl From<Work> for Workload {
    fn from(work: Work) -> Self {
        let Work { model, method, component, layer, position, batch, length, warmup, steps } = work;
        Self { model, method, component, layer, position, batch, length, warmup, steps }
    }
}

fn main() -> ExitCode {
    keep_memory();
    let command = Cli::parse().command;
    match intervene::device::guarded(|| carry_out(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(command: Command) -> Result<(), Error> {
    match command {
        Command::Train(run) => {
            let folder = experiment::train(&run.recipe()?, run.out.as_deref(), run.observer().as_mut())?;
            println!("{}", folder.display());
        }
        Command::Sweep { run, devices } => {
            let (recipe, out) = (run.recipe()?, run.out.as_deref());
            let folder = experiment::sweep_on(&devices, &recipe, out, run.observer().as_mut())?;
            println!("{}", folder.display());
        }
        Command::Evaluate { dir, recipe, model, device, json } => {
            let set = model.as_ref().map(|model| Override::new("model.source", model.clone()));
            let set: Vec<Override> = set.into_iter().collect();
            let recipe = recipe.map(|recipe| recipe::open(&recipe, &set)).transpose()?;
            let options = EvaluateOptions { recipe, model, device };
            let evaluated = experiment::evaluate(&dir, &options, &mut ())?;
            println!("{}", if json { evaluated.json() } else { evaluated.table() });
        }
        Command::Report { dirs, out } => println!("{}", experiment::report(&dirs, out.as_deref())?.display()),
        Command::Bench { what: Bench::Step { work, device, json } } => {
            let timed = bench::step(&work.into(), &intervene::device::find(&device)?)?;
            println!("{}", if json { timed.json() } else { timed.text() });
        }
        Command::Bench { what: Bench::Rotation { work, device, json } } => {
            let timed = bench::rotation(&work, &intervene::device::find(&device)?)?;
            println!("{}", if json { timed.json() } else { timed.text() });
        }
        Command::Bench { what: Bench::Limit { work, device, json } } => {
            let limit = bench::limit(&work.into(), &intervene::device::find(&device)?)?;
            println!("{}", if json { limit.json() } else { limit.text() });
        }
        Command::Devices { names, json } => {
            let examined = bench::devices(&names)?;
            let text = || examined.iter().map(bench::DeviceReport::text).collect::<Vec<_>>().join("\n");
            println!("{}", if json { bench::DeviceReport::json(&examined) } else { text() });
        }
        Command::Recipes => {
            for recipe in recipe::shipped() {
                println!("{}\n    {}", recipe.name, recipe.summary);
            }
        }
        Command::Sites(options) => print!("{}", tools::sites(&options)?),
        Command::Patch(options) => print!("{}", tools::patch(&options)?.text()),
        Command::Trace(options) => print!("{}", tools::trace(&options)?.text()),
        Command::Push(options) => println!("{}", experiment::push(&options)?),
        Command::Pull { id, dir } => println!("{}", experiment::pull(&id, dir.as_deref())?.display()),
        Command::Import(options) => println!("{}", tools::import(&options)?),
        Command::Export(options) => println!("{}", tools::export(&options)?),
        Command::Apply(options) => println!("{}", tools::apply(&options)?),
        Command::Collect(options) => println!("{}", tools::collect(&options)?),
        Command::Generate(options) => tools::generate(&options, &mut std::io::stdout())?,
        Command::Check { recipe, set } => {
            let recipe = recipe::open(&recipe, &set)?;
            println!("{}: nothing wrong", recipe.name);
        }
    }
    Ok(())
}
