//! `sites` lists the model's components with their widths.

use intervene::models::FrozenModel;
use intervene::tap::Component;

use crate::common::families::load;
use crate::common::fixtures::fixtures;
use crate::common::program::printed;

#[test]
fn sites_are_those_of_the_model() {
    for family in ["llama", "gpt2", "gemma2", "qwen3"] {
        let folder = fixtures().join(family);
        let model = load(&folder);
        let table = printed(&["sites", folder.to_str().unwrap()]);
        assert!(table.starts_with(&format!("{family}, {} layers", model.n_layers())), "{table}");
        for component in Component::ALL {
            let line = table.lines().find(|line| line.split_whitespace().next() == Some(component.name()));
            assert_eq!(line.is_some(), model.site_shape(component).is_some(), "{component}: {table}");
            let (Some(line), Some(shape)) = (line, model.site_shape(component)) else { continue };
            let fields: Vec<&str> = line.split_whitespace().skip(1).collect();
            let width = if component.is_head() { shape.width / shape.heads.unwrap() } else { shape.width };
            assert_eq!(fields[0], width.to_string(), "{line}");
        }
    }
    let table = printed(&["sites", fixtures().join("llama").to_str().unwrap()]);
    assert!(table.lines().any(|line| line.split_whitespace().eq(["key_output", "16", "2"])), "{table}");
    assert!(table.lines().any(|line| line.split_whitespace().eq(["head_key_output", "8", "one"])), "{table}");
}
