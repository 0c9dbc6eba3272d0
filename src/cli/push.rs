//! `push` and `pull`: publish a run folder on the Hugging Face Hub, and fetch one.

use std::path::PathBuf;

use super::console::Console;
use crate::error::Error;
use crate::experiment::{self, PushOptions, PushResult, UnsentFile};

#[derive(clap::Args)]
pub struct PushArgs {
    /// A run folder.
    dir: PathBuf,
    /// The repository, ORG/NAME; it is created if it does not exist.
    id: String,
    /// A new repository is private.
    #[arg(long)]
    private: bool,
    /// Prints the card and the list of files without sending anything.
    #[arg(long)]
    dry_run: bool,
    /// The model's name on the Hub, if the run used a checkpoint folder.
    #[arg(long, value_name = "ORG/NAME")]
    base_model: Option<String>,
}

impl PushArgs {
    pub fn run(self) -> Result<(), Error> {
        let Self { dir, id, private, dry_run, base_model } = self;
        let options = PushOptions { dir, id, private, dry_run, base_model };
        println!("{}", text(&experiment::push(&options, &mut Console::default())?, &options.id));
        Ok(())
    }
}

fn text(result: &PushResult, id: &str) -> String {
    let (card, files, replaced) = match result {
        PushResult::Published { page, commit, files } => {
            let commit = commit.as_ref().map_or_else(String::new, |commit| format!(" at {commit}"));
            return format!("{page}: {files} files{commit}");
        }
        PushResult::DryRun { card, files, replaced } => (card, files, replaced),
    };
    let mut lines = vec![card.trim_end().to_owned(), String::new(), format!("Would be sent to {id}, as one commit:")];
    for UnsentFile { path, bytes, redacted } in files {
        let redacted = if *redacted { "  (with this machine's paths replaced)" } else { "" };
        lines.push(format!("  {bytes:>10} bytes  {path}{redacted}"));
    }
    lines.extend(replaced.iter().map(|(path, public)| format!("  {path} is published as {public}")));
    lines.push("Nothing was sent (--dry-run).".to_owned());
    lines.join("\n")
}

#[derive(clap::Args)]
pub struct PullArgs {
    /// ORG/NAME[@REVISION]
    id: String,
    /// The folder; NAME by default.
    dir: Option<PathBuf>,
}

impl PullArgs {
    pub fn run(self) -> Result<(), Error> {
        println!("{}", experiment::pull(&self.id, self.dir.as_deref(), &mut Console::default())?.display());
        Ok(())
    }
}
