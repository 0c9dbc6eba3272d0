//! The Hugging Face Hub: models, data sets and interventions by their names, and interventions published.
//!
//! What is fetched lies in the cache that all of the Hub's clients share (`HF_HUB_CACHE`, else `HF_HOME`, else
//! `~/.cache/huggingface`), and nothing that lies there is fetched again. The token is `HF_TOKEN`, or that of
//! `hf auth login`. `HF_HUB_OFFLINE=1` uses the cache alone, and `HF_ENDPOINT` names another server.

mod cache;
mod client;
mod explain;
mod fetch;
mod id;
mod progress;
mod push;
mod resolve;
mod token;

pub use id::{Id, Origin, data_repository, is_data};
pub use push::{Content, Pushed, Upload, push};
pub use resolve::{data_file, folder, origin, pull, resolve};
