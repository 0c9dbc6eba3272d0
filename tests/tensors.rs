//! Safetensors files of any size.

mod growing;
mod whole;
