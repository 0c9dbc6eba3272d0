//! The parameters with a learning rate of their own.

use std::collections::BTreeSet;

use burn::tensor::Device;
use intervene::interventions::{AnyIntervention, Intervention, Kind};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn the_description_names_the_group_that_the_parameters_are_in() {
    for kind in Kind::ALL {
        let Some(trained) = kind.info().trained else { continue };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let one = AnyIntervention::fresh(kind, 4, None, None, &mut rng, &Device::flex()).unwrap();
        let groups: Vec<_> = one.groups().into_iter().map(|(_, group)| group).collect();
        assert_eq!(groups, trained.group.into_iter().collect::<Vec<_>>(), "{kind}");
    }
}

#[test]
fn names_are_distinct_and_serialised_as_such() {
    let names: BTreeSet<&str> = Kind::ALL.map(Kind::name).into();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
