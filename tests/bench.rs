//! The benchmark of a rotation alone.

use burn::tensor::Device;
use intervene::bench::{RotationWorkload, SelfTest, devices, rotation};

fn work(width: usize, rank: Option<usize>) -> RotationWorkload {
    RotationWorkload { width, rank, rows: 3, warmup: 1, steps: 2 }
}

#[test]
fn a_timed_rotation_stays_orthonormal() {
    for rank in [None, Some(4)] {
        let timed = rotation(&work(32, rank), &Device::flex()).unwrap();
        assert_eq!(timed.rank, rank.unwrap_or(32));
        assert!(timed.wall_ms > 0.0);
        assert!(timed.orthogonality_error < 1e-5, "{}", timed.orthogonality_error);
    }
}

#[test]
fn a_rank_of_zero_or_above_the_width_is_an_error() {
    for rank in [0, 33] {
        let error = rotation(&work(32, Some(rank)), &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(&format!("rank {rank} of width 32")), "{error}");
    }
}

#[test]
fn the_processor_equals_itself_and_a_wrong_gradient_does_not_pass() {
    let test = devices(&["cpu".to_owned()]).unwrap()[0].self_test.unwrap();
    assert_eq!(test, SelfTest { logits: 0.0, gradient: 0.0 });
    assert!(test.passes());
    assert!(!SelfTest { logits: 0.0, gradient: 2e-3 }.passes());
}
