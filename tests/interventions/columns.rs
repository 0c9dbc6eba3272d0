//! Subspaces, partitions and constant sources select the columns that they name.

use burn::tensor::{Device, Tensor};
use intervene::interventions::{AnyIntervention, Kind, Subspace, SubspacePartition, constant_source};

use super::{BATCH, UNITS, WIDTH, rng, rows, values};

#[test]
fn collecting_takes_columns_in_their_order() {
    let AnyIntervention::Collect(collect) =
        AnyIntervention::fresh(Kind::Collect, WIDTH, None, None, &mut rng(31), &Device::flex()).unwrap()
    else {
        panic!("collect")
    };
    let base = rows(32);
    assert_eq!(values(&collect.collect(base.clone(), None).unwrap()), values(&base));
    let lists = [vec![5, 0], vec![1, 7], vec![2, 2]];
    let taken = collect.collect(base.clone(), Some(&Subspace::PerExample(lists.to_vec()))).unwrap();
    assert_eq!(taken.dims(), [BATCH, UNITS, 2]);
    let all = values(&base);
    let expected = (0..BATCH * UNITS).flat_map(|n| lists[n / UNITS].iter().map(move |c| (n, *c)));
    assert_eq!(values(&taken), expected.map(|(n, c)| all[n * WIDTH + c]).collect::<Vec<_>>());
    let unequal = Subspace::PerExample(vec![vec![1], vec![], vec![2]]);
    assert!(collect.collect(base, Some(&unequal)).unwrap_err().to_string().contains("unequal sizes"));
}

#[test]
fn pairs_of_a_partition_are_ranges_as_in_pyvene() {
    let partition = SubspacePartition::pyvene(&[vec![0, 3], vec![3, 4, 6], vec![7, 8]]);
    assert_eq!(partition.parts(), [vec![0, 1, 2], vec![3, 4, 6], vec![7]]);
    assert_eq!(partition.same(&[2, 0]).unwrap(), Subspace::Same(vec![7, 0, 1, 2]));
    assert!(partition.same(&[3]).unwrap_err().to_string().contains("no part 3"));
}

#[test]
fn constant_sources_are_rows() {
    let device = Device::flex();
    let constant = Tensor::<1>::from_data([1.0_f32, -2.0, 0.5], &device);
    let source = constant_source(&constant, [2, 2, 3]).unwrap();
    assert_eq!(values(&source), [1.0, -2.0, 0.5].repeat(4));
    assert!(constant_source(&constant, [2, 2, 4]).unwrap_err().to_string().contains("width 3 for rows of width 4"));
    let broken = Tensor::<1>::from_data([1.0, f32::NAN, 0.5], &device);
    assert!(constant_source(&broken, [2, 2, 3]).unwrap_err().to_string().contains("NaN"));
}
