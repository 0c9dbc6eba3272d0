//! The recipes that ship with the library.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::{Override, Recipe};
use crate::error::{Error, nearest};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/recipes");

/// A shipped recipe.
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// The first paragraph of its comment.
    pub summary: String,
    text: &'static str,
}

/// All of them, by name.
#[must_use]
pub fn shipped() -> Vec<Shipped> {
    let recipe = |file: &'static include_dir::File<'static>| {
        let text = file.contents_utf8()?;
        let comment = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        let summary = comment.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        Some(Shipped { name: file.path().file_stem()?.to_str()?, summary, text })
    };
    let mut recipes: Vec<Shipped> = SHIPPED.files().filter_map(recipe).collect();
    recipes.sort_by_key(|recipe| recipe.name);
    recipes
}

/// Reads a recipe from a file, or the shipped one of that name.
pub fn open(name_or_path: &str, overrides: &[Override]) -> Result<Recipe, Error> {
    let path = Path::new(name_or_path);
    if path.is_file() {
        return Recipe::load(path, overrides);
    }
    let shipped = shipped();
    if let Some(recipe) = shipped.iter().find(|recipe| recipe.name == name_or_path) {
        return Recipe::parse(recipe.text, &PathBuf::from(format!("{name_or_path}.toml")), overrides);
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let hint = nearest(&stem, shipped.iter().map(|recipe| recipe.name));
    Err(Error::content(path, format!("there is no such file, and no shipped recipe of that name{hint}")))
}
