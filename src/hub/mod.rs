//! The Hugging Face Hub: fetching models, data sets and interventions by name, and publishing interventions.
//!
//! Files are fetched into the cache that all clients of the Hub share (`HF_HUB_CACHE`, else `HF_HOME`, else
//! `~/.cache/huggingface`); a file in the cache is not fetched again. The token is `HF_TOKEN`, else that of
//! `hf auth login`. `HF_HUB_OFFLINE=1` uses only the cache, and `HF_ENDPOINT` sets another server.

mod cache;
mod client;
mod explain;
mod fetch;
mod id;
mod progress;
mod push;
mod resolve;

pub use id::{CachedCommit, Id, data_repository, is_data};
pub use push::{Content, Pushed, Upload, push};
pub use resolve::{data_file, folder, origin, pull, resolve};
