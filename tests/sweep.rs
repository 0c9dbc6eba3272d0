//! A sweep ends with the same table however often it is killed and however many processes share it.

mod common;
#[path = "common/tiny.rs"]
mod tiny;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// Twenty-four cells at six places, of a tiny model.
const SWEEP: &str = "\
[sweep]
layers = \"all\"
positions = [0, 1, \"last\"]
ranks = [1, 2]
seeds = \"0..2\"
";
const CELLS: usize = 24;
const PLACES: usize = 6;

/// A tiny model, pairs of prompts for it, and a recipe.
struct Work(tempfile::TempDir);

impl Work {
    fn new() -> Self {
        let work = Self(tiny::model("gpt2"));
        let pairs = |count: usize, from: usize| {
            let word = |at: usize| char::from(b'a' + u8::try_from((at * 7 + from) % 26).unwrap());
            let line = |at: usize| {
                let (base, source) = (word(at), word(at + 3));
                let label = [".", ",", "!", "?"][at % 4];
                let longer = ["", "x"][at % 2];
                format!(
                    "{{\"base\": \"Ann{base}{longer}\", \"source\": \"Ann{source}q{longer}\", \"label\": \"{label}\"}}"
                )
            };
            (0..count).map(line).collect::<Vec<_>>().join("\n")
        };
        fs::write(work.path("train.jsonl"), pairs(24, 0)).unwrap();
        fs::write(work.path("validation.jsonl"), pairs(16, 5)).unwrap();
        fs::write(work.path("test.jsonl"), pairs(12, 9)).unwrap();
        work.recipe("recipe.toml", SWEEP);
        work
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn recipe(&self, name: &str, sweep: &str) -> PathBuf {
        let folder = self.0.path().display();
        let text = format!(
            "[model]\nsource = \"{folder}\"\n\n\
             [data]\ntrain = \"{folder}/train.jsonl\"\n\
             validation = \"{folder}/validation.jsonl\"\ntest = \"{folder}/test.jsonl\"\n\n\
             [intervention]\nkind = \"low_rank_rotated_space\"\nrank = 1\ncomponent = \"block_output\"\nlayer = 0\n\
             position = \"last\"\n\n\
             [training]\nsteps = 60\nbatch = 8\nlog_every = 4\n\n\
             [evaluation]\nrandom_rotations = 2\n\n{sweep}"
        );
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, recipe: &str, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin!("intervene"));
        command.arg("sweep").arg(self.path(recipe)).arg("--out").arg(self.path(out)).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn swept(&self, out: &str, more: &[&str]) -> Output {
        let output = self.command("recipe.toml", out, more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        output
    }

    fn table(&self, out: &str) -> String {
        fs::read_to_string(self.path(out).join("sweep.csv")).unwrap()
    }

    fn places(&self, out: &str) -> Vec<String> {
        let Ok(cells) = fs::read_dir(self.path(out).join("cells")) else { return Vec::new() };
        let names = cells.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(".json").filter(|n| !n.starts_with('.')).map(str::to_owned)).collect()
    }

    /// Waits until so many places are finished, and fails when the process ends before.
    fn wait(&self, out: &str, places: usize, process: &mut Child) {
        while self.places(out).len() < places {
            assert!(process.try_wait().unwrap().is_none(), "it ended with {} places", self.places(out).len());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn kill_after(&self, out: &str, places: usize) {
        let mut process = self.command("recipe.toml", out, &["--quiet"]).spawn().unwrap();
        self.wait(out, places, &mut process);
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(!self.path(out).join("sweep.json").exists(), "it was killed too late");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// How many cells a process searched itself, as it says.
fn searched(output: &Output) -> usize {
    let said = said(output);
    let line = said.lines().find_map(|line| line.strip_prefix("searched ")).unwrap_or_else(|| panic!("{said}"));
    line.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_sweep_leaves_a_table_heatmaps_and_the_best_cells_run() {
    let work = Work::new();
    let output = work.swept("out", &[]);
    let table = work.table("out");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let header =
        "layer,position,head,rank,seed,iia,iia_low,iia_high,loss,hard_rank,random_rotation,steps".split(',').collect();
    assert_eq!((lines.len(), &lines[0]), (1 + CELLS, &header));
    assert_eq!(lines[1][..5], ["0", "0", "", "1", "0"]);
    assert_eq!(lines[CELLS][..5], ["1", "last", "", "2", "1"]);
    assert_eq!(searched(&output), CELLS);

    let maps = ["rank1-seed0", "rank1-seed1", "rank2-seed0", "rank2-seed1"];
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for map in maps {
        assert!(fs::read(work.path("out").join(format!("heatmap-{map}.png"))).unwrap().starts_with(b"\x89PNG"));
        let (rank, seed) = (&map[4..5], &map[10..]);
        assert!(text.contains(&format!("recipe: IIA by layer and position (rank {rank}, seed {seed})")), "{text}");
    }
    for line in &lines[1..] {
        let iia: f64 = line[5].parse().unwrap();
        assert!(text.contains(&format!("{iia:.2}")), "{iia} is in no heatmap: {text}");
        let [low, high] = [6, 7].map(|at| line[at].parse::<f64>().unwrap());
        assert!((0.0..=iia).contains(&low) && (iia..=1.0).contains(&high), "{line:?}");
        // Every prompt begins with the same token, so at position 0 there is nothing to exchange.
        assert_eq!(line[11], if line[1] == "0" { "0" } else { "60" });
    }

    // The best has the highest IIA, and of those the lowest loss.
    let number = |line: &[&str], at: usize| line[at].parse::<f64>().unwrap();
    let better = |a: &&Vec<&str>, b: &&Vec<&str>| {
        number(a, 5).total_cmp(&number(b, 5)).then(number(b, 8).total_cmp(&number(a, 8)))
    };
    let best = lines[1..].iter().max_by(better).unwrap();
    let whole = json(&work.path("out/sweep.json"));
    assert_eq!(whole["best"]["layer"].to_string(), best[0]);
    assert_eq!(whole["best"]["judged"]["iia"].as_f64(), Some(number(best, 5)));
    let recipe = intervene::recipe::Recipe::load(&work.path("out/best/recipe.toml"), &[]).unwrap();
    assert_eq!(recipe.intervention.layer.to_string(), best[0]);
    assert_eq!(recipe.intervention.position.to_string(), best[1]);
    assert_eq!(recipe.intervention.rank.unwrap().to_string(), best[3]);
    assert_eq!(recipe.search_seed().to_string(), best[4]);
    assert!(recipe.sweep.is_none());

    let best = work.path("out/best");
    let again: Value = serde_json::from_str(&tiny::printed(&["evaluate", best.to_str().unwrap(), "--json"])).unwrap();
    assert_eq!(again["iia"], json(&best.join("metrics.json"))["iia"]);
    tiny::refused(&["evaluate", work.path("out").to_str().unwrap()], &["this is a sweep's folder", "best/"]);

    // Once more: nothing is left to do, and the heatmaps are shown again.
    let cell = work.path("out/cells/0000.json");
    let before = fs::metadata(&cell).unwrap().modified().unwrap();
    let again = work.swept("out", &[]);
    assert_eq!(fs::metadata(&cell).unwrap().modified().unwrap(), before);
    assert!(text.starts_with(String::from_utf8_lossy(&again.stdout).split("\n\n").next().unwrap()));
    assert_eq!(fs::read_dir(work.path("out/claims")).unwrap().count(), 0, "no claim stays");
}

#[test]
fn several_devices_share_the_cells() {
    let work = Work::new();
    // Some seconds for the whole of it, so that one has not ended before the other has begun, on a busy machine also.
    let longer = ["--set", "training.steps=1500"];
    work.swept("one", &[&["--quiet"], &longer[..]].concat());
    let output = work.swept("two", &[&["--devices", "cpu,cpu"], &longer[..]].concat());
    assert!(said(&output).contains("searched "), "the first device is this process's own: {}", said(&output));
    assert!(searched(&output) < CELLS, "the other device searched nothing");
    assert_eq!(work.table("two"), work.table("one"));
    assert_eq!(fs::read_dir(work.path("two/claims")).unwrap().count(), 0, "no claim stays");

    let refused = |devices: &str| {
        let output = work.command("recipe.toml", "three", &["--devices", devices]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(!work.path("three").exists(), "it is refused before anything is made");
        said(&output)
    };
    assert!(refused("cpu,gpu").contains("unknown device `gpu`"));
    assert!(refused("cpu,rocm:1").contains("built without the feature `rocm`"));
}

#[test]
fn killed_and_resumed_it_ends_with_the_same_table() {
    let work = Work::new();
    work.swept("whole", &["--quiet"]);
    work.kill_after("killed", 1);
    work.kill_after("killed", 3);
    let kept: Vec<(String, Vec<u8>)> = work
        .places("killed")
        .into_iter()
        .map(|place| (place.clone(), fs::read(work.path(&format!("killed/cells/{place}.json"))).unwrap()))
        .collect();
    let resumed = work.swept("killed", &[]);
    assert!(searched(&resumed) <= CELLS - 3 * CELLS / PLACES);
    for (place, bytes) in kept {
        let now = fs::read(work.path(&format!("killed/cells/{place}.json"))).unwrap();
        assert_eq!(now, bytes, "place {place} was searched again");
    }
    assert_eq!(work.table("killed"), work.table("whole"));
    for name in ["best/intervention.safetensors", "best/recipe.toml", "best/metrics.jsonl"] {
        let [a, b] = ["whole", "killed"].map(|out| fs::read(work.path(out).join(name)).unwrap());
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn two_processes_share_a_sweep_and_do_no_cell_twice() {
    let work = Work::new();
    work.swept("whole", &["--quiet"]);
    let both = [(); 2].map(|()| work.command("recipe.toml", "shared", &[]).spawn().unwrap());
    let both = both.map(|process| process.wait_with_output().unwrap());
    for output in &both {
        assert!(output.status.success(), "{}", said(output));
    }
    assert_eq!(both.iter().map(searched).sum::<usize>(), CELLS, "{}\n{}", said(&both[0]), said(&both[1]));
    let finished = both.iter().filter(|output| said(output).contains("training the best cell in full")).count();
    assert_eq!(finished, 1, "one of them trains the best cell");
    assert_eq!(work.table("shared"), work.table("whole"));
}

#[test]
fn a_dead_claim_is_taken_over_and_a_live_one_waited_for() {
    let work = Work::new();
    work.kill_after("out", 1);
    let free = (0..PLACES).map(|at| format!("{at:04}")).filter(|name| !work.places("out").contains(name));
    let claims: Vec<PathBuf> = free.map(|name| work.path(&format!("out/claims/{name}.0"))).collect();
    let [dead, live] = [&claims[claims.len() - 2], &claims[claims.len() - 1]];
    let age = |path: &Path, seconds: u64| {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    };
    for path in [dead, live] {
        fs::write(path, "{\"host\": \"elsewhere\", \"pid\": 7, \"started\": 1, \"number\": 0}").unwrap();
    }
    age(dead, 600);

    let mut process = work.command("recipe.toml", "out", &[]).spawn().unwrap();
    work.wait("out", PLACES - 1, &mut process);
    std::thread::sleep(Duration::from_millis(700));
    assert!(process.try_wait().unwrap().is_none(), "it waits for the machine that is still at work");
    assert_eq!(work.places("out").len(), PLACES - 1);
    age(live, 600);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("(process 7 on elsewhere)"), "{}", said(&output));
    assert_eq!(work.table("out").lines().count(), 1 + CELLS);
}

#[test]
fn a_folder_with_another_recipe_is_refused() {
    let work = Work::new();
    work.swept("out", &["--quiet"]);
    let out = work.path("out").display().to_string();
    let recipe = work.path("recipe.toml").display().to_string();
    let refused = |set: &str, parts: &[&str]| {
        tiny::refused(&["sweep", &recipe, "--quiet", "--out", &out, "--set", set], parts);
    };
    refused("training.steps=61", &["training.steps = 60", "says 61", "name a new folder"]);
    refused("sweep.layers=[0]", &["sweep.layers = \"all\"", "says [0]"]);
    refused("intervention.rank=2", &["intervention.rank = 1", "says 2"]);
    refused("sweep.steps=5", &["sweep.steps = nothing", "says 5"]);
    // What changes nothing in the table may differ.
    work.swept("out", &["--quiet", "--set", "name=other", "--device", "cpu"]);

    fs::create_dir(work.path("other")).unwrap();
    fs::write(work.path("other/notes.txt"), "mine").unwrap();
    let other = work.path("other").display().to_string();
    tiny::refused(&["sweep", &recipe, "--out", &other], &["other", "holds `notes.txt` and no sweep"]);
    let best = format!("{out}/best");
    tiny::refused(&["sweep", &recipe, "--out", &best], &["the folder of a run, not of a sweep"]);
    work.recipe("plain.toml", "");
    let plain = work.path("plain.toml").display().to_string();
    tiny::refused(&["sweep", &plain, "--out", &other], &["plain: the recipe has no [sweep]"]);
}

#[test]
fn mistakes_in_the_section_have_their_line() {
    let work = Work::new();
    let mut text = String::new();
    let cases: [(&str, &[&str]); 14] = [
        ("layerz = [0]", &["bad.toml:25:", "unknown key `layerz`", "did you mean `layers`?"]),
        ("layers = \"0-3\"", &["bad.toml:25:", "`0-3` is no axis", "\"0..30:3\""]),
        ("layers = \"0..4:0\"", &["bad.toml:25:", "`0..4:0` is no axis"]),
        ("layers = 3", &["bad.toml:25:", "a list such as [0, 5]"]),
        ("layers = [-1]", &["bad.toml:25:", "-1"]),
        ("layers = []", &["bad.toml:25:", "sweep.layers: at least one is needed"]),
        ("layers = [1, 0, 1]", &["bad.toml:25:", "sweep.layers: 1 stands there twice"]),
        ("positions = [\"name:midst\"]", &["bad.toml:25:", "unknown choice of tokens `midst`"]),
        ("heads = [0]", &["bad.toml:25:", "sweep.heads: block_output is not one of the `head_` components"]),
        ("ranks = [0, 1]", &["bad.toml:25:", "sweep.ranks: at least 1"]),
        ("ranks = \"all\"", &["bad.toml:25:", "sweep.ranks: there is no end of ranks"]),
        ("seeds = \"0..4000000000\"", &["bad.toml:25:", "sweep.seeds: 4000000000 of them", "at most 100000"]),
        ("steps = 0", &["bad.toml:25:", "sweep.steps: at least 1"]),
        ("seeds = [0]\nrandom_rotations = \"no\"", &["bad.toml:26:", "invalid type"]),
    ];
    for (line, parts) in cases {
        text.clear();
        let _ = write!(text, "[sweep]\n{line}\n");
        let path = work.recipe("bad.toml", &text);
        tiny::refused(&["check", path.to_str().unwrap()], parts);
        tiny::refused(&["sweep", path.to_str().unwrap(), "--out", work.path("bad").to_str().unwrap()], parts);
    }
    assert!(!work.path("bad").exists(), "a refused recipe leaves no folder");

    let path = work.recipe("bad.toml", "[sweep]\nlayers = [0]\n");
    let whole = fs::read_to_string(&path).unwrap();
    let lines = whole.lines().filter(|line| !line.starts_with("validation"));
    fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    tiny::refused(&["check", path.to_str().unwrap()], &["bad.toml:23: sweep: there are no validation pairs"]);

    // What only the model and the pairs can tell, before any cell is searched.
    for (line, part) in [
        ("layers = \"0..9\"", "layer 2 is not there: the model has 2"),
        ("ranks = [1, 4000]", "4000 columns are more than the site is wide"),
        ("positions = [0, 9]", "position 9 is not there"),
        ("positions = [0, \"name\"]", "there is no position `name`"),
    ] {
        let path = work.recipe("bad.toml", &format!("[sweep]\n{line}\n"));
        let out = work.path("unfit");
        tiny::refused(&["sweep", path.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()], &[part]);
        assert!(!out.exists(), "a recipe that does not fit leaves no folder");
    }
}
