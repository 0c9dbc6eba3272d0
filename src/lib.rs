//! `intervene` trains interventions on frozen neural networks.

pub mod error;
pub mod models;
pub mod tap;

pub use error::Error;
