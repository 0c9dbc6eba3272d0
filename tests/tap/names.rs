//! The names of sites.

use intervene::tap::{Component, Site};

#[test]
fn every_name_is_parsed_to_its_component() {
    for component in Component::ALL {
        let site = component.at(7);
        assert_eq!(site.to_string().parse::<Site>().unwrap(), site);
    }
}

#[test]
fn a_typo_gets_a_suggestion() {
    let error = "block_ouput".parse::<Component>().unwrap_err().to_string();
    assert!(error.contains("did you mean `block_output`"), "{error}");
}
