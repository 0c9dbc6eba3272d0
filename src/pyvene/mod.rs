//! pyvene's folders: `config.json` and one `intkey_*.bin` for each intervention that has tensors.
//!
//! [`read`] takes what `IntervenableModel.save` of pyvene (Wu et al. 2024, arXiv 2403.07809) has written, of release 0.1.8
//! and of older ones, and [`write()`] what its `IntervenableModel.load` takes. The tensors lie in PyTorch's archives as
//! pickles; nothing in a pickle is ever run, and one that asks for more than tensors is refused (see [`pickle`]).

mod archive;
mod config;
mod folder;
mod keys;
pub mod mib;
pub mod pickle;

pub use archive::read_tensors;
pub use folder::{Folder, Saved, read, write};
