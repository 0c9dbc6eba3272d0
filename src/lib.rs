//! `intervene` trains interventions on frozen neural networks.

pub mod error;
pub mod interventions;
pub mod models;
pub mod orthogonal;
pub mod tap;

pub use error::Error;
