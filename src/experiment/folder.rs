//! The folders that runs and sweeps leave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::error::Error;
use crate::files;
use crate::recipe::Recipe;

/// The folder of a run that names none: `runs/<recipe>-<time>`, in UTC.
#[must_use]
pub fn default_folder(name: &str) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    Path::new("runs").join(format!("{name}-{now}"))
}

/// Writes `recipe.toml` with every default and override in it, and the versions: it runs again as it is.
pub fn write_recipe(recipe: &Recipe, folder: &Path) -> Result<(), Error> {
    let mut resolved = recipe.clone();
    resolved.versions = [("intervene", env!("CARGO_PKG_VERSION")), ("burn", "0.22.1")]
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .into();
    let path = folder.join("recipe.toml");
    let text =
        toml::to_string(&resolved).map_err(|error| Error::content(&path, format!("cannot be written: {error}")))?;
    files::write(&path, text.as_bytes())
}

/// Every value of a recipe by its dotted key.
pub(super) fn flat(recipe: &Table) -> BTreeMap<String, String> {
    fn add(prefix: &str, table: &Table, flat: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            match value {
                Value::Table(inner) => add(&format!("{prefix}{key}."), inner, flat),
                value => drop(flat.insert(format!("{prefix}{key}"), value.to_string())),
            }
        }
    }
    let mut flat = BTreeMap::new();
    add("", recipe, &mut flat);
    flat
}
