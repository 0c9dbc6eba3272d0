//! `intervene` trains interventions on frozen neural networks.

pub mod error;
pub mod files;
pub mod models;
pub mod report;
pub mod tap;

pub use error::Error;
