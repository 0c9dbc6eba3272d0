//! The order of the pairs, the columns of the variables, and the levels of the cache.

use std::ops::Range;

use burn::tensor::Device;
use intervene::Error;
use intervene::alignment::{Batches, Level, Partition, Storage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn unshuffled_batches_wrap_round() {
    let mut batches = Batches::new(5, 3, None);
    assert_eq!([batches.draw(), batches.draw()], [vec![0, 1, 2], vec![3, 4, 0]]);
}

#[test]
fn an_epoch_sees_every_pair_once() {
    let mut batches = Batches::new(8, 4, Some(ChaCha8Rng::seed_from_u64(0)));
    let epochs = [0, 1].map(|_| [batches.draw(), batches.draw()].concat());
    assert_ne!(epochs[0], epochs[1]);
    for mut epoch in epochs {
        epoch.sort_unstable();
        assert_eq!(epoch, (0..8).collect::<Vec<_>>());
    }
}

fn partition(parts: &[(&str, Range<usize>)]) -> Result<Partition, Error> {
    Partition::new(parts.iter().map(|(name, columns)| ((*name).to_owned(), columns.clone())).collect(), 8)
}

#[test]
fn parts_lie_within_the_rank_and_apart() {
    assert!(partition(&[]).is_err());
    assert!(partition(&[("A", 0..9)]).is_err());
    assert!(partition(&[("A", 3..3)]).is_err());
    assert!(partition(&[("A", 0..4), ("B", 3..8)]).is_err());
    let two = partition(&[("A", 0..4), ("B", 4..8)]).unwrap();
    assert_eq!(two.swaps(), [vec![0], vec![1], vec![0, 1]]);
}

#[test]
fn the_first_level_with_room_is_taken_unless_one_is_asked_for() {
    let mut storage = Storage { memory: Some(1000), ..Storage::default() };
    let choose = |storage: &Storage, bytes| storage.choose(bytes, &Device::flex()).unwrap();
    assert_eq!(choose(&storage, 1000), Level::Memory);
    assert_eq!(choose(&storage, 1001), Level::Disk);
    assert_eq!(choose(&storage, u64::MAX / 2), Level::Recompute);
    storage.level = Some("disk".parse().unwrap());
    assert_eq!(choose(&storage, 1), Level::Disk);
    assert!("disc".parse::<Level>().unwrap_err().to_string().contains("did you mean `disk`"));
}
