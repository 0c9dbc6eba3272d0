//! Names of repositories, and of files of data sets.

use intervene::hub::{Id, data_repository};

#[test]
fn names_are_distinguished_from_paths() {
    let id: Id = "org/name@v1.0".parse().unwrap();
    assert_eq!((id.name.as_str(), id.revision(), id.to_string().as_str()), ("org/name", "v1.0", "org/name@v1.0"));
    assert_eq!("gpt2".parse::<Id>().unwrap().name, "gpt2");
    for path in ["", "a/b/c", "../x", "/tmp/x", "a/.b", "a b/c", "a/b@", "a/b@../c", "~/x", "a/-b"] {
        assert!(path.parse::<Id>().is_err(), "{path}");
    }
}

#[test]
fn files_of_data_sets_have_a_repository_and_a_path() {
    let id = data_repository("hub:org/pairs@v2/data/train.jsonl".as_ref()).unwrap();
    assert_eq!(id.to_string(), "org/pairs@v2");
    for path in ["hub:org/pairs", "hub:org/pairs/", "hub:org/pairs/../x.jsonl", "hub:a b/c/d", "org/pairs/x.jsonl"] {
        assert!(data_repository(path.as_ref()).is_err(), "{path}");
    }
}
