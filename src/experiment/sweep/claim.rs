//! Who works on what, where several processes share a folder.
//!
//! The first claim on a piece of work is the file `NAME.0`. It is written beside its place and linked there, which fails
//! if the name is taken: so only one process can have made it, also on a network's file system, and it never lacks its
//! holder's name, however that ends. (Where there are no links, it is made with `O_EXCL` and then written.) Where its
//! holder is dead the next claim is `NAME.1`, made in the same way, and so on; dead claims stay where they are. So of any
//! number of takers one wins, and nobody has to move a dead claim out of the way first, which could hit the claim that
//! another taker has just made in its place.
//!
//! A holder is dead when its process is gone, on the same machine; on another, when the file has not been written to for
//! some minutes: a holder writes to its claim every now and then. Claims only save work. Should two processes do the same
//! piece after all (one was asleep for long), both write the same result.

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
/// A claim of another machine that was not written to for so long is a dead process's. Network file systems may show
/// a time that is a minute old.
const DEAD: Duration = Duration::from_secs(300);

/// A process that works on a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its machine.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// When it was started, in seconds since 1970, so that a later process of the same number is told from it.
    started: Option<u64>,
    /// Its how manieth claimant this is.
    number: usize,
}

/// A folder of claims, as one claimant sees it.
pub struct Claims {
    folder: PathBuf,
    me: Holder,
}

/// Whose a piece of work is.
pub enum Taken {
    /// This claimant's, from now on.
    Mine(Claim),
    /// Another's, or of somebody who has not yet written who they are.
    Theirs(Option<Holder>),
}

/// A claim that is held, and kept alive, until it is dropped.
pub struct Claim {
    folder: PathBuf,
    name: String,
    generation: usize,
    beats: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Holder {
    fn me() -> Self {
        static CLAIMANTS: AtomicUsize = AtomicUsize::new(0);
        let pid = std::process::id();
        let number = CLAIMANTS.fetch_add(1, Ordering::Relaxed);
        Self { host: measure::host(), pid, started: measure::process_started(pid), number }
    }

    /// Is it surely dead, or surely alive? Not to be known from another machine.
    fn dead(&self, me: &Self) -> Option<bool> {
        if self == me {
            // What a claimant still holds it does not ask for: it gave this claim up when something went wrong.
            return Some(true);
        }
        let (there, here) = (self.started?, me.started?);
        if self.host != me.host || self.pid == me.pid && there == here {
            return None;
        }
        // The start is the machine's start and a time since; the former wavers with the clock.
        Some(measure::process_started(self.pid).is_none_or(|started| started.abs_diff(there) > 5))
    }
}

impl Claims {
    /// Of a folder that is there.
    pub fn of(folder: PathBuf) -> Self {
        Self { folder, me: Holder::me() }
    }

    /// Tries to take a piece of work. Whoever gets it looks once more whether it has been done in the meantime.
    pub fn take(&self, name: &str) -> Result<Taken, Error> {
        for generation in 0.. {
            let path = path(&self.folder, name, generation);
            if self.make(&path)? {
                return self.hold(name, generation).map(Taken::Mine);
            }
            // What cannot be read was just given up, or is just being written.
            let holder = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Holder>(&bytes).ok());
            let known = holder.as_ref().and_then(|holder| holder.dead(&self.me));
            if !known.map_or_else(|| self.silent(&path), Ok)? {
                return Ok(Taken::Theirs(holder));
            }
        }
        unreachable!("there is always a next claim")
    }

    /// Makes the claim of this name with this claimant in it, unless there is one.
    fn make(&self, path: &Path) -> Result<bool, Error> {
        if path.exists() {
            return Ok(false);
        }
        let text = self.text(path)?;
        let draft = self.hidden("claim");
        write(File::create(&draft), &text).map_err(Error::file(&draft, "cannot claim"))?;
        let linked = fs::hard_link(&draft, path);
        // A draft that stays is only an untidy folder.
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

    /// A file of this claimant alone.
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

    /// Was the claim not written to for long, by the clock of the file system that it lies on?
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
    /// The work is done and its result written: the claim, and the dead ones before it, are no longer needed.
    pub fn done(mut self) {
        self.stop();
        for generation in 0..=self.generation {
            // A claim that stays is only an untidy folder.
            let _ = fs::remove_file(path(&self.folder, &self.name, generation));
        }
    }

    fn stop(&mut self) {
        if let Some((stop, beats)) = self.beats.take() {
            drop(stop);
            // The thread does nothing that could panic.
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

/// Writes the claim again and again until it is given up. The same bytes: whoever reads meanwhile reads them whole.
fn beat(path: &Path, text: &[u8], stopped: &Receiver<()>) {
    while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
        // A beat that fails is made up for by the next.
        let _ = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(folder: &tempfile::TempDir) -> Claims {
        Claims::of(folder.path().to_owned())
    }

    fn mine(taken: Taken) -> Option<Claim> {
        match taken {
            Taken::Mine(claim) => Some(claim),
            Taken::Theirs(_) => None,
        }
    }

    /// A claim file as a holder of the past left it.
    fn left(folder: &tempfile::TempDir, name: &str, holder: &Holder, seconds_ago: u64) {
        let path = folder.path().join(name);
        fs::write(&path, serde_json::to_vec(holder).unwrap()).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_secs(seconds_ago);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn what_one_holds_nobody_else_gets_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (claims(&folder), claims(&folder));
        let held = mine(a.take("x").unwrap()).unwrap();
        assert!(matches!(b.take("x").unwrap(), Taken::Theirs(Some(holder)) if holder == a.me));
        assert!(mine(b.take("y").unwrap()).is_some());
        held.done();
        assert!(mine(b.take("x").unwrap()).is_some());
    }

    #[test]
    fn what_was_given_up_without_a_result_its_claimant_may_take_again() {
        let folder = tempfile::tempdir().unwrap();
        let a = claims(&folder);
        drop(mine(a.take("x").unwrap()));
        assert!(mine(a.take("x").unwrap()).is_some());
    }

    #[test]
    fn of_many_takers_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Holder { pid: u32::MAX - 1, number: 0, ..Holder::me() };
        for round in 0..20 {
            left(&folder, &format!("{round}.0"), &dead, 0);
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
            left(&folder, &format!("{name}.0"), holder, seconds_ago);
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
