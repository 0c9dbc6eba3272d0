//! pyvene's folders: `config.json` and one `intkey_*.bin` for each intervention that has tensors.
//!
//! [`read`] reads the folders that `IntervenableModel.save` of pyvene (Wu et al. 2024, arXiv 2403.07809) writes, in release
//! 0.1.8 and in older ones, and [`write()`] writes folders for its `IntervenableModel.load`. The tensors are in PyTorch's
//! archives, as pickles. A pickle is never executed, and one that names anything but tensors is an error (see [`pickle`]).

mod archive;
mod config;
mod folder;
mod keys;
pub mod mib;
pub mod pickle;

pub use archive::read_tensors;
pub use folder::{PyveneFolder, SavedIntervention, read, write};
