//! A rotation is optimised beside other parameters, and is saved and loaded without loss.

use burn::module::{Module, Param, ParamGroup};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use intervene::orthogonal::{self, Map, Rotation, StiefelAdam};
use safetensors::SafeTensors;

use super::{distance, rng, steps, uniform, values};

/// A rotation beside another parameter, for optimisers with groups.
#[derive(Module, Debug)]
struct Pair {
    rotation: Rotation,
    scale: Param<Tensor<1>>,
}

fn procrustes(pair: &Pair, rows: &Tensor<2>, target: &Tensor<2>) -> Tensor<1> {
    let rotated = Tensor::from_inner(rows.clone()).matmul(pair.rotation.matrix());
    (rotated * pair.scale.val().unsqueeze() - Tensor::from_inner(target.clone())).square().mean()
}

/// Finds a hidden rotation and a scale from rows and their images, on the manifold and by every map.
#[test]
fn every_map_solves_a_procrustes_problem() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    for map in [None].into_iter().chain(Map::ALL.map(Some)) {
        for (width, rank) in [(8, 8), (12, 3)] {
            let mut rng = rng(19);
            let rows = uniform([64, width], 1.0, &mut rng, &plain);
            let start = orthogonal::random(width, rank, &mut rng, &plain);
            // The hidden rotation is near the start, in the same connected component.
            let hidden = steps(start.clone(), 0.05, 10, |_| uniform([width, rank], 1.0, &mut rng, &plain));
            let target = rows.clone().matmul(hidden).mul_scalar(2.0);
            let mut pair = Pair {
                rotation: Rotation::from_matrix(map, start, &tracked),
                scale: Param::from_tensor(Tensor::ones([1], &tracked)),
            };
            let mut optimiser = ModuleOptimizer::from(AdamWConfig::new().with_weight_decay(0.0).build()).with_group(
                ParamGroup::from_predicate("stiefel"),
                StiefelAdam::default(),
                None,
            );
            let first: f32 = procrustes(&pair, &rows, &target).into_scalar();
            for _ in 0..400 {
                let gradients = procrustes(&pair, &rows, &target).backward();
                let gradients = GradientsParams::from_grads(gradients, &pair);
                pair = optimiser.step(0.01, pair, gradients);
            }
            let last: f32 = procrustes(&pair, &rows, &target).into_scalar();
            let error = orthogonal::error(&pair.rotation.matrix().inner());
            println!("{map:?} {width} x {rank}: {first:.3} -> {last:.1e}, error {error:.1e}");
            assert!(last < 1e-3 * first, "{map:?} {width} x {rank}: {first} -> {last}");
            assert!(error < 1e-5, "{map:?} {width} x {rank}: {error}");
        }
    }
}

/// Training continues identically after the state of the optimiser was written to bytes and read.
#[test]
fn the_optimisers_state_is_saved_and_loaded() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    let mut rng = rng(23);
    let rows = uniform([16, 6], 1.0, &mut rng, &plain);
    let target = uniform([16, 6], 1.0, &mut rng, &plain);
    let mut pair = Pair {
        rotation: Rotation::manifold(orthogonal::random(6, 6, &mut rng, &plain), &tracked),
        scale: Param::from_tensor(Tensor::ones([1], &tracked)),
    };
    let fresh = || {
        ModuleOptimizer::from(AdamWConfig::new().build()).with_group(
            ParamGroup::from_predicate("stiefel"),
            StiefelAdam::default(),
            None,
        )
    };
    let step = |optimiser: &mut ModuleOptimizer, pair: Pair| {
        let gradients = GradientsParams::from_grads(procrustes(&pair, &rows, &target).backward(), &pair);
        optimiser.step(0.02, pair, gradients)
    };
    let mut optimiser = fresh();
    for _ in 0..5 {
        pair = step(&mut optimiser, pair);
    }
    let mut loaded = fresh().from_bytes(optimiser.into_bytes().unwrap()).unwrap();
    let kept = step(&mut optimiser, pair.clone()).rotation.matrix().inner();
    assert_eq!(values(&kept), values(&step(&mut loaded, pair.clone()).rotation.matrix().inner()));
    // Without its state the step differs.
    assert!(distance(&kept, &step(&mut fresh(), pair).rotation.matrix().inner()) > 1e-4);
}

/// A saved and loaded R has the same bits, on the manifold and through every map.
#[test]
fn saved_and_loaded_bits_are_the_same() {
    let plain = Device::flex();
    let tracked = plain.clone().autodiff();
    for (width, rank) in [(24, 24), (24, 5)] {
        let mut rng = rng(29);
        let r = orthogonal::random(width, rank, &mut rng, &plain);
        let r = steps(r, 1e-2, 20, |_| uniform([width, rank], 1.0, &mut rng, &plain));
        let rotation = Rotation::manifold(r.clone(), &tracked);
        let bytes: Vec<u8> = values(&rotation.matrix().inner()).iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![width, rank], &bytes).unwrap();
        let file = safetensors::serialize([("r", view)], None).unwrap();
        let read = SafeTensors::deserialize(&file).unwrap();
        let read = read.tensor("r").unwrap().data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        let read = Tensor::<2>::from_data(TensorData::new(read.collect::<Vec<_>>(), [width, rank]), &plain);
        for map in [None].into_iter().chain(Map::ALL.map(Some)) {
            let loaded = Rotation::from_matrix(map, read.clone(), &tracked);
            assert_eq!(loaded.map_kind(), map);
            assert_eq!(values(&loaded.matrix().inner()), values(&r), "{map:?} {width} x {rank}");
        }
    }
}
