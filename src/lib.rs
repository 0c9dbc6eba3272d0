//! `intervene` trains interventions on frozen neural networks.

pub mod data;
pub mod error;
pub mod hub;
pub mod models;
pub mod tap;

pub use error::Error;
