//! The picture of a causal model: the boxes of its variables, and the arrows between them.

use serde::Serialize;

use super::content::DiagramNode;

/// The space between two boxes of a row, in pixels; half of it is left at each side of the picture.
const GAP: f64 = 22.0;
const HEIGHT: f64 = 38.0;
/// The distance from one row to the next.
const STEP: f64 = 92.0;

/// The content of the template, in pixels.
#[derive(Serialize)]
pub(super) struct Diagram {
    width: f64,
    height: f64,
    boxes: Vec<NodeBox>,
    arrows: Vec<Arrow>,
    /// The names of inputs that no variable depends on. They are listed below the picture.
    others: Vec<String>,
    /// One sentence for each computed variable, which names its parents.
    words: Vec<String>,
}

#[derive(Serialize)]
struct NodeBox {
    name: String,
    /// `input`, `aligned` or `computed`.
    class: &'static str,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

#[derive(Serialize)]
struct Arrow {
    path: String,
    /// Whether it starts or ends at an aligned variable.
    aligned: bool,
}

/// Places inputs at the top and every other variable below its lowest parent, as close to its parents' middle as possible.
pub(super) fn view(nodes: &[DiagramNode]) -> Diagram {
    let used = |at: usize| !nodes[at].parents.is_empty() || nodes.iter().any(|node| node.parents.contains(&at));
    let (drawn, alone): (Vec<usize>, Vec<usize>) = (0..nodes.len()).partition(|at| used(*at));
    let mut row = vec![0; nodes.len()];
    for at in 0..nodes.len() {
        row[at] = nodes[at].parents.iter().map(|parent| row[*parent] + 1).max().unwrap_or(0);
    }
    let width_of = |at: usize| (nodes[at].name.chars().count() as f64 * 8.2 + 30.0).max(52.0);
    let rows: usize = drawn.iter().map(|at| row[*at] + 1).max().unwrap_or(0);
    let mut middle = vec![0.0; nodes.len()];
    for level in 0..rows {
        let mut here: Vec<usize> = drawn.iter().copied().filter(|at| row[*at] == level).collect();
        for at in &here {
            let parents = &nodes[*at].parents;
            middle[*at] = parents.iter().map(|parent| middle[*parent]).sum::<f64>() / parents.len().max(1) as f64;
        }
        here.sort_by(|a, b| middle[*a].total_cmp(&middle[*b]));
        spread(&here, &mut middle, &width_of);
    }
    let edge = |side: f64| drawn.iter().map(|at| side * (middle[*at] + side * width_of(*at) / 2.0)).fold(0.0, f64::max);
    let (left, right) = (edge(-1.0) + GAP / 2.0, edge(1.0) + GAP / 2.0);
    let top = |at: usize| 4.0 + row[at] as f64 * STEP;
    let placed = |at: &usize| NodeBox {
        name: nodes[*at].name.clone(),
        class: match &nodes[*at] {
            node if node.aligned => "aligned",
            node if node.parents.is_empty() => "input",
            _ => "computed",
        },
        left: left + middle[*at] - width_of(*at) / 2.0,
        top: top(*at),
        width: width_of(*at),
        height: HEIGHT,
    };
    let arrow = |from: usize, to: usize| {
        let (x0, y0, x1, y1) = (left + middle[from], top(from) + HEIGHT, left + middle[to], top(to) - 3.0);
        let bend = (y1 - y0) / 2.0;
        let path = format!("M{x0:.1} {y0:.1}C{x0:.1} {:.1} {x1:.1} {:.1} {x1:.1} {y1:.1}", y0 + bend, y1 - bend);
        Arrow { path, aligned: nodes[from].aligned || nodes[to].aligned }
    };
    let name = |at: &usize| nodes[*at].name.clone();
    let sentence = |at: &usize| {
        let parents: Vec<String> = nodes[*at].parents.iter().map(name).collect();
        (!parents.is_empty()).then(|| format!("{} is computed from {}", nodes[*at].name, parents.join(", ")))
    };
    Diagram {
        width: left + right,
        height: rows.saturating_sub(1) as f64 * STEP + HEIGHT + 8.0,
        boxes: drawn.iter().map(placed).collect(),
        arrows: drawn.iter().flat_map(|to| nodes[*to].parents.iter().map(|from| arrow(*from, *to))).collect(),
        others: alone.iter().map(name).collect(),
        words: drawn.iter().filter_map(sentence).collect(),
    }
}

/// Moves the boxes of a row apart until they do not touch. The mean of their centres does not change.
fn spread(row: &[usize], middle: &mut [f64], width_of: &dyn Fn(usize) -> f64) {
    let before: f64 = row.iter().map(|at| middle[*at]).sum();
    for two in row.windows(2) {
        let least = middle[two[0]] + f64::midpoint(width_of(two[0]), width_of(two[1])) + GAP;
        middle[two[1]] = middle[two[1]].max(least);
    }
    let after: f64 = row.iter().map(|at| middle[*at]).sum();
    for at in row {
        middle[*at] -= (after - before) / row.len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, parents: &[usize], aligned: bool) -> DiagramNode {
        DiagramNode { name: name.to_owned(), parents: parents.to_vec(), aligned }
    }

    #[test]
    fn boxes_lie_within_the_picture_and_apart() {
        let nodes = [
            node("first", &[], false),
            node("a place", &[], false),
            node("second", &[], false),
            node("third", &[], false),
            node("which of the two it is", &[2, 3], true),
            node("token", &[0, 2, 4], true),
        ];
        let diagram = view(&nodes);
        assert_eq!((diagram.boxes.len(), diagram.arrows.len()), (5, 5));
        assert_eq!(diagram.others, ["a place"]);
        assert_eq!(diagram.words[1], "token is computed from first, second, which of the two it is");
        for (at, one) in diagram.boxes.iter().enumerate() {
            assert!(one.left >= 0.0 && one.left + one.width <= diagram.width + 1e-9, "{}", one.name);
            assert!(one.top >= 0.0 && one.top + one.height <= diagram.height, "{}", one.name);
            for other in &diagram.boxes[..at] {
                let apart = other.top + other.height <= one.top || other.left + other.width <= one.left;
                assert!(apart || one.left + one.width <= other.left, "{} and {}", one.name, other.name);
            }
        }
        let classes: Vec<&str> = diagram.boxes.iter().map(|one| one.class).collect();
        assert_eq!(classes, ["input", "input", "input", "aligned", "aligned"]);
    }

    #[test]
    fn a_child_stands_under_the_middle_of_its_parents() {
        let nodes = [node("W", &[], false), node("X", &[], false), node("WX", &[0, 1], true)];
        let Diagram { boxes, .. } = view(&nodes);
        let middle = |at: usize| boxes[at].left + boxes[at].width / 2.0;
        assert!((middle(2) - f64::midpoint(middle(0), middle(1))).abs() < 1e-9);
        assert!(boxes[2].top > boxes[0].top);
    }
}
