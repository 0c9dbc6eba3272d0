//! A canvas for lines, rectangles and text. Coordinates are pixels of the finished picture.
//!
//! It is drawn at three times the size and averaged, which smooths the edges. The font is part of the program, so a picture
//! is the same on every machine.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, OutlinedGlyph, ScaleFont, point};

use super::colour::{Rgb, WHITE};
use crate::error::Error;

const SCALE: u32 = 3;

static FONT: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the built-in font is valid"));

/// The part of a text that is placed at the given point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A canvas, white at first.
pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    pub fn new(width: u32, height: u32) -> Self {
        let pixels = vec![WHITE[0]; (3 * SCALE * SCALE * width * height) as usize];
        Self { width, height, pixels }
    }

    /// Draws a line through the points, with round ends and corners.
    pub fn line(&mut self, points: &[(f64, f64)], colour: Rgb, thickness: f64) {
        for ends in points.windows(2) {
            self.stroke(ends[0], ends[1], colour, thickness);
        }
    }

    /// Draws a filled disc.
    pub fn dot(&mut self, centre: (f64, f64), radius: f64, colour: Rgb) {
        self.stroke(centre, centre, colour, 2.0 * radius);
    }

    /// Draws a filled rectangle between two opposite corners.
    pub fn rectangle(&mut self, corner: (f64, f64), opposite: (f64, f64), colour: Rgb) {
        let ((left, top), (right, bottom)) = (fine_pixel(corner), fine_pixel(opposite));
        for y in top..bottom {
            for x in left..right {
                self.blend(x, y, colour, 1.0);
            }
        }
    }

    /// Draws text. The middle of its capital letters is at the height of `at`.
    pub fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, size: f64, ink: Rgb) {
        let (x0, y0) = fine_pixel(at);
        self.glyphs(text, anchor, size, |canvas, x, y, strength| canvas.blend(x0 + x, y0 + y, ink, strength));
    }

    /// Draws text that runs upwards.
    pub fn text_up(&mut self, text: &str, at: (f64, f64), anchor: Anchor, size: f64, ink: Rgb) {
        let (x0, y0) = fine_pixel(at);
        self.glyphs(text, anchor, size, |canvas, x, y, strength| canvas.blend(x0 + y, y0 - x, ink, strength));
    }

    /// Calls `put` with each fine pixel that the text covers, relative to its anchor, and the share that is covered.
    fn glyphs(&mut self, text: &str, anchor: Anchor, size: f64, mut put: impl FnMut(&mut Self, i32, i32, f32)) {
        let (outlines, width) = layout(text, size);
        let middle = layout("H", size).0.first().map_or(0.0, |capital| capital.px_bounds().height() / 2.0);
        let back = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        for outline in outlines {
            let corner = outline.px_bounds().min;
            let (left, top) = ((corner.x - back).round() as i32, (corner.y + middle).round() as i32);
            outline.draw(|x, y, strength| put(self, left + x as i32, top + y as i32, strength));
        }
    }

    /// Colours every fine pixel whose centre is at most half the thickness away from the straight line.
    fn stroke(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb, thickness: f64) {
        let fine = |v: f64| v * f64::from(SCALE);
        let (from, to, reach) = ((fine(from.0), fine(from.1)), (fine(to.0), fine(to.1)), fine(thickness) / 2.0);
        let along = (to.0 - from.0, to.1 - from.1);
        let length = along.0 * along.0 + along.1 * along.1;
        let span = |a: f64, b: f64| ((a.min(b) - reach).floor() as i32, (a.max(b) + reach).ceil() as i32);
        let ((left, right), (top, bottom)) = (span(from.0, to.0), span(from.1, to.1));
        for y in top..bottom {
            for x in left..right {
                let off = (f64::from(x) + 0.5 - from.0, f64::from(y) + 0.5 - from.1);
                let share = if length > 0.0 { (off.0 * along.0 + off.1 * along.1) / length } else { 0.0 };
                let share = share.clamp(0.0, 1.0);
                if (off.0 - share * along.0).hypot(off.1 - share * along.1) <= reach {
                    self.blend(x, y, colour, 1.0);
                }
            }
        }
    }

    /// Mixes a colour into one fine pixel. Pixels outside the canvas are ignored.
    fn blend(&mut self, x: i32, y: i32, colour: Rgb, strength: f32) {
        let (width, height) = ((SCALE * self.width) as usize, (SCALE * self.height) as usize);
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= width || y >= height {
            return;
        }
        let at = 3 * (y * width + x);
        for (pixel, channel) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            let mixed = f32::from(*pixel) + strength.clamp(0.0, 1.0) * (f32::from(channel) - f32::from(*pixel));
            *pixel = mixed.round() as u8;
        }
    }

    /// The picture as a PNG file's bytes.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let failed = |e: png::EncodingError| Error::Invalid(format!("cannot encode the picture as PNG: {e}"));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&self.averaged()).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }

    fn averaged(&self) -> Vec<u8> {
        let (width, scale) = (self.width as usize, SCALE as usize);
        let sample = |x: usize, y: usize, channel: usize| u32::from(self.pixels[3 * (y * width * scale + x) + channel]);
        let mut picture = Vec::with_capacity(3 * width * self.height as usize);
        for y in 0..self.height as usize {
            for x in 0..width {
                for channel in 0..3 {
                    let block =
                        (0..scale * scale).map(|i| sample(x * scale + i % scale, y * scale + i / scale, channel));
                    picture.push(((block.sum::<u32>() + SCALE * SCALE / 2) / (SCALE * SCALE)) as u8);
                }
            }
        }
        picture
    }
}

/// The width of a text, in pixels.
pub fn text_width(text: &str, size: f64) -> f64 {
    f64::from(layout(text, size).1) / f64::from(SCALE)
}

/// The glyphs on a baseline that starts at the origin, and the width of the text, both in fine pixels.
fn layout(text: &str, size: f64) -> (Vec<OutlinedGlyph>, f32) {
    let font = FONT.as_scaled(size as f32 * SCALE as f32);
    let (mut outlines, mut at, mut last) = (Vec::new(), 0.0, None);
    for letter in text.chars() {
        let mut glyph: Glyph = font.scaled_glyph(letter);
        at += last.map_or(0.0, |last| font.kern(last, glyph.id));
        last = Some(glyph.id);
        glyph.position = point(at, 0.0);
        at += font.h_advance(glyph.id);
        outlines.extend(font.outline_glyph(glyph));
    }
    (outlines, at)
}

fn fine_pixel((x, y): (f64, f64)) -> (i32, i32) {
    let scaled = |v: f64| (v * f64::from(SCALE)).round() as i32;
    (scaled(x), scaled(y))
}

/// The width, height and pixels of a PNG.
#[cfg(test)]
pub fn decode(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(bytes).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_covers_exactly_its_pixels() {
        let mut canvas = Canvas::new(4, 3);
        canvas.rectangle((1.0, 1.0), (3.0, 2.0), [10, 20, 30]);
        let (width, height, pixels) = decode(&canvas.png().unwrap());
        assert_eq!((width, height), (4, 3));
        for (i, pixel) in pixels.chunks(3).enumerate() {
            let inside = i == 5 || i == 6;
            assert_eq!(pixel, if inside { [10, 20, 30] } else { WHITE }, "pixel {i}");
        }
    }

    #[test]
    fn text_leaves_ink_within_its_width() {
        let width = text_width("IIA 0.98", 20.0);
        assert!(width > 40.0 && width < 120.0, "{width}");
        let mut canvas = Canvas::new(140, 40);
        canvas.text("IIA 0.98", (10.0, 20.0), Anchor::Start, 20.0, [0, 0, 0]);
        let (columns, _, pixels) = decode(&canvas.png().unwrap());
        let inked: Vec<usize> =
            pixels.chunks(3).enumerate().filter(|(_, p)| p[0] < 128).map(|(i, _)| i % columns as usize).collect();
        assert!(inked.len() > 50);
        assert!(*inked.iter().max().unwrap() as f64 <= 10.0 + width + 1.0);
    }
}
