//! Every case of the fixtures: what pyvene computes, we compute.
//!
//! `INTERVENE_FIXTURES` names another folder of the same format. A case that pyvene refused has no expected value: it is
//! run, and has either to give finite numbers or to be refused with a reason.

#[path = "pyvene_parity/case.rs"]
mod case;
mod common;
#[path = "pyvene_parity/compare.rs"]
mod compare;
#[path = "pyvene_parity/locations.rs"]
mod locations;
#[path = "pyvene_parity/operations.rs"]
mod operations;
#[path = "pyvene_parity/subspaces.rs"]
mod subspaces;
#[path = "pyvene_parity/suite.rs"]
mod suite;
#[path = "pyvene_parity/train.rs"]
mod train;

#[test]
fn every_case_of_pyvene_is_equal() {
    suite::every_case_is_equal(&common::families());
}
