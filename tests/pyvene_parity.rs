//! Every case of the fixtures: what pyvene computes, we compute.
//!
//! `INTERVENE_FIXTURES` names another folder of the same format. A case that pyvene refused has no expected value: it is
//! run, and has either to give finite numbers or to be refused with a reason.

mod case;
mod compare;
mod locations;
mod operations;
mod subspaces;
mod suite;
mod train;

use crate::common::families::families;

#[test]
fn every_case_of_pyvene_is_equal() {
    suite::every_case_is_equal(&families());
}
