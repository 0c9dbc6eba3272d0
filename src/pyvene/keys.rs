//! The names of pyvene's interventions, and of their files.

/// pyvene's names of an intervention, without the number that distinguishes equal names: first release 0.1.8's, then the
/// dotted ones of older releases.
pub(super) fn names(layer: usize, component: &str, unit: &str, units: usize) -> [String; 3] {
    [
        format!("layer_{layer}_comp_{component}_unit_{}_nunit_{units}", unit.replace('.', "_")),
        format!("layer.{layer}.comp.{component}.unit.{unit}.nunit.{units}"),
        format!("layer.{layer}.repr.{component}.unit.{unit}.nunit.{units}"),
    ]
}

/// The name of the file with the tensors of the intervention `key`.
pub(super) fn file(key: &str) -> String {
    format!("intkey_{key}.bin")
}
