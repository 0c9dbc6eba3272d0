//! `sweep`: searches every cell of a recipe's axes, on one device or on several.
//!
//! On several devices there is one process for each, all with the same folder; the first device is this process's own. A
//! driver that crashes ends its process only, and the others then search the cells that it had claimed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::train::RunArgs;
use crate::error::Error;
use crate::experiment::{default_folder, sweep, write_recipe};
use crate::recipe::Recipe;
use crate::report::Observer;
use crate::{device, files};

#[derive(clap::Args)]
pub struct SweepArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Several devices at once, each with cells of its own: cuda:0,cuda:1
    #[arg(long, value_delimiter = ',', value_name = "DEVICES", conflicts_with = "device")]
    devices: Vec<String>,
}

impl SweepArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { run, devices } = self;
        let folder = sweep_on(&devices, &run.recipe()?, run.out.as_deref(), run.observer().as_mut())?;
        println!("{}", folder.display());
        Ok(())
    }
}

/// Runs the recipe's sweep on every one of the devices at once, each with cells of its own, and returns the folder.
///
/// A device that is named twice takes part twice. If one fails, the others finish the sweep, and its error is returned at
/// the end.
fn sweep_on(
    devices: &[String],
    recipe: &Recipe,
    out: Option<&Path>,
    observer: &mut dyn Observer,
) -> Result<PathBuf, Error> {
    let Some((first, others)) = devices.split_first() else {
        return sweep(recipe, out, observer);
    };
    let device = |name: &String| {
        let device: device::Name = name.parse()?;
        device.check()?;
        Ok(Recipe { device, ..recipe.clone() })
    };
    let recipes_on = devices.iter().map(device).collect::<Result<Vec<Recipe>, Error>>()?;
    let out = out.map_or_else(|| default_folder(&recipe.name), Path::to_owned);
    let recipes = std::env::temp_dir();
    let recipes = tempfile::tempdir_in(&recipes).map_err(Error::file(&recipes, "cannot write the recipe in"))?;
    let mut running = Running(Vec::new());
    for (number, (name, recipe)) in others.iter().zip(&recipes_on[1..]).enumerate() {
        let folder = recipes.path().join(number.to_string());
        files::create_new_dir(&folder)?;
        write_recipe(recipe, &folder)?;
        running.0.push((name.clone(), start(&folder.join("recipe.toml"), &out)?));
    }
    let here = sweep(&recipes_on[0], Some(&out), observer);
    let failed = running.wait()?;
    match (here, failed.is_empty()) {
        (Err(error), _) if !out.join("sweep.json").is_file() => Err(error),
        (Ok(_), true) => Ok(out),
        (here, _) => {
            let own = here.err().map(|error| format!("{first}: {error}"));
            let all: Vec<String> = own.into_iter().chain(failed).collect();
            let problem = format!("the sweep is whole, but not every device took part to its end: {}", all.join("; "));
            Err(Error::content(&out, problem))
        }
    }
}

fn start(recipe: &Path, out: &Path) -> Result<Child, Error> {
    let program = std::env::current_exe().map_err(Error::file(Path::new("intervene"), "cannot find this program"))?;
    let mut command = Command::new(&program);
    command.arg("sweep").arg(recipe).arg("--out").arg(out).arg("--quiet");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(Error::file(&program, "cannot start another of"))
}

/// Processes, each with its device; they end with this one.
struct Running(Vec<(String, Child)>);

impl Running {
    /// Waits for all of them. Returns the errors of those that failed.
    fn wait(mut self) -> Result<Vec<String>, Error> {
        let mut failed = Vec::new();
        for (name, child) in std::mem::take(&mut self.0) {
            let output =
                child.wait_with_output().map_err(Error::file(Path::new(&name), "cannot wait for the process on"))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
                failed.push(format!("{name}: {} ({})", said.trim_start_matches("error: "), output.status));
            }
        }
        Ok(failed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // It may have ended already.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}
