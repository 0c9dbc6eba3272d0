//! The folder of a sweep: made once, by whichever process comes first, and gone on with by all others.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Table;

use super::claim::{Claims, Taken};
use crate::error::Error;
use crate::experiment::folder::{self, flat, write_recipe};
use crate::recipe::Recipe;
use crate::{files, places};

/// The keys of a recipe that may differ between the processes of a sweep: they change nothing in the table.
const FREE: [&str; 4] = ["name", "device", "cache", "versions"];

pub struct SweepFolder {
    pub path: PathBuf,
    pub claims: Claims,
}

impl SweepFolder {
    /// The folder as it is, which may be not at all. One that holds anything else than this recipe's sweep is refused.
    pub fn find(recipe: &Recipe, out: Option<&Path>) -> Result<Self, Error> {
        let path = out.map_or_else(|| folder::default_folder(&recipe.name), Path::to_owned);
        let folder = Self { claims: Claims::new(path.join("claims")), path };
        let wrong = |problem: String| Err(Error::content(&folder.path, problem));
        if folder.recipe().is_file() {
            if !folder.path.join("cells").is_dir() {
                return wrong("this is the folder of a run, not of a sweep; name a new one".to_owned());
            }
            folder.compare(recipe)?;
        } else if folder.path.is_dir() {
            let held = fs::read_dir(&folder.path).map_err(Error::file(&folder.path, "cannot read"))?;
            let mut names = held.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            // Another process may just be making the folder.
            let strange = |name: &String| !["cells", "claims"].contains(&name.as_str()) && !name.starts_with('.');
            if let Some(name) = names.find(strange) {
                return wrong(format!("the folder holds `{name}` and no sweep; name a new one"));
            }
        }
        Ok(folder)
    }

    pub fn make(&self, recipe: &Recipe) -> Result<(), Error> {
        for part in ["cells", "claims"] {
            let part = self.path.join(part);
            fs::create_dir_all(&part).map_err(Error::file(&part, "cannot create the folder"))?;
        }
        self.once("recipe", &self.recipe(), || write_recipe(recipe, &self.path))?;
        // Another process may have been faster, with another recipe.
        self.compare(recipe)
    }

    fn recipe(&self) -> PathBuf {
        self.path.join("recipe.toml")
    }

    fn compare(&self, recipe: &Recipe) -> Result<(), Error> {
        let path = self.recipe();
        let there = places::parse(&files::read_text(&path)?, &path)?;
        same(&there, recipe).map_err(|problem| Error::content(&self.path, problem))
    }

    /// Does a piece of work that leaves the file `result`, unless it has been done; while another process does it, waits.
    pub fn once(&self, name: &str, result: &Path, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        while !result.is_file() {
            match self.claims.take(name)? {
                Taken::Mine(claim) => {
                    if !result.is_file() {
                        work()?;
                    }
                    claim.done();
                    break;
                }
                Taken::Theirs(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
        Ok(())
    }
}

/// The first key that differs in what matters, with both values.
fn same(there: &Recipe, asked: &Recipe) -> Result<(), String> {
    let values = |recipe: &Recipe| {
        let mut table = Table::try_from(recipe).map_err(|error| error.to_string())?;
        table.retain(|key, _| !FREE.contains(&key));
        Ok::<_, String>(flat(&table))
    };
    let (there, asked) = (values(there)?, values(asked)?);
    let Some(key) = there.keys().chain(asked.keys()).find(|key| there.get(*key) != asked.get(*key)) else {
        return Ok(());
    };
    let [old, new] = [&there, &asked].map(|values| values.get(key).map_or("nothing", String::as_str));
    Err(format!(
        "the folder's sweep is another one: its recipe.toml says {key} = {old}, the recipe says {new}; name a new folder"
    ))
}
