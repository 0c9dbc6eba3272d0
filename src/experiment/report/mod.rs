//! `report`: one page about a run, a sweep, or several of them.

mod chapter;
mod logged;
mod swept;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::error::Error;
use crate::experiment::folder::flat;
use crate::experiment::sweep::is_sweep;
use crate::files;
use crate::report::page::{Chapter, Page};

/// Writes the report of run folders and sweep folders and gives back its place: `out`, else `report.html` in the folder,
/// of several folders in the one that the command was given in.
pub fn report(folders: &[PathBuf], out: Option<&Path>) -> Result<PathBuf, Error> {
    let (first, rest) = folders.split_first().ok_or_else(|| Error::Invalid("a run folder is needed".to_owned()))?;
    let read = |folder: &PathBuf| match is_sweep(folder) {
        true => swept::read(folder),
        false => chapter::read(folder),
    };
    let read = folders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let recipes: Vec<Table> = read.iter().map(|(_, recipe)| recipe.clone()).collect();
    let mut chapters: Vec<Chapter> = read.into_iter().map(|(chapter, _)| chapter).collect();
    tell_apart(&mut chapters, folders);
    let title = match rest {
        [] => chapters[0].name.clone(),
        _ => format!("{} runs", chapters.len()),
    };
    let place = match (out, rest) {
        (Some(out), _) => out.to_owned(),
        (None, []) => first.join("report.html"),
        (None, _) => PathBuf::from("report.html"),
    };
    let page = Page { title, chapters, differences: differences(&recipes) };
    files::write(&place, page.html()?.as_bytes())?;
    Ok(place)
}

/// Runs of one recipe go by their folders' names.
fn tell_apart(chapters: &mut [Chapter], folders: &[PathBuf]) {
    let names: Vec<String> = chapters.iter().map(|chapter| chapter.name.clone()).collect();
    for (at, folder) in folders.iter().enumerate() {
        if names.iter().filter(|name| **name == names[at]).count() > 1 {
            chapters[at].name = chapter::folder_name(folder);
        }
    }
}

/// The dotted keys at which the recipes are not all the same, with what stands there in each; a dash where nothing does.
fn differences(recipes: &[Table]) -> Vec<(String, Vec<String>)> {
    let flat: Vec<BTreeMap<String, String>> = recipes.iter().map(flat).collect();
    let mut keys: Vec<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    keys.sort();
    keys.dedup();
    let of = |key: &String| {
        let values: Vec<Option<&String>> = flat.iter().map(|recipe| recipe.get(key)).collect();
        let same = values.iter().all(|value| *value == values[0]);
        let shown = values.into_iter().map(|value| value.cloned().unwrap_or_else(|| "–".to_owned()));
        (!same).then(|| (key.clone(), shown.collect()))
    };
    keys.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_differ_where_they_differ() {
        let recipe = |text: &str| toml::from_str::<Table>(text).unwrap();
        let a = recipe("seed = 0\n[training]\nsteps = 10\nbatch = 4");
        let b = recipe("seed = 0\n[training]\nsteps = 20\nbatch = 4\nwarmup = 0.1");
        let expected = [("training.steps", ["10", "20"]), ("training.warmup", ["–", "0.1"])];
        let expected: Vec<(String, Vec<String>)> =
            expected.map(|(key, values)| (key.to_owned(), values.map(str::to_owned).to_vec())).to_vec();
        assert_eq!(differences(&[a.clone(), b]), expected);
        assert!(differences(&[a.clone(), a]).is_empty());
    }
}
