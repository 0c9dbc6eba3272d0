//! The integration tests, as one binary: burn is linked once. Each module is a subject.
//!
//! `gpu.rs` and `collect_memory.rs` are binaries of their own, because they need their own process: the former runs on one
//! device, the latter measures the memory of all children of its process.

mod common {
    pub mod browser;
    pub mod device;
    pub mod families;
    pub mod families_of_transformers;
    pub mod fixtures;
    pub mod half_precision;
    pub mod needs;
    pub mod numbers;
    pub mod problem;
    pub mod program;
    pub mod pyvene_environment;
    pub mod runs;
    pub mod tensors;
    pub mod tiny;
    pub mod waiting;
    pub mod whole_run;
}

mod alignment;
mod architecture;
mod bench;
mod cache;
mod checkpoint;
mod data;
mod device_names;
mod devices;
mod docs;
mod equality;
mod files;
mod generate;
mod gru;
mod half_precision;
mod hub;
mod intervenable;
mod interventions;
mod layer_ranges;
mod loreft;
mod malformed_input;
mod models;
mod old_run_folders;
mod orthogonal;
mod pyvene_files;
mod pyvene_parity;
mod recipes;
mod report;
mod run_folder;
mod search;
mod smollm2;
mod smollm2_search;
mod steering;
mod sweep;
mod tap;
mod tasks;
mod tensors;
mod tools;
mod training;
mod training_after_loading;
