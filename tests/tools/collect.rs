//! `collect` writes the activations of the named sites and positions.

use intervene::data::Tokenizer;
use intervene::tap::{Component, Record, Rows, Site};

use super::{floats, tensor};
use crate::common::families::load;
use crate::common::numbers::Numbers;
use crate::common::program::{file, printed};
use crate::common::tensors::distance;
use crate::common::tiny::model;
use crate::common::whole_run::plain;

#[test]
fn collected_rows_equal_those_of_a_run() {
    let folder = model("llama");
    let (model, tokenizer) = (load(folder.path()), Tokenizer::load(folder.path()).unwrap());
    let lines = [
        r#"{"base": "Ann sat."}"#,
        r#"{"base": [3, 4, 5, 6, 7, 8, 9], "positions": [-1, 2]}"#,
        "",
        r#"{"base": "Tom sat by the sea", "positions": "text:the"}"#,
    ];
    let inputs = file(folder.path(), "inputs.jsonl", &lines);
    let out = folder.path().join("collected.safetensors");
    let collect = |batch: &str| {
        printed(&[
            "collect",
            "--model",
            folder.path().to_str().unwrap(),
            "--inputs",
            inputs.to_str().unwrap(),
            "--sites",
            "all.block_output,1.head_key_output,0.mlp_activation",
            "--out",
            out.to_str().unwrap(),
            "--positions",
            "0,last",
            "--batch",
            batch,
        ])
    };
    let sea = tokenizer.encode("Tom sat by the sea").unwrap();
    let the = tokenizer.positions("Tom sat by the sea", "the", 0).unwrap();
    let ann = tokenizer.encode("Ann sat.").unwrap();
    let expected: Vec<(usize, usize, Vec<u32>)> = [0, ann.len() - 1]
        .map(|at| (0, at, ann.clone()))
        .into_iter()
        .chain([6, 2].map(|at| (1, at, vec![3, 4, 5, 6, 7, 8, 9])))
        .chain(the.map(|at| (2, at, sea.clone())))
        .collect();
    for batch in ["1", "8"] {
        let said = collect(batch);
        assert!(said.contains("7 rows of 3 inputs at 4 sites"), "{said}");
        assert!(!folder.path().join("collected.safetensors.partial").exists());
        let numbers = Numbers::open(&out);
        let column = |name: &str| floats(numbers.floats::<1>(name)).into_iter().map(|x| x as usize).collect::<Vec<_>>();
        assert_eq!(column("example"), expected.iter().map(|row| row.0).collect::<Vec<_>>());
        assert_eq!(column("position"), expected.iter().map(|row| row.1).collect::<Vec<_>>());
        assert_eq!(column("token"), expected.iter().map(|row| row.2[row.1] as usize).collect::<Vec<_>>());
        assert_eq!(numbers.floats::<3>("1.head_key_output").dims(), [7, 2, 8]);
        let keys = numbers.floats::<3>("1.head_key_output").reshape([7, 16]);
        for (row, (_, position, tokens)) in expected.iter().enumerate() {
            let of = |site: Site| {
                let mut record = Record::new(site, Rows::same(1, &[*position]).unwrap());
                plain(&model, tensor(std::slice::from_ref(tokens)), &mut record);
                record.take().unwrap().squeeze_dim::<2>(0)
            };
            for site in [Component::BlockOutput.at(0), Component::BlockOutput.at(1), Component::MlpActivation.at(0)] {
                let found = numbers.floats::<2>(&site.to_string()).narrow(0, row, 1);
                let off = distance(&found, &of(site));
                assert!(off < 1e-5, "{site} of row {row} is off by {off}");
            }
            let off = distance(&keys.clone().narrow(0, row, 1), &of(Component::KeyOutput.at(1)));
            assert!(off < 1e-5, "the keys of row {row} are off by {off}");
        }
    }
}

#[test]
fn directions_are_parsed() {
    assert_eq!("diff-means".parse::<intervene::tools::Direction>().unwrap(), intervene::tools::Direction::DiffMeans);
    assert_eq!("pca:3".parse::<intervene::tools::Direction>().unwrap(), intervene::tools::Direction::Pca(3));
    for wrong in ["pca", "pca:0", "pca:x", "mean"] {
        assert!(wrong.parse::<intervene::tools::Direction>().unwrap_err().to_string().contains("pca:K"), "{wrong}");
    }
}
