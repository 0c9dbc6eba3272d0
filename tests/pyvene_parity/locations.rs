//! `unit_locations`, in all of pyvene's forms.

use intervene::intervenable::Units;
use serde_json::Value;

use super::case::{Case, Mode};

/// Source's and base's units of one representation; `None` where pyvene has null.
pub type Pair = (Option<Units>, Option<Units>);

/// The units of each representation, or the part that is not supported.
pub fn locations(case: &Case) -> Result<Vec<Pair>, String> {
    let count = case.representations.len();
    if case.unit_locations.is_null() {
        // All positions. While generating, pyvene takes position 0 of the one token, which is all of it.
        return Ok(vec![(Some(Units::All), Some(Units::All)); count]);
    }
    let all = case.unit_locations.as_object().ok_or("unit_locations is no object")?;
    let unit = |number: usize| case.representations[number].unit.as_str();
    match case.mode {
        Mode::Parallel => {
            let (key, value) = all.iter().next().ok_or("unit_locations is empty")?;
            let base_only = match key.as_str() {
                "base" => true,
                "sources->base" => false,
                other => return Err(format!("unit_locations of `{other}`")),
            };
            (0..count).map(|number| pair(value, base_only, number, unit(number))).collect()
        }
        Mode::Serial => {
            let groups = case.groups();
            let last = groups.iter().copied().max().unwrap_or(0);
            (0..count)
                .map(|number| {
                    let group = groups[number];
                    let next = if group == last { "base".to_owned() } else { format!("source_{}", group + 1) };
                    let key = format!("source_{group}->{next}");
                    let value = all.get(&key).ok_or_else(|| format!("unit_locations lack `{key}`"))?;
                    let within = groups[..number].iter().filter(|other| **other == group).count();
                    pair(value, false, within, unit(number))
                })
                .collect()
        }
    }
}

/// One representation's part of a value, the short forms of which are the same for all.
fn pair(value: &Value, base_only: bool, number: usize, unit: &str) -> Result<Pair, String> {
    let one =
        |value: &Value| -> Result<Option<Units>, String> { value.as_u64().map(|at| short(&[at], unit)).transpose() };
    if value.is_u64() {
        let at = one(value)?;
        return Ok((at.clone().filter(|_| !base_only), at));
    }
    let list = value.as_array().ok_or_else(|| format!("unit_locations: {value}"))?;
    if let [from, to] = &list[..]
        && [from, to].iter().all(|end| end.is_u64() || end.is_null())
    {
        // In pyvene a list of two positions is a source and a base position, even for base-only locations.
        return Ok((one(from)?, one(to)?));
    }
    if list.iter().all(Value::is_u64) {
        let at: Vec<u64> = list.iter().filter_map(Value::as_u64).collect();
        let units = short(&at, unit)?;
        return Ok((Some(units.clone()).filter(|_| !base_only), Some(units)));
    }
    let of = |all: &Value| full(&all[number], unit);
    if base_only { Ok((None, of(value)?)) } else { Ok((of(&list[0])?, of(&list[1])?)) }
}

fn short(at: &[u64], unit: &str) -> Result<Units, String> {
    let at: Vec<usize> = at.iter().map(|at| *at as usize).collect();
    match unit {
        "pos" | "t" => Ok(Units::positions(at)),
        "h" => Ok(Units::heads(at)),
        other => Err(format!("the short form for unit `{other}`")),
    }
}

/// `[batch][units]`, or `[[batch][heads], [batch][positions]]`; null for none.
fn full(value: &Value, unit: &str) -> Result<Option<Units>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let lists = |value: &Value| -> Result<Vec<Vec<usize>>, String> {
        serde_json::from_value(value.clone()).map_err(|error| format!("{value}: {error}"))
    };
    Ok(Some(match unit {
        "pos" | "t" => Units::positions(lists(value)?),
        "h" => Units::heads(lists(value)?),
        "h.pos" => Units::head_positions(lists(&value[0])?, lists(&value[1])?),
        other => return Err(format!("unit `{other}`")),
    }))
}
