//! A plot -> the same plot as it could also have been drawn. No flips or rotations: axes have
//! meaning. Shifts, contrast, statistics and colour range do change from canvas to canvas and
//! from chunk to chunk, and text says nothing about the detector.

use hydra_proto::registry::InputShape;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How much training images are varied; zeros leave them alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Largest shift, as a share of width and height; the border is repeated.
    pub shift: f32,
    /// Largest relative change of the distance to the background's colour: gain.
    pub gain: f32,
    /// Noise of coloured pixels, as a share of the range: count statistics.
    pub noise: f32,
    /// Largest change of the exponent of coloured pixels: range of a colour scale.
    pub colour: f32,
    /// Probability that a strip of the margin, where titles and numbers stand, is blanked.
    pub mask_text: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self { shift: 0.015, gain: 0.05, noise: 0.01, colour: 0.1, mask_text: 0.3 }
    }
}

impl Augment {
    /// Leaves images alone.
    pub const NONE: Self = Self { shift: 0.0, gain: 0.0, noise: 0.0, colour: 0.0, mask_text: 0.0 };

    /// Shifts planes of values; what comes in from outside is the border again.
    pub fn shift_planes(&self, planes: &mut [f32], shape: &InputShape, chance: u64) {
        if self.shift <= 0.0 {
            return;
        }
        let (dx, dy) = self.way(shape, &mut ChaCha8Rng::seed_from_u64(chance ^ 1));
        if (dx, dy) == (0, 0) {
            return;
        }
        let (width, height) = (shape.width as usize, shape.height as usize);
        for plane in planes.chunks_exact_mut(width * height) {
            let before = plane.to_vec();
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                let from = (y as i32 - dy).clamp(0, height as i32 - 1) as usize * width;
                for (x, value) in row.iter_mut().enumerate() {
                    let from_x = (x as i32 - dx).clamp(0, width as i32 - 1) as usize;
                    *value = before[from + from_x];
                }
            }
        }
    }

    /// How many pixels to the right and down.
    fn way(&self, shape: &InputShape, rng: &mut ChaCha8Rng) -> (i32, i32) {
        let mut of =
            |size: u32| (self.shift * size as f32 * rng.random_range(-1.0f32..=1.0)).round() as i32;
        (of(shape.width), of(shape.height))
    }

    /// Varies interleaved 8-bit pixels in place; the same `chance` does the same.
    pub fn apply(&self, pixels: &mut [u8], shape: &InputShape, chance: u64) {
        if *self == Self::NONE || pixels.len() != shape.size_bytes() {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(chance);
        let background = background(pixels, shape.channels as usize);
        if self.mask_text > 0.0 && rng.random_bool(f64::from(self.mask_text.min(1.0))) {
            mask_margin(pixels, shape, &background, &mut rng);
        }
        if self.shift > 0.0 {
            let (dx, dy) = self.way(shape, &mut rng);
            shift(pixels, shape, dx, dy);
        }
        self.values(pixels, shape.channels as usize, &background, &mut rng);
    }

    fn values(&self, pixels: &mut [u8], channels: usize, ground: &[u8], rng: &mut ChaCha8Rng) {
        let mut spread = |largest: f32| largest * rng.random_range(-1.0f32..=1.0);
        let (gain, exponent) = (1.0 + spread(self.gain), 1.0 + spread(self.colour));
        let powers: Vec<f32> =
            (0..=255).map(|v| 255.0 * (v as f32 / 255.0).powf(exponent)).collect();
        for pixel in pixels.chunks_exact_mut(channels) {
            let (low, high) = pixel.iter().fold((255u8, 0u8), |(l, h), v| (l.min(*v), h.max(*v)));
            // black text and grey frames are no data; on a grey image all may be
            let coloured = channels == 1 || high - low > 24;
            if !coloured || pixel == ground {
                continue;
            }
            let noise: f32 = match self.noise > 0.0 {
                true => {
                    let normal: f32 = StandardNormal.sample(rng);
                    255.0 * self.noise * normal
                }
                false => 0.0,
            };
            for (value, ground) in pixel.iter_mut().zip(ground) {
                let ground = f32::from(*ground);
                let varied = ground + (powers[*value as usize] - ground) * gain + noise;
                *value = varied.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// The colour of the corner, which is paper.
fn background(pixels: &[u8], channels: usize) -> Vec<u8> {
    pixels[..channels].to_vec()
}

/// Blanks a part of the top, bottom or left margin.
fn mask_margin(pixels: &mut [u8], shape: &InputShape, ground: &[u8], rng: &mut ChaCha8Rng) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let along = |size: usize, rng: &mut ChaCha8Rng| {
        let length = (size as f32 * rng.random_range(0.2f32..0.8)) as usize;
        let start = rng.random_range(0..=size - length);
        start..start + length
    };
    let margin = |size: usize| (size / 14).max(1);
    let (rows, columns) = match rng.random_range(0..3u8) {
        0 => (0..margin(height), along(width, rng)),
        1 => (height - margin(height)..height, along(width, rng)),
        _ => (along(height, rng), 0..margin(width)),
    };
    let channels = shape.channels as usize;
    for row in rows {
        for column in columns.clone() {
            let at = (row * width + column) * channels;
            pixels[at..at + channels].copy_from_slice(ground);
        }
    }
}

/// Moves the image; what comes in from outside is the border again.
fn shift(pixels: &mut [u8], shape: &InputShape, dx: i32, dy: i32) {
    if (dx, dy) == (0, 0) {
        return;
    }
    let (width, height) = (shape.width as i32, shape.height as i32);
    let channels = shape.channels as usize;
    let before = pixels.to_vec();
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = ((x - dx).clamp(0, width - 1), (y - dy).clamp(0, height - 1));
            let from = (from_y * width + from_x) as usize * channels;
            let to = (y * width + x) as usize * channels;
            pixels[to..to + channels].copy_from_slice(&before[from..from + channels]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: InputShape = InputShape { width: 40, height: 30, channels: 3, letterbox: false };

    /// White paper with a blue square from (20, 10) to (28, 18) and black text on top.
    fn plot() -> Vec<u8> {
        let mut pixels = vec![255; SHAPE.size_bytes()];
        for (y, x) in (0..30).flat_map(|y| (0..40).map(move |x| (y, x))) {
            let at = (y * 40 + x) * 3;
            if (10..18).contains(&y) && (20..28).contains(&x) {
                pixels[at..at + 3].copy_from_slice(&[30, 60, 200]);
            } else if y == 1 {
                pixels[at..at + 3].fill(0);
            }
        }
        pixels
    }

    fn varied(augment: Augment, chance: u64) -> Vec<u8> {
        let mut pixels = plot();
        augment.apply(&mut pixels, &SHAPE, chance);
        pixels
    }

    fn blue(pixels: &[u8]) -> Vec<(usize, usize)> {
        let is_blue = |i: &usize| pixels[3 * i + 2] > pixels[3 * i].saturating_add(60);
        (0..1200).filter(is_blue).map(|i| (i % 40, i / 40)).collect()
    }

    #[test]
    fn the_same_chance_gives_the_same_image_and_none_leaves_it_alone() {
        assert_eq!(varied(Augment::default(), 5), varied(Augment::default(), 5));
        assert_ne!(varied(Augment::default(), 5), varied(Augment::default(), 6));
        assert_eq!(varied(Augment::NONE, 5), plot());
    }

    #[test]
    fn nothing_is_mirrored_and_a_shift_stays_small() {
        let strong = Augment { shift: 0.05, ..Augment::default() };
        for chance in 0..50 {
            let found = blue(&varied(strong, chance));
            assert_eq!(found.len(), 64, "the square stays whole");
            let (x, y) = found[0];
            assert!((18..=22).contains(&x) && (8..=12).contains(&y), "{x} {y}");
        }
    }

    #[test]
    fn paper_and_text_keep_their_colours_while_data_change() {
        let augment = Augment { mask_text: 0.0, shift: 0.0, ..Augment::default() };
        let pixels = varied(augment, 3);
        assert_eq!(pixels[..3], [255, 255, 255]);
        assert_eq!(pixels[3 * 45..3 * 46], [0, 0, 0]);
        let square = 3 * (12 * 40 + 22);
        assert_ne!(pixels[square..square + 3], plot()[square..square + 3]);
    }

    #[test]
    fn text_is_masked_in_the_margin_alone() {
        let augment = Augment { mask_text: 1.0, ..Augment::NONE };
        let masked = (0..60).filter(|chance| {
            let pixels = varied(augment, *chance);
            assert_eq!(blue(&pixels).len(), 64);
            pixels != plot()
        });
        assert!(masked.count() > 10, "the strip on top hides text");
    }
}
