//! `subspaces` and `subspace_partition`, and what pyvene makes of them.

use intervene::interventions::{Kind, Subspace, SubspacePartition};
use serde_json::Value;

use super::case::{Case, Family};

/// The subspace of one representation, or the part that is not supported.
pub fn subspace(
    family: &Family,
    case: &Case,
    number: usize,
    kind: Kind,
    exact: bool,
) -> Result<Option<Subspace>, String> {
    let representation = &case.representations[number];
    let localist =
        matches!(kind, Kind::Vanilla | Kind::Zero | Kind::Addition | Kind::Subtraction | Kind::Skip | Kind::Collect);
    // pyvene's soft masks, autoencoder and noise ignore subspaces.
    let ignores = matches!(
        kind,
        Kind::BoundlessRotatedSpace
            | Kind::SigmoidMaskRotatedSpace
            | Kind::SigmoidMask
            | Kind::Autoencoder
            | Kind::Noise
    );
    let Some(lists) = lists(&case.subspaces, number)?.filter(|_| !ignores) else {
        // pyvene exchanges the first `embed_dim` columns, which it gets wrong where heads × head_dim is not d_model.
        let width = family.unit_width(representation.component());
        let short = representation.embed_dim.filter(|short| localist && !exact && *short < width);
        return Ok(short.map(|short| Subspace::Same((0..short).collect())));
    };
    let partition = representation.subspace_partition.as_ref().map(|parts| SubspacePartition::pyvene(parts));
    let columns = |list: &Vec<usize>| match &partition {
        None => Ok(list.clone()),
        Some(partition) => match partition.same(list).map_err(|error| error.to_string())? {
            Subspace::Same(columns) => Ok(columns),
            Subspace::PerExample(_) => unreachable!("the same for all examples"),
        },
    };
    let columns: Vec<Vec<usize>> = lists.iter().map(columns).collect::<Result<_, String>>()?;
    if columns.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(columns.first().cloned().map(Subspace::Same));
    }
    // Where examples have different subspaces of one size, pyvene's indexing of [batch, units, width] crosses examples
    // with subspaces: every example gets all of them. (With rows that have no units, [batch, width], it is right.)
    let crossed = (localist || kind == Kind::JumpReluAutoencoder)
        && columns.windows(2).all(|pair| pair[0].len() == pair[1].len())
        && lists.windows(2).all(|pair| pair[0].len() == pair[1].len());
    Ok(Some(if crossed { Subspace::Same(columns.concat()) } else { Subspace::PerExample(columns) }))
}

/// `[batch][..]` of one representation; a number or a flat list is for all examples of all.
fn lists(subspaces: &Value, number: usize) -> Result<Option<Vec<Vec<usize>>>, String> {
    match subspaces {
        Value::Null => Ok(None),
        Value::Number(one) => Ok(Some(vec![vec![one.as_u64().ok_or("subspaces: no column")? as usize]])),
        Value::Array(all) if all.first().is_some_and(Value::is_u64) => {
            Ok(Some(vec![all.iter().filter_map(Value::as_u64).map(|column| column as usize).collect()]))
        }
        Value::Array(all) => match all.get(number) {
            None | Some(Value::Null) => Ok(None),
            Some(own) => serde_json::from_value(own.clone()).map(Some).map_err(|error| format!("subspaces: {error}")),
        },
        other => Err(format!("subspaces: {other}")),
    }
}
