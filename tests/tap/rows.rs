//! Rows that are read and written.

use burn::tensor::{Device, Int, Tensor};
use intervene::tap::Rows;

fn counting(shape: [usize; 3]) -> Tensor<3> {
    let n = shape.iter().product::<usize>();
    Tensor::<1, Int>::arange(0..n as i64, &Device::flex()).float().reshape(shape)
}

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn heads_at_positions_are_read_and_written_in_place() {
    let x = counting([2, 3, 4]);
    let rows = Rows::heads(&[vec![(1, 0), (0, 2)], vec![(0, 1), (1, 1)]], 2).unwrap();
    assert_eq!(values(rows.gather(x.clone())), [2., 3., 8., 9., 16., 17., 18., 19.]);
    let same = rows.scatter(x.clone(), rows.gather(x.clone()));
    assert_eq!(values(same), values(x.clone()));
    let zeroed = values(rows.scatter(x, Tensor::zeros([2, 2, 2], &Device::flex())));
    let zeros: Vec<usize> = (1..24).filter(|i| zeroed[*i] == 0.0).collect();
    assert_eq!(zeros, [2, 3, 8, 9, 16, 17, 18, 19]);
}

#[test]
fn invalid_rows_are_refused() {
    assert!(Rows::positions(vec![]).is_err());
    assert!(Rows::positions(vec![vec![0], vec![0, 1]]).is_err());
    assert!(Rows::heads(&[vec![(4, 0)]], 4).is_err());
    let past = Rows::same(1, &[3]).unwrap().check([1, 3, 8]).unwrap_err().to_string();
    assert!(past.contains("position 3 of example 0 is past the end"), "{past}");
}
