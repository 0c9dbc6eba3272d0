//! `push` and `pull`: a run folder to the Hub, and one from there.

mod card;
mod private;

use std::path::{Path, PathBuf};

use self::card::card;
use self::private::{Private, inside};
use crate::error::Error;
use crate::hub::{self, Content, Id, Upload};
use crate::recipe::Recipe;
use crate::saved::Metrics;
use crate::saved::RunConfig;
use crate::{device, files, places};

/// The options of [`push`].
#[derive(Clone, Debug, clap::Args)]
pub struct PushOptions {
    /// A run folder.
    pub dir: PathBuf,
    /// Where to: ORG/NAME, made where it is not there.
    pub id: String,
    /// Only its owners see a repository that is made.
    #[arg(long)]
    pub private: bool,
    /// Prints the card and the files, and sends nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The model's name on the Hub, where the run was on a checkpoint folder.
    #[arg(long, value_name = "ORG/NAME")]
    pub base_model: Option<String>,
}

/// Publishes a run folder: its files and a model card as one commit. What comes back says what was done.
///
/// Paths of this machine (a checkpoint folder's, say) are replaced in what is sent, by the model's name on the Hub where
/// that is known and by the last part of the path otherwise.
pub fn push(options: &PushOptions) -> Result<String, Error> {
    let folder = &options.dir;
    let id: Id = options.id.parse()?;
    if !folder.join("metrics.json").is_file() {
        let problem = "no metrics.json: this is no run folder, or its run did not get to its end";
        return Err(Error::content(folder, problem));
    }
    let metrics: Metrics = files::read_json(&folder.join("metrics.json"))?;
    let configs = RunConfig::read_all(folder)?;
    // What is broken is not published.
    for (part, config) in &configs {
        config.intervention(part, &device::find("cpu")?)?;
    }
    let configs: Vec<RunConfig> = configs.into_iter().map(|(_, config)| config).collect();
    let path = folder.join("recipe.toml");
    let recipe: Recipe = places::parse(&files::read_text(&path)?, &path)?;
    let base_model = match &options.base_model {
        Some(name) => Some(name.parse::<Id>()?.to_string()),
        None => configs[0].model.on_the_hub(),
    };
    let private = Private::of(&configs[0], &recipe, base_model.as_deref());
    let found = inside(folder)?;
    let mut uploads = Vec::new();
    for name in &found {
        let bytes = files::read(&folder.join(name))?;
        uploads.push(Upload { path: name.clone(), content: private.without(name, bytes, &folder.join(name))? });
    }
    let text = card(&id, &configs, &metrics, &recipe, base_model.as_deref(), &found).markdown()?;
    private.check("README.md", text.as_bytes())?;
    uploads.push(Upload { path: "README.md".to_owned(), content: Content::Bytes(text.clone().into_bytes()) });
    if options.dry_run {
        return Ok(told(&id, &text, &uploads, &private));
    }
    let message = format!("{}: IIA {:.3} (intervene {})", recipe.name, metrics.measured.iia, env!("CARGO_PKG_VERSION"));
    let pushed = hub::push(&id, &uploads, options.private, &message)?;
    let commit = pushed.commit.map_or_else(String::new, |commit| format!(" at {commit}"));
    Ok(format!("{}: {} files{commit}", pushed.page, uploads.len()))
}

fn told(id: &Id, card: &str, uploads: &[Upload], private: &Private) -> String {
    let mut lines = vec![card.trim_end().to_owned(), String::new(), format!("Would go to {id}, as one commit:")];
    for Upload { path, content } in uploads {
        let bytes = match content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
        };
        let changed = matches!(content, Content::Bytes(_)) && path != "README.md";
        let changed = if changed { "  (without this machine's paths)" } else { "" };
        lines.push(format!("  {bytes:>10} bytes  {path}{changed}"));
    }
    lines.extend(private.told());
    lines.push("Nothing was sent (--dry-run).".to_owned());
    lines.join("\n")
}

/// Copies an intervention of the Hub into a folder, `NAME` by default; gives back the folder.
pub fn pull(id: &str, dir: Option<&Path>) -> Result<PathBuf, Error> {
    let id: Id = id.parse()?;
    let name = id.name.rsplit('/').next().unwrap_or(&id.name);
    let to = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    hub::pull(&id, &to)?;
    Ok(to)
}
