//! The colours of the pictures and of the report.

/// Red, green, blue.
pub type Rgb = [u8; 3];

pub const WHITE: Rgb = [255, 255, 255];
pub const INK: Rgb = [31, 41, 55];
pub const FAINT_INK: Rgb = [107, 114, 128];
pub const GRID: Rgb = [229, 231, 235];
pub const EMPTY: Rgb = [243, 244, 246];

/// One colour per series, distinguishable with every kind of colour vision (after Okabe and Ito).
pub const SERIES: [Rgb; 4] = [[0, 98, 178], [213, 94, 0], [0, 138, 100], [173, 84, 146]];

/// The viridis map, perceptually uniform, at `t` in 0..=1: Matt Zucker's polynomial fit of degree six.
pub fn viridis(t: f64) -> Rgb {
    const FIT: [[f64; 3]; 7] = [
        [0.277_727_327_2, 0.005_407_344_5, 0.334_099_805_3],
        [0.105_093_043_1, 1.404_613_529_9, 1.384_590_162_6],
        [-0.330_861_828_7, 0.214_847_559_5, 0.095_095_163_0],
        [-4.634_230_499_0, -5.799_100_973_4, -19.332_440_956_3],
        [6.228_269_936_3, 14.179_933_366_8, 56.690_552_600_7],
        [4.776_384_997_7, -13.745_145_377_7, -65.353_032_633_4],
        [-5.435_455_855_9, 4.645_852_612_2, 26.312_435_249_6],
    ];
    let t = t.clamp(0.0, 1.0);
    std::array::from_fn(|channel| {
        let value = FIT.iter().rev().fold(0.0, |sum, terms| sum * t + terms[channel]);
        (255.0 * value).round().clamp(0.0, 255.0) as u8
    })
}

/// Black or white text, whichever has the higher contrast with the ground by WCAG's relative luminance.
pub fn text_on(ground: Rgb) -> Rgb {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(ground[0]) + 0.7152 * linear(ground[1]) + 0.0722 * linear(ground[2]);
    if luminance > 0.179 { [17, 24, 39] } else { WHITE }
}

/// A colour mixed with white: strength 1 is the colour, 0 is white.
pub fn tint(colour: Rgb, strength: f64) -> Rgb {
    colour.map(|channel| (255.0 - strength * (255.0 - f64::from(channel))).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_is_matplotlibs() {
        for (t, expected) in [
            (0.0, [68, 1, 84]),
            (0.25, [59, 82, 139]),
            (0.5, [33, 145, 140]),
            (0.75, [94, 201, 98]),
            (1.0, [253, 231, 37]),
        ] {
            let got = viridis(t);
            let apart = got.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(apart <= 4, "{t}: {got:?} against {expected:?}");
        }
        assert_eq!(viridis(-1.0), viridis(0.0));
        assert_eq!(viridis(7.0), viridis(1.0));
    }

    #[test]
    fn text_is_light_on_dark_and_dark_on_light() {
        assert_eq!(text_on(viridis(0.0)), WHITE);
        assert_ne!(text_on(viridis(1.0)), WHITE);
        assert_eq!(tint([0, 100, 200], 1.0), [0, 100, 200]);
        assert_eq!(tint([0, 100, 200], 0.0), WHITE);
    }
}
