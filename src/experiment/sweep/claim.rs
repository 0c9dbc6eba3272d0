//! Claims distribute the work among the processes that share a sweep's folder.
//!
//! The first claim on a piece of work is the file `NAME.0`. It is written under another name and then linked to `NAME.0`.
//! The link fails if the name exists, so only one process can create the claim, also on a network file system, and the
//! file always has its holder's name in it. (On file systems without links it is created with `O_EXCL` and then written.)
//! If the holder is dead, the next claim is `NAME.1`, created in the same way, and so on. Dead claims are not removed:
//! a process that removed one could remove the new claim of another process instead. So exactly one of any number of
//! processes gets the claim.
//!
//! On the same machine a holder is dead if its process has ended; on another machine, if the file has not been written for
//! some minutes, because a holder writes to its claim regularly. Claims only avoid double work: if two processes do the
//! same piece (one was suspended for long), both write the same result.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind::AlreadyExists;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::measure;

/// How often a holder writes to its claim.
const BEAT: Duration = Duration::from_secs(20);
/// The holder of a claim of another machine is dead if the file has not been written for this long. Network file systems
/// may report a time that is a minute old.
const DEAD: Duration = Duration::from_secs(300);

/// A process that works on a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    pub pid: u32,
    /// The time when it was started, in seconds since 1970, which distinguishes it from a later process with the same id.
    started: Option<u64>,
    /// The number of claimants that the process created before this one.
    number: usize,
}

pub struct Claims {
    folder: PathBuf,
    me: Holder,
}

pub enum Taken {
    /// This claimant now holds the claim.
    Mine(Claim),
    /// Another claimant holds it; `None` if its name has not been written yet.
    Theirs(Option<Holder>),
}

/// A claim that is held until it is dropped. A thread writes to its file every [`BEAT`].
pub struct Claim {
    folder: PathBuf,
    name: String,
    generation: usize,
    beats: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Holder {
    fn me() -> Self {
        static CLAIMANTS: AtomicUsize = AtomicUsize::new(0);
        let pid = measure::process_id();
        let number = CLAIMANTS.fetch_add(1, Ordering::Relaxed);
        Self { host: measure::host(), pid, started: measure::process_started(pid), number }
    }

    /// Whether it is certainly dead (`true`) or alive (`false`); `None` for a process of another machine.
    fn is_dead(&self, me: &Self) -> Option<bool> {
        if self == me {
            // A claimant never asks for a claim that it holds, so it has dropped this one after an error.
            return Some(true);
        }
        let (started, own) = (self.started?, me.started?);
        if self.host != me.host || self.pid == me.pid && started == own {
            return None;
        }
        // A start time is the sum of the machine's start, which varies a little with its clock, and the time since then.
        Some(measure::process_started(self.pid).is_none_or(|now| now.abs_diff(started) > 5))
    }
}

impl Claims {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, me: Holder::me() }
    }

    /// Tries to claim a piece of work. After getting a claim, the caller has to check whether the work is already done.
    pub fn take(&self, name: &str) -> Result<Taken, Error> {
        for generation in 0.. {
            let path = path(&self.folder, name, generation);
            if self.create(&path)? {
                return self.hold(name, generation).map(Taken::Mine);
            }
            // A claim that cannot be read has just been removed, or is being written.
            let holder = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Holder>(&bytes).ok());
            let known = holder.as_ref().and_then(|holder| holder.is_dead(&self.me));
            if !known.map_or_else(|| self.silent(&path), Ok)? {
                return Ok(Taken::Theirs(holder));
            }
        }
        unreachable!("there is always a next generation")
    }

    /// Creates the claim file with this claimant in it; `false` if it exists.
    fn create(&self, path: &Path) -> Result<bool, Error> {
        if path.exists() {
            return Ok(false);
        }
        let text = self.text(path)?;
        let draft = self.hidden("claim");
        write(File::create(&draft), &text).map_err(Error::file(&draft, "cannot claim"))?;
        let linked = fs::hard_link(&draft, path);
        // A draft that cannot be removed does no harm.
        let _ = fs::remove_file(&draft);
        let made = match linked {
            Err(error) if error.kind() != AlreadyExists => {
                write(OpenOptions::new().write(true).create_new(true).open(path), &text).map(|_| ())
            }
            linked => linked,
        };
        match made {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == AlreadyExists => Ok(false),
            Err(error) => Err(Error::file(path, "cannot claim")(error)),
        }
    }

    fn text(&self, path: &Path) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self.me).map_err(|e| Error::content(path, format!("cannot write: {e}")))
    }

    /// The path of a hidden file that only this claimant uses.
    fn hidden(&self, what: &str) -> PathBuf {
        self.folder.join(format!(".{what}-{}-{}-{}", self.me.host, self.me.pid, self.me.number))
    }

    fn hold(&self, name: &str, generation: usize) -> Result<Claim, Error> {
        let (folder, name) = (self.folder.clone(), name.to_owned());
        let path = path(&folder, &name, generation);
        let text = self.text(&path)?;
        let (stop, stopped) = channel();
        let beats = std::thread::spawn(move || beat(&path, &text, &stopped));
        Ok(Claim { folder, name, generation, beats: Some((stop, beats)) })
    }

    /// Whether the claim has not been written for longer than [`DEAD`], by the clock of its file system.
    fn silent(&self, path: &Path) -> Result<bool, Error> {
        let Ok(last) = fs::metadata(path).and_then(|claim| claim.modified()) else { return Ok(false) };
        let probe = self.hidden("now");
        let now = write(File::create(&probe), b"?").and_then(|file| file.metadata()?.modified());
        let removed = fs::remove_file(&probe);
        let now = now.and_then(|now| removed.map(|()| now)).map_err(Error::file(&probe, "cannot claim"))?;
        Ok(now.duration_since(last).is_ok_and(|silence| silence > DEAD))
    }
}

impl Claim {
    /// Removes the claim and the dead ones before it, after the result of the work has been written.
    pub fn done(mut self) {
        self.stop();
        for generation in 0..=self.generation {
            // A claim that cannot be removed does no harm.
            let _ = fs::remove_file(path(&self.folder, &self.name, generation));
        }
    }

    fn stop(&mut self) {
        if let Some((stop, beats)) = self.beats.take() {
            drop(stop);
            // The thread cannot panic.
            let _ = beats.join();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.stop();
    }
}

fn path(folder: &Path, name: &str, generation: usize) -> PathBuf {
    folder.join(format!("{name}.{generation}"))
}

fn write(file: io::Result<File>, bytes: &[u8]) -> io::Result<File> {
    let mut file = file?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// Rewrites the claim every [`BEAT`] until it is dropped. The bytes are the same, so concurrent reads are consistent.
fn beat(path: &Path, text: &[u8], stopped: &Receiver<()>) {
    while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        // A failed write is repeated at the next beat.
        let _ = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(folder: &tempfile::TempDir) -> Claims {
        Claims::new(folder.path().to_owned())
    }

    fn mine(taken: Taken) -> Option<Claim> {
        match taken {
            Taken::Mine(claim) => Some(claim),
            Taken::Theirs(_) => None,
        }
    }

    /// Writes the claim file of an earlier holder.
    fn write_claim(folder: &tempfile::TempDir, name: &str, holder: &Holder, seconds_ago: u64) {
        let path = folder.path().join(name);
        fs::write(&path, serde_json::to_vec(holder).unwrap()).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_secs(seconds_ago);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn a_held_claim_is_refused_to_others_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (claims(&folder), claims(&folder));
        let held = mine(a.take("x").unwrap()).unwrap();
        assert!(matches!(b.take("x").unwrap(), Taken::Theirs(Some(holder)) if holder == a.me));
        assert!(mine(b.take("y").unwrap()).is_some());
        held.done();
        assert!(mine(b.take("x").unwrap()).is_some());
    }

    #[test]
    fn a_dropped_claim_may_be_taken_again_by_its_claimant() {
        let folder = tempfile::tempdir().unwrap();
        let a = claims(&folder);
        drop(mine(a.take("x").unwrap()));
        assert!(mine(a.take("x").unwrap()).is_some());
    }

    #[test]
    fn exactly_one_of_many_takers_gets_the_claim() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Holder { pid: u32::MAX - 1, number: 0, ..Holder::me() };
        for round in 0..20 {
            write_claim(&folder, &format!("{round}.0"), &dead, 0);
            let takers: Vec<Claims> = (0..8).map(|_| claims(&folder)).collect();
            let start = std::sync::Barrier::new(takers.len());
            let won: Vec<Option<Claim>> = std::thread::scope(|scope| {
                let take = |taker: &Claims| {
                    start.wait();
                    mine(taker.take(&round.to_string()).unwrap())
                };
                let threads: Vec<_> = takers.iter().map(|taker| scope.spawn(move || take(taker))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(won.iter().flatten().count(), 1, "round {round}");
        }
    }

    #[test]
    fn a_claim_outlives_its_process_only_on_another_machine_and_not_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let taker = claims(&folder);
        let takes = |name: &str, holder: &Holder, seconds_ago: u64| {
            write_claim(&folder, &format!("{name}.0"), holder, seconds_ago);
            mine(taker.take(name).unwrap()).is_some()
        };
        let here = Holder { number: 99, ..Holder::me() };
        assert!(takes("gone", &Holder { pid: u32::MAX - 1, ..here.clone() }, 0));
        let earlier = here.started.map(|started| started - 1000);
        assert!(takes("number used again", &Holder { started: earlier, ..here.clone() }, 0));
        let elsewhere = Holder { host: "elsewhere".to_owned(), ..here.clone() };
        assert!(!takes("elsewhere, alive", &elsewhere, 0));
        assert!(takes("elsewhere, dead", &elsewhere, DEAD.as_secs() + 60));
        fs::write(folder.path().join("unwritten.0"), "").unwrap();
        assert!(mine(taker.take("unwritten").unwrap()).is_none());
        assert_eq!(
            fs::read_dir(folder.path())
                .unwrap()
                .filter(|e| { e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.') })
                .count(),
            0,
            "no probe and no draft stays"
        );
    }
}
