//! Several sources are swapped through one rotation, each into its own columns.

use burn::tensor::Device;
use intervene::interventions::{RotatedSpace, SubspacePartition};
use intervene::orthogonal::{self, Rotation};

use super::reference::{check, matrix, product, swapped, transposed, zip};
use super::{BATCH, UNITS, WIDTH, rng, rows, values};

#[test]
fn several_sources_share_a_rotation() {
    let device = Device::flex();
    let (base, first, second) = (rows(10), rows(11), rows(12));
    for rank in [WIDTH, 6] {
        let r = orthogonal::random(WIDTH, rank, &mut rng(13), &device);
        let space = RotatedSpace::new(Rotation::manifold(r.clone(), &device));
        let parts = SubspacePartition::ranges([0..4, 4..6]);
        let by_range = space.interchange(base.clone(), &[(first.clone(), 0..4), (second.clone(), 4..6)]);
        let mask = |part: usize| parts.same(&[part]).unwrap().mask(rank, BATCH, &device).unwrap();
        let by_mask = space.swap(base.clone(), &[(first.clone(), mask(0)), (second.clone(), mask(1))]);
        let r = matrix(&r.into_data());
        let (second_rows, n) = (values(&second), std::cell::Cell::new(0));
        let expected = |_: usize, _: usize, b: &[f64], s: &[f64]| {
            let other = &second_rows[n.get() * WIDTH..(n.get() + 1) * WIDTH];
            n.set((n.get() + 1) % (BATCH * UNITS));
            let z = swapped(&product(b, &r), &product(s, &r), &[0, 1, 2, 3]);
            let z = swapped(&z, &product(other, &r), &[4, 5]);
            let difference = zip(&z, &product(b, &r), |z, b| z - b);
            zip(b, &product(&difference, &transposed(&r)), |b, d| b + d)
        };
        check("interchange", &by_range, &base, &first, expected);
        check("swap", &by_mask, &base, &first, expected);
        assert_eq!(values(&space.interchange(base.clone(), &[])), values(&base));
        assert_eq!(values(&space.swap(base.clone(), &[])), values(&base));

        // Example 0 swaps the first part, 1 the second, 2 both.
        let only = |members: [Vec<usize>; 3]| parts.per_example(&members).unwrap().mask(rank, BATCH, &device).unwrap();
        let mixed = space.swap(
            base.clone(),
            &[(first.clone(), only([vec![0], vec![], vec![0]])), (second.clone(), only([vec![], vec![1], vec![1]]))],
        );
        let alone = [
            space.interchange(base.clone(), &[(first.clone(), 0..4)]),
            space.interchange(base.clone(), &[(second.clone(), 4..6)]),
            by_range,
        ];
        for (example, alone) in alone.into_iter().enumerate() {
            let difference = (mixed.clone() - alone).slice([example..example + 1, 0..UNITS, 0..WIDTH]).abs().max();
            assert!(difference.into_scalar::<f32>() < 1e-6, "example {example}");
        }
    }
}
