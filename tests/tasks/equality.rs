//! The hierarchical equality task.

use intervene::tasks::FeatureTask;
use intervene::tasks::hierarchical_equality::hierarchical_equality;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn labels_are_balanced_and_follow_the_causal_model() {
    let task = hierarchical_equality();
    let examples = task.factual(4000, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    let ones: usize = examples.labels.iter().sum();
    assert!((1800..2200).contains(&ones), "{ones}");
    for (x, label) in examples.features.chunks(16).zip(&examples.labels) {
        assert_eq!((x[..4] == x[4..8]) == (x[8..12] == x[12..]), *label == 1);
        assert!(x.iter().all(|v| v.abs() <= 1.0 && (v * 100.0 - (v * 100.0).round()).abs() < 1e-4));
    }
}

#[test]
fn an_interchange_of_wx_takes_it_from_the_source() {
    let task = hierarchical_equality();
    let pairs = task.counterfactual(500, &["WX", "YZ"], &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    for (i, label) in pairs.labels.iter().enumerate() {
        let (wx, yz) = (&pairs.sources[0][i * 16..], &pairs.sources[1][i * 16..]);
        assert_eq!((wx[..4] == wx[4..8]) == (yz[8..12] == yz[12..16]), *label == 1);
    }
    assert!(task.counterfactual(1, &["XW"], &mut ChaCha8Rng::seed_from_u64(1)).is_err());
}

#[test]
fn the_graph_is_the_models() {
    let graph = hierarchical_equality().graph();
    let nodes: Vec<(&str, &[usize], bool)> =
        graph.iter().map(|node| (&*node.name, &*node.parents, node.aligned)).collect();
    let none: &[usize] = &[];
    let inputs = ["W", "X", "Y", "Z"].map(|name| (name, none, false));
    assert_eq!(nodes[..4], inputs);
    assert_eq!(nodes[4..], [("WX", &[0, 1][..], true), ("YZ", &[2, 3][..], true), ("O", &[4, 5][..], false)]);
}
