//! The defaults and checks that the families' configurations share.

use std::path::Path;

use super::linear::Activation;
use crate::error::Error;

pub(super) fn yes() -> bool {
    true
}

pub(super) fn epsilon_1e5() -> f64 {
    1e-5
}

pub(super) fn epsilon_1e6() -> f64 {
    1e-6
}

pub(super) fn silu() -> String {
    "silu".to_owned()
}

/// The activation of that name.
pub(super) fn activation(name: &str, path: &Path) -> Result<Activation, Error> {
    Activation::from_name(name).ok_or_else(|| {
        let known = Activation::NAMES.map(|(known, _)| known).join(", ");
        Error::content(path, format!("the activation `{name}` is not supported; supported are: {known}"))
    })
}

/// The width of a head; an error if the heads do not divide the width.
pub(super) fn divide(width: usize, heads: usize, path: &Path) -> Result<usize, Error> {
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(Error::content(path, format!("{heads} heads do not divide a width of {width}")));
    }
    Ok(width / heads)
}

/// The sliding window of each layer: by `layer_types` where the configuration has them, else in the layers for which
/// `otherwise` is true.
pub(super) fn windows(
    layers: usize,
    window: Option<usize>,
    layer_types: Option<&[String]>,
    otherwise: impl Fn(usize) -> bool,
) -> Vec<Option<usize>> {
    let slides = |layer: usize| match layer_types.and_then(|types| types.get(layer)) {
        Some(kind) => kind == "sliding_attention",
        None => otherwise(layer),
    };
    (0..layers).map(|layer| window.filter(|_| slides(layer))).collect()
}
