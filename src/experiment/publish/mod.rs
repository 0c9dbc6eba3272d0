//! `push` and `pull`: publish a run folder on the Hub, and download one.

mod card;
mod private;

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use self::card::card;
use self::private::{PrivatePaths, published_files};
use crate::error::Error;
use crate::hub::{self, Content, Id, Upload};
use crate::recipe::Recipe;
use crate::report::Observer;
use crate::saved::{Metrics, RunConfig};
use crate::{files, places};

/// The options of [`push`]: the flags of `intervene push`, which its `--help` explains.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the flags of the program")]
pub struct PushOptions {
    pub dir: PathBuf,
    pub id: String,
    pub private: bool,
    pub dry_run: bool,
    pub base_model: Option<String>,
}

/// The result of [`push`].
#[derive(Clone, Debug)]
pub enum PushResult {
    /// The files were published.
    Published {
        /// The address of the repository's page.
        page: String,
        /// The commit's hash, if the Hub returned it.
        commit: Option<String>,
        /// The number of files.
        files: usize,
    },
    /// Nothing was sent.
    DryRun {
        /// The model card, in Markdown.
        card: String,
        /// The files that would be sent.
        files: Vec<UnsentFile>,
        /// Paths of this machine, each with the text that would replace it.
        replaced: Vec<(String, String)>,
    },
}

/// A file that a dry run did not send.
#[derive(Clone, Debug)]
pub struct UnsentFile {
    /// Its path in the repository.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Whether paths of this machine are replaced in it.
    pub redacted: bool,
}

/// Publishes a run folder: its files and a model card as one commit.
///
/// Paths of this machine, such as a checkpoint folder's, are replaced in the files: by the model's name on the Hub if it
/// is known, otherwise by the last part of the path. Returns an error for a folder without a complete run, for broken
/// tensors, and for a file with such a path where it cannot be replaced.
pub fn push(options: &PushOptions, observer: &mut dyn Observer) -> Result<PushResult, Error> {
    let folder = &options.dir;
    let id: Id = options.id.parse()?;
    let metrics = Metrics::read(folder)?;
    let configs = RunConfig::read_all(folder)?;
    // A run whose tensors cannot be loaded is not published.
    for (part, config) in &configs {
        config.intervention(part, &Device::flex())?;
    }
    let configs: Vec<RunConfig> = configs.into_iter().map(|(_, config)| config).collect();
    let path = folder.join("recipe.toml");
    let recipe: Recipe = places::parse(&files::read_text(&path)?, &path)?;
    let base_model = match &options.base_model {
        Some(name) => Some(name.parse::<Id>()?.to_string()),
        None => configs[0].model.on_the_hub(),
    };
    let private = PrivatePaths::from_run(&configs[0], &recipe, base_model.as_deref());
    let names = published_files(folder)?;
    let mut uploads = Vec::new();
    for name in &names {
        let bytes = files::read(&folder.join(name))?;
        uploads.push(Upload { path: name.clone(), content: private.redacted(name, bytes, &folder.join(name))? });
    }
    let text = card(&id, &configs, &metrics, &recipe, base_model.as_deref(), &names).markdown()?;
    private.check("README.md", text.as_bytes())?;
    uploads.push(Upload { path: "README.md".to_owned(), content: Content::Bytes(text.clone().into_bytes()) });
    if options.dry_run {
        let files = uploads.into_iter().map(unsent).collect();
        return Ok(PushResult::DryRun { card: text, files, replaced: private.replacements() });
    }
    let message = format!("{}: IIA {:.3} (intervene {})", recipe.name, metrics.measured.iia, env!("CARGO_PKG_VERSION"));
    let pushed = hub::push(&id, &uploads, options.private, &message, observer)?;
    Ok(PushResult::Published { page: pushed.page, commit: pushed.commit, files: uploads.len() })
}

fn unsent(Upload { path, content }: Upload) -> UnsentFile {
    let bytes = match &content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
    };
    let redacted = matches!(content, Content::Bytes(_)) && path != "README.md";
    UnsentFile { path, bytes, redacted }
}

/// Downloads an intervention from the Hub into a folder, `NAME` by default, and returns the folder.
pub fn pull(id: &str, dir: Option<&Path>, observer: &mut dyn Observer) -> Result<PathBuf, Error> {
    let id: Id = id.parse()?;
    let name = id.name.rsplit('/').next().unwrap_or(&id.name);
    let to = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    hub::pull(&id, &to, observer)?;
    Ok(to)
}
