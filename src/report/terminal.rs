//! The heatmap as text for a terminal.

use std::fmt::Write;

use super::colour::{Rgb, text_on, viridis};
use super::heatmap::{Heatmap, cell_text};

/// The colours that an output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// None: plain numbers.
    Plain,
    /// The 256 colours of xterm.
    Indexed,
    /// Any colour.
    True,
}

impl Ink {
    fn block(self, text: &str, ground: Rgb) -> String {
        let ink = text_on(ground);
        match self {
            Self::Plain => text.to_owned(),
            Self::Indexed => format!("\x1b[48;5;{};38;5;{}m{text}\x1b[0m", indexed(ground), indexed(ink)),
            Self::True => {
                let ([r, g, b], [ir, ig, ib]) = (ground, ink);
                format!("\x1b[48;2;{r};{g};{b};38;2;{ir};{ig};{ib}m{text}\x1b[0m")
            }
        }
    }
}

impl Heatmap {
    /// The numbers as lines of text, on the picture's colours if `ink` has them. Column names longer than twelve
    /// characters are cut.
    #[must_use]
    pub fn text(&self, ink: Ink) -> String {
        let names = self.rows.iter().map(|row| row.chars().count());
        let side = names.max().unwrap_or(0).max(self.row_axis.chars().count());
        let columns: Vec<String> = self.columns.iter().map(|name| cut(name)).collect();
        let width = columns.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4) + 2;
        let mut text = format!("{}\n{:side$} ", self.title, self.row_axis);
        for name in &columns {
            // Writing to a string cannot fail, here and below.
            let _ = write!(text, "{name:^width$}");
        }
        for (row, values) in self.rows.iter().zip(&self.values) {
            let _ = write!(text, "\n{row:>side$} ");
            for value in values {
                let cell = format!("{:^width$}", cell_text(*value));
                text.push_str(&value.map_or(cell.clone(), |value| ink.block(&cell, viridis(self.share(value)))));
            }
        }
        let mut text: Vec<&str> = text.lines().map(str::trim_end).collect();
        text.push("");
        text.join("\n")
    }
}

fn cut(name: &str) -> String {
    const MOST: usize = 12;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

/// The index of the nearest of xterm's 6 × 6 × 6 colours and 24 greys.
fn indexed(colour: Rgb) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let apart = |other: Rgb| -> u32 { colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let level = |channel: u8| (0..6u8).min_by_key(|&i| LEVELS[usize::from(i)].abs_diff(channel)).unwrap_or(0);
    let [r, g, b] = colour.map(level);
    let cube = (16 + 36 * r + 6 * g + b, [r, g, b].map(|i| LEVELS[usize::from(i)]));
    let greys = (0..24u8).map(|i| (232 + i, [8 + 10 * i; 3]));
    greys.chain([cube]).min_by_key(|(_, known)| apart(*known)).map_or(cube.0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_nearest_colour() {
        assert_eq!(indexed([0, 0, 0]), 16);
        assert_eq!(indexed([255, 255, 255]), 231);
        assert_eq!(indexed([128, 128, 128]), 244);
        assert_eq!(indexed([255, 0, 0]), 196);
    }
}
