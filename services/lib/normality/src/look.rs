//! Pixels -> planes that are compared: colours, and the level that a colour scale means by them.
//!
//! A map draws counts as colours. Colours of neighbouring counts may be far apart and those of
//! far counts alike, so that a mean of colours says little of the mean count. Where a plot shows
//! one of the usual colour scales (its colour bar holds every colour of it), each pixel is read
//! back as a level from 0 to 1, white paper as 0, before anything is averaged.

use super::{
    NormalityError,
    cells::Cells,
    grid::{Grid, Window},
};
use hydra_proto::registry::InputShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Steps of each primary colour that the table of levels tells apart; for cells, whose colours
/// are never mixed, more.
const STEPS: usize = 32;
const FINE_STEPS: usize = 64;
/// Pixels across and down that are one place of the map of a plot of cells.
const SHOWN_PX: usize = 4;
/// Colours that a scale is sampled at.
const COLOURS: usize = 48;
const FINE_COLOURS: usize = 199;
/// Squared distance of colours, of 3, within which one is another.
const NEAR: f32 = 0.004;
/// Squared distance over which nearness falls by e.
const SOFT: f32 = 0.005;
const FINE_SOFT: f32 = 0.0005;

/// Nine stops each of ROOT's palettes kBird, kViridis and kRainBow (TColor.cxx), which
/// monitoring programs of our field draw with: red, green, blue.
const SCALES: [[[f32; 9]; 3]; 3] = [
    [
        [0.2082, 0.0592, 0.0780, 0.0232, 0.1802, 0.5301, 0.8186, 0.9956, 0.9764],
        [0.1664, 0.3599, 0.5041, 0.6419, 0.7178, 0.7492, 0.7328, 0.7862, 0.9832],
        [0.5293, 0.8684, 0.8385, 0.7914, 0.6425, 0.4662, 0.3499, 0.1968, 0.0539],
    ],
    [
        [0.102, 0.200, 0.169, 0.129, 0.110, 0.137, 0.290, 0.565, 0.965],
        [0.035, 0.094, 0.216, 0.341, 0.463, 0.588, 0.706, 0.784, 0.871],
        [0.118, 0.376, 0.439, 0.447, 0.439, 0.396, 0.282, 0.137, 0.000],
    ],
    [
        [0.000, 0.020, 0.059, 0.137, 0.400, 0.769, 0.816, 0.780, 0.431],
        [0.000, 0.188, 0.486, 0.753, 0.808, 0.886, 0.380, 0.063, 0.000],
        [0.388, 0.557, 0.776, 0.788, 0.353, 0.086, 0.051, 0.031, 0.008],
    ],
];

/// How images become planes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Look {
    /// Shape of the images.
    pub input: InputShape,
    /// So many pixels across and down become one.
    pub detail: usize,
    /// Level by colour (red, green, blue in equal steps), where there is a colour scale.
    pub levels: Option<Vec<f32>>,
    /// The cells that the plot draws, where those are compared and not pixels.
    #[serde(default)]
    pub cells: Option<Cells>,
}

impl Look {
    /// The look of images like these.
    pub fn of(images: &[&[u8]], input: InputShape, detail: usize) -> Self {
        // an edge of fewer pixels than make one is left out
        let least = input.width.min(input.height).max(1) as usize;
        let levels =
            scale(images, input).map(|stops| levels(&colours(stops, COLOURS), STEPS, SOFT));
        Self { input, detail: detail.clamp(1, least), levels, cells: None }
    }

    /// The look that compares the cells of a plot; absent where it shows none.
    pub fn of_cells(images: &[&[u8]], input: InputShape, detail: usize) -> Option<Self> {
        let levels = scale(images, input)
            .map(|stops| levels(&colours(stops, FINE_COLOURS), FINE_STEPS, FINE_SOFT));
        let cells = Cells::of(images, input, levels.as_deref())?;
        Some(Self { input, detail: detail.max(1), levels, cells: Some(cells) })
    }

    /// Of the planes.
    pub fn grid(&self) -> Grid {
        match &self.cells {
            Some(cells) => cells.grid,
            None => Grid {
                rows: self.input.height as usize / self.detail,
                columns: self.input.width as usize / self.detail,
                dense: false,
            },
        }
    }

    /// The windows that fit: `usual` ones over pixels, all sides of powers of two over cells.
    pub fn windows(&self, usual: &[Window]) -> Vec<Window> {
        let grid = self.grid();
        let Some(cells) = &self.cells else {
            return usual.iter().copied().filter(|window| grid.holds(*window)).collect();
        };
        let tallest = cells.tallest();
        let sides = |most: usize| [1, 2, 4, 8, 16, 32, 64].into_iter().filter(move |s| *s <= most);
        let all = sides(tallest.min(16)).flat_map(|high| sides(64).map(move |wide| (high, wide)));
        all.filter(|window| grid.holds(*window)).collect()
    }

    /// Of a map of the picture, where cells are compared.
    pub fn shown_grid(&self) -> Grid {
        let side = SHOWN_PX.max(self.detail);
        let of = |pixels: u32| (pixels as usize / side).max(1);
        Grid { rows: of(self.input.height), columns: of(self.input.width), dense: false }
    }

    /// The cell at each place of that map.
    pub fn spots(&self) -> Option<Vec<Option<usize>>> {
        Some(self.cells.as_ref()?.spots(self.input, SHOWN_PX.max(self.detail)))
    }

    /// How many planes are colours, and how many there are.
    pub fn channels(&self) -> (usize, usize) {
        if self.cells.is_some() {
            return (1, 1);
        }
        let colours = self.input.channels as usize;
        (colours, colours + usize::from(self.levels.is_some()))
    }

    /// Planes of values in [0, 1] of interleaved bytes.
    pub fn planes(&self, pixels: &[u8]) -> Result<Vec<f32>, NormalityError> {
        let wanted = self.input.size_bytes();
        if pixels.len() != wanted {
            return Err(NormalityError::Length { index: 0, found: pixels.len(), wanted });
        }
        if let Some(cells) = &self.cells {
            return Ok(cells.plane(pixels, self.input, self.levels.as_deref()));
        }
        let channels = self.input.channels as usize;
        let mut planes = Vec::with_capacity(self.channels().1 * self.grid().area());
        for channel in 0..channels {
            let value = |pixel: &[u8]| f32::from(pixel[channel]) / 255.0;
            self.append(pixels.chunks_exact(channels).map(value), &mut planes);
        }
        if let Some(levels) = &self.levels {
            let level = |pixel: &[u8]| levels[place(pixel, levels.len())];
            self.append(pixels.chunks_exact(channels).map(level), &mut planes);
        }
        Ok(planes)
    }

    /// One plane: the mean over `detail` pixels across and down.
    fn append(&self, values: impl Iterator<Item = f32>, planes: &mut Vec<f32>) {
        let (width, grid) = (self.input.width as usize, self.grid());
        let mut sums = vec![0.0f32; grid.area()];
        for (at, value) in values.enumerate() {
            let (y, x) = (at / width / self.detail, at % width / self.detail);
            if y < grid.rows && x < grid.columns {
                sums[y * grid.columns + x] += value;
            }
        }
        let each = 1.0 / (self.detail * self.detail) as f32;
        planes.extend(sums.into_iter().map(|sum| sum * each));
    }
}

/// The place of a colour in a table of so many levels.
pub(crate) fn place(pixel: &[u8], table: usize) -> usize {
    let steps = steps(table);
    pixel[..3].iter().fold(0, |place, value| place * steps + usize::from(*value) * steps / 256)
}

/// Steps of each primary colour in a table of so many levels.
pub(crate) fn steps(table: usize) -> usize {
    if table == FINE_STEPS.pow(3) { FINE_STEPS } else { STEPS }
}

/// The colour scale that the first of the pictures shows.
fn scale(images: &[&[u8]], input: InputShape) -> Option<&'static [[f32; 9]; 3]> {
    match (input.channels, images.first()) {
        (3, Some(image)) => SCALES.iter().find(|stops| shows(image, &colours(stops, COLOURS))),
        _ => None,
    }
}

type Colour = [f32; 3];

/// A scale's colours from low to high.
fn colours(stops: &[[f32; 9]; 3], count: usize) -> Vec<Colour> {
    let colour = |index: usize| {
        let at = index as f32 / (count - 1) as f32 * 8.0;
        let stop = (at as usize).min(7);
        std::array::from_fn(|c| {
            let (low, high) = (stops[c][stop], stops[c][stop + 1]);
            low + (high - low) * (at - stop as f32)
        })
    };
    (0..count).map(colour).collect()
}

fn distance(a: &Colour, b: &Colour) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Whether the picture holds nearly every colour of the scale, as its colour bar does.
fn shows(image: &[u8], scale: &[Colour]) -> bool {
    let mut seen = vec![false; scale.len()];
    for pixel in image.chunks_exact(3) {
        let colour = [0, 1, 2].map(|c| f32::from(pixel[c]) / 255.0);
        for (seen, known) in seen.iter_mut().zip(scale) {
            *seen |= distance(&colour, known) < NEAR;
        }
    }
    seen.iter().filter(|seen| **seen).count() * 10 >= scale.len() * 9
}

/// The level of every colour: that of the nearest ones of the scale, and 0 near white.
fn levels(scale: &[Colour], steps: usize, soft: f32) -> Vec<f32> {
    let step = |index: usize| (index as f32 + 0.5) / steps as f32;
    let last = (scale.len() - 1) as f32;
    let of = |place: usize| {
        let colour = [place / steps / steps, place / steps % steps, place % steps].map(step);
        let known = scale.iter().zip(0..).map(|(c, n)| (*c, n as f32 / last));
        let all: Vec<(f32, f32)> = known
            .chain([([1.0; 3], 0.0)])
            .map(|(known, level)| (distance(&colour, &known), level))
            .collect();
        let least = all.iter().map(|(d, _)| *d).fold(f32::INFINITY, f32::min);
        let weight = |d: f32| (-(d - least) / soft).exp();
        let sum: f32 = all.iter().map(|(d, _)| weight(*d)).sum();
        all.iter().map(|(d, level)| weight(*d) * level).sum::<f32>() / sum
    };
    (0..steps.pow(3)).into_par_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: InputShape = InputShape { width: 48, height: 6, channels: 3, letterbox: false };

    fn bytes(colour: &Colour) -> [u8; 3] {
        colour.map(|v| (v * 255.0).round() as u8)
    }

    /// White paper with a colour bar of this scale on it.
    fn bar(scale: usize) -> Vec<u8> {
        let mut image = vec![255; SHAPE.size_bytes()];
        for (n, colour) in colours(&SCALES[scale], COLOURS).iter().enumerate() {
            for y in 2..4 {
                let at = (y * 48 + n) * 3;
                image[at..at + 3].copy_from_slice(&bytes(colour));
            }
        }
        image
    }

    #[test]
    fn colours_of_a_scale_are_read_back_as_levels() {
        for scale in 0..3 {
            let image = bar(scale);
            let look = Look::of(&[&image], SHAPE, 1);
            let planes = look.planes(&image).unwrap();
            let levels = &planes[3 * 48 * 6..];
            for n in 0..48 {
                assert!((levels[2 * 48 + n] - n as f32 / 47.0).abs() < 0.06, "{scale} {n}");
                assert!(levels[n] < 0.02);
            }
        }
    }

    #[test]
    fn what_has_no_colour_bar_has_no_levels() {
        let image: Vec<u8> = (0..48 * 6).flat_map(|n| [88, 135, (n % 200) as u8]).collect();
        assert_eq!(Look::of(&[&image], SHAPE, 1).levels, None);
    }

    #[test]
    fn pixels_are_averaged_by_the_detail_and_what_is_left_over_is_left_out() {
        let image = bar(0);
        let look = Look::of(&[&image], SHAPE, 3);
        assert_eq!(look.grid(), Grid { rows: 2, columns: 16, dense: false });
        let planes = look.planes(&image).unwrap();
        assert_eq!(planes.len(), 4 * 32);
        let mean: f32 = image.iter().step_by(3).map(|v| f32::from(*v)).sum::<f32>() / 288.0 / 255.0;
        assert!((planes[..32].iter().sum::<f32>() / 32.0 - mean).abs() < 1e-5);
        let odd = Look::of(&[&image], SHAPE, 5);
        assert_eq!(odd.grid(), Grid { rows: 1, columns: 9, dense: false });
        assert_eq!(odd.planes(&image).unwrap().len(), 4 * 9);
    }
}
