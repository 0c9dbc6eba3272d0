//! Every case of the fixtures equals pyvene.
//!
//! `INTERVENE_FIXTURES` names another folder of the same format. A case that pyvene refused has no expected value: it is
//! run, and must give finite numbers or be refused with a reason.

mod case;
mod compare;
mod locations;
mod operations;
mod subspaces;
mod suite;
mod train;

use crate::common::families::families;

#[test]
fn every_case_equals_pyvene() {
    suite::every_case_is_equal(&families());
}
