//! A sweep ends with the same table however many processes share it and however often it is killed.
//!
//! No test depends on how fast a process is: where one must not have ended yet, a claim of another machine holds a place,
//! and the process waits for that place until the test removes the claim.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{CELLS, PLACES, Work, searched, stderr};
use crate::common::waiting::{self, Held};

/// What a waiting process writes about the holder of such a claim.
const HOLDER: &str = "process 7 on elsewhere";

/// Ten minutes, after which a claim of another machine counts as dead.
const LONG: Duration = Duration::from_secs(600);

impl Work {
    /// The claim of another machine on a place. Its time lies in the future, so that it stays alive until it is changed.
    fn claim(&self, out: &str, place: usize) -> PathBuf {
        for part in ["cells", "claims"] {
            fs::create_dir_all(self.path(out).join(part)).unwrap();
        }
        let path = self.path(out).join(format!("claims/{place:04}.0"));
        fs::write(&path, "{\"host\": \"elsewhere\", \"pid\": 7, \"started\": 1, \"number\": 0}").unwrap();
        written(&path, SystemTime::now() + 10 * LONG);
        path
    }

    /// Starts a process on the sweep, beside the test.
    fn start(&self, out: &str, more: &[&str]) -> Running {
        let log = tempfile::NamedTempFile::new_in(self.0.path()).unwrap();
        let mut command = self.command("recipe.toml", out, more);
        let process = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Running { process: Held(process), log }
    }

    /// Kills a process on the sweep once so many places are finished; a claim must keep it from ending before.
    fn kill_after(&self, out: &str, places: usize) {
        let mut running = self.start(out, &["--quiet"]);
        running.until("places are finished", || self.places(out).len() >= places);
        drop(running);
        assert!(!self.path(out).join("sweep.json").exists(), "the sweep is whole although a place was claimed");
    }
}

/// Sets the time at which a claim was last written to.
fn written(claim: &Path, time: SystemTime) {
    fs::File::options().write(true).open(claim).unwrap().set_modified(time).unwrap();
}

/// A process on a sweep, with a file for its standard error.
struct Running {
    process: Held,
    log: tempfile::NamedTempFile,
}

impl Running {
    fn stderr(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Waits until something has happened; fails when the process ends before.
    fn until(&mut self, what: &str, mut happened: impl FnMut() -> bool) {
        waiting::until(what, || {
            let ended = self.process.0.try_wait().unwrap();
            assert!(happened() || ended.is_none(), "{what}: the process ended before: {}", self.stderr());
            happened()
        });
    }

    /// Waits until all that is left is held by the claim of the other machine.
    fn until_it_waits(&mut self) {
        let log = self.log.path().to_owned();
        self.until("the process waits", || fs::read_to_string(&log).unwrap().contains(HOLDER));
    }

    /// Its standard error, at its end.
    fn end(mut self) -> String {
        let status = self.process.0.wait().unwrap();
        assert!(status.success(), "{}", self.stderr());
        self.stderr()
    }
}

#[test]
fn several_devices_share_the_cells() {
    let work = Work::new();
    work.swept("one", &["--quiet"]);
    let claims: Vec<PathBuf> = (0..PLACES).map(|place| work.claim("two", place)).collect();
    let mut first = work.start("two", &["--devices", "cpu,cpu"]);
    first.until_it_waits();
    // The process of the first device is stopped, so what is finished now is finished by that of the second.
    let pid = Pid::from_raw(i32::try_from(first.process.0.id()).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    assert_eq!(waitpid(pid, Some(WaitPidFlag::WUNTRACED)), Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)));
    claims.iter().for_each(|claim| fs::remove_file(claim).unwrap());
    waiting::until("the second device finishes a place", || !work.places("two").is_empty());
    kill(pid, Signal::SIGCONT).unwrap();
    assert!(searched(&first.end()) < CELLS, "the other device searched nothing");
    assert_eq!(work.table("two"), work.table("one"));
    assert_eq!(fs::read_dir(work.path("two/claims")).unwrap().count(), 0, "no claim stays");

    let refused = |devices: &str| {
        let output = work.command("recipe.toml", "three", &["--devices", devices]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(!work.path("three").exists(), "it is refused before anything is made");
        stderr(&output)
    };
    assert!(refused("cpu,gpu").contains("unknown device `gpu`"));
    assert!(refused("cpu,rocm:1").contains("built without the feature `rocm`"));
}

#[test]
fn killed_and_resumed_it_ends_with_the_same_table() {
    let work = Work::new();
    work.swept("whole", &["--quiet"]);
    let claim = work.claim("killed", PLACES - 1);
    work.kill_after("killed", 1);
    work.kill_after("killed", 3);
    fs::remove_file(claim).unwrap();
    let finished: Vec<(PathBuf, Vec<u8>)> = work
        .places("killed")
        .into_iter()
        .map(|place| work.path(&format!("killed/cells/{place}.json")))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let resumed = work.swept("killed", &[]);
    assert!(searched(&stderr(&resumed)) <= CELLS - 3 * CELLS / PLACES);
    for (path, bytes) in finished {
        assert_eq!(fs::read(&path).unwrap(), bytes, "{} was searched again", path.display());
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
    // The last place is free once both are at work, so neither ends before the other has begun.
    let claim = work.claim("shared", PLACES - 1);
    let mut both = [(); 2].map(|()| work.start("shared", &[]));
    both.iter_mut().for_each(Running::until_it_waits);
    fs::remove_file(claim).unwrap();
    let both = both.map(Running::end);
    assert_eq!(both.iter().map(|stderr| searched(stderr)).sum::<usize>(), CELLS, "{}\n{}", both[0], both[1]);
    let finished = both.iter().filter(|stderr| stderr.contains("training the best cell in full")).count();
    assert_eq!(finished, 1, "one of them trains the best cell");
    assert_eq!(work.table("shared"), work.table("whole"));
}

#[test]
fn a_dead_claim_is_taken_over_and_a_live_one_waited_for() {
    let work = Work::new();
    let [dead, live] = [PLACES - 2, PLACES - 1].map(|place| work.claim("out", place));
    written(&dead, SystemTime::now() - LONG);
    let mut running = work.start("out", &[]);
    running.until_it_waits();
    assert_eq!(
        work.places("out").len(),
        PLACES - 1,
        "the place of the dead claim is finished, that of the live one not"
    );
    assert!(running.process.0.try_wait().unwrap().is_none(), "the process waits for the machine that is still at work");
    written(&live, SystemTime::now() - LONG);
    running.end();
    assert_eq!(work.table("out").lines().count(), 1 + CELLS);
}
