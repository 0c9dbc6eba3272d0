//! Every intervention computes pyvene's formula, with and without a subspace.

use burn::tensor::Device;
use intervene::interventions::{AnyIntervention, Intervention, Kind, Subspace};
use intervene::orthogonal::Map;

use super::reference::{check, pyvene, tensors};
use super::{BATCH, WIDTH, rows};

#[test]
fn every_intervention_equals_the_formula_of_pyvene() {
    let device = Device::flex();
    let (base, source) = (rows(1), rows(2));
    for kind in Kind::ALL {
        let tensors = tensors(kind, 3);
        for map in [None].into_iter().chain(Map::ALL.map(Some)) {
            let one = AnyIntervention::from_tensors(kind, &tensors, map, &device).unwrap();
            assert_eq!(one.kind(), kind);
            let output = one.forward(base.clone(), source.clone());
            check(kind.name(), &output, &base, &source, |_, unit, b, s| pyvene(kind, &tensors, unit, b, s, None));
        }
    }
}

/// Lists of unequal lengths, one for each example, and one of them empty.
#[test]
fn subspaces_may_differ_from_example_to_example() {
    let device = Device::flex();
    let (base, source) = (rows(4), rows(5));
    let lists = vec![vec![3], vec![], vec![4, 0, 1]];
    let subspace = Subspace::PerExample(lists.clone());
    // pyvene's soft masks do not support subspaces.
    let soft = [Kind::BoundlessRotatedSpace, Kind::SigmoidMask, Kind::SigmoidMaskRotatedSpace];
    for kind in Kind::ALL.into_iter().filter(|kind| !soft.contains(kind)) {
        let tensors = tensors(kind, 6);
        let one = AnyIntervention::from_tensors(kind, &tensors, None, &device).unwrap();
        let mask = subspace.mask(one.space(WIDTH), BATCH, &device).unwrap();
        let output = one.edit(base.clone(), source.clone(), Some(mask));
        check(kind.name(), &output, &base, &source, |example, unit, b, s| {
            pyvene(kind, &tensors, unit, b, s, Some(&lists[example]))
        });
        // A subspace of all columns equals no subspace.
        let all = Subspace::Same((0..one.space(WIDTH)).collect());
        let output = one.edit(base.clone(), source.clone(), Some(all.mask(one.space(WIDTH), 1, &device).unwrap()));
        check(kind.name(), &output, &base, &source, |_, unit, b, s| {
            pyvene(kind, &tensors, unit, b, s, Some(&(0..one.space(WIDTH)).collect::<Vec<_>>()))
        });
    }
}

/// The soft mask applies to the columns of the subspace, and the others stay those of the base.
#[test]
fn a_subspace_of_a_soft_mask_keeps_the_rest() {
    let device = Device::flex();
    let (base, source) = (rows(7), rows(8));
    for kind in [Kind::BoundlessRotatedSpace, Kind::SigmoidMask, Kind::SigmoidMaskRotatedSpace] {
        let one = AnyIntervention::from_tensors(kind, &tensors(kind, 9), None, &device).unwrap();
        let part = |columns: Vec<usize>| {
            let mask = Subspace::Same(columns).mask(WIDTH, BATCH, &device).unwrap();
            one.edit(base.clone(), source.clone(), Some(mask)) - base.clone()
        };
        let whole = one.forward(base.clone(), source.clone());
        let parts = base.clone() + part(vec![0, 5]) + part(vec![1, 2, 3, 4, 6, 7]);
        let distance = (whole - parts).abs().max().into_scalar::<f32>();
        assert!(distance < 1e-6, "{kind}: {distance}");
        assert!(part(vec![]).abs().max().into_scalar::<f32>() == 0.0, "{kind}");
        assert!(part(vec![0, 5]).abs().max().into_scalar::<f32>() > 1e-3, "{kind}");
    }
}
