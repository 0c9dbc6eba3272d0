//! Sites and rows of activations.

mod names;
mod rows;
