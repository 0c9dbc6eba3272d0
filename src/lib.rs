//! `intervene` trains interventions on frozen neural networks.

pub mod alignment;
pub mod data;
pub mod device;
pub mod error;
pub mod files;
pub mod hub;
pub mod intervenable;
pub mod interventions;
pub mod models;
pub mod orthogonal;
pub mod places;
pub mod recipe;
pub mod recipes;
pub mod report;
pub mod run;
pub mod tap;
pub mod tasks;
pub mod tensors;
pub mod tools;

pub use error::Error;
