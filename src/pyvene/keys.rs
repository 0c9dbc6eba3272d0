//! The names of pyvene's interventions, and of their files.

/// What pyvene calls an intervention, without the number that tells equal ones apart: release 0.1.8's name, then the dotted
/// ones of older releases.
pub(super) fn names(layer: usize, component: &str, unit: &str, units: usize) -> [String; 3] {
    [
        format!("layer_{layer}_comp_{component}_unit_{}_nunit_{units}", unit.replace('.', "_")),
        format!("layer.{layer}.comp.{component}.unit.{unit}.nunit.{units}"),
        format!("layer.{layer}.repr.{component}.unit.{unit}.nunit.{units}"),
    ]
}

/// The file of the intervention of that key.
pub(super) fn file(key: &str) -> String {
    format!("intkey_{key}.bin")
}
