//! All cases of some families, and the table of their outcomes.

use std::path::PathBuf;

use super::case::{Case, Family};
use super::{compare, train};
use crate::common::families::name;

/// The outcome of a case.
pub enum Outcome {
    /// The expected numbers.
    Equal,
    /// The expected numbers, once entries of the first gradient that rounding decides are those that were recorded.
    Settled(String),
    /// Other numbers, with their distance.
    NotEqual(String),
    /// pyvene refused the case; here it gives finite numbers, which have no expected value.
    Works,
    /// Refused, with the reason.
    Refused(String),
}

fn outcome(family: &Family, case: &Case) -> Outcome {
    match case.id.split_once('.') {
        Some(("train", kind)) => train::outcome(family, case, kind),
        _ => compare::outcome(family, case),
    }
}

/// Runs every case, prints the table, and fails where one is not equal.
pub fn every_case_is_equal(families: &[PathBuf]) {
    let mut wrong = Vec::new();
    let mut table = vec!["family      cases  equal  settled  not equal  refused  run though pyvene refuses".to_owned()];
    let (mut notes, mut reasons) = (Vec::new(), Vec::new());
    for folder in families {
        let family = Family::open(folder);
        let name = name(folder);
        let [mut equal, mut settled, mut not_equal, mut works, mut refused] = [0; 5];
        for case in &family.cases {
            match outcome(&family, case) {
                Outcome::Equal => equal += 1,
                Outcome::Settled(how) => {
                    settled += 1;
                    notes.push(format!("{name}: {}: {how}", case.id));
                }
                Outcome::Works => works += 1,
                // Whatever pyvene computes has to work here.
                Outcome::Refused(reason) if case.error.is_none() => {
                    not_equal += 1;
                    wrong.push(format!("{name}: {} is refused: {reason}", case.id));
                }
                Outcome::Refused(reason) => {
                    refused += 1;
                    reasons.push(format!("{name}: {}: {reason}", case.id));
                }
                Outcome::NotEqual(how) => {
                    not_equal += 1;
                    wrong.push(format!("{name}: {}: {how}", case.id));
                }
            }
        }
        let cases = family.cases.len();
        assert!(cases > 0, "{name} has no cases");
        table.push(format!(
            "{name:<11} {cases:>5}  {equal:>5}  {settled:>7}  {not_equal:>9}  {refused:>7}  {works:>25}"
        ));
    }
    println!("{}\n\nsettled:\n{}\n", table.join("\n"), notes.join("\n"));
    println!("refused, as by pyvene:\n{}", reasons.join("\n"));
    assert!(wrong.is_empty(), "{} cases are not equal:\n{}", wrong.len(), wrong.join("\n"));
}
