//! Colours: what a palette index looks like.

use super::canvas::{BLACK, NAMED, SCALE, SCALE_LEVELS};
use crate::{catalog::Scale, panel::Fill};

pub(super) const ROOT_LINE: u8 = NAMED;
pub(super) const GRID: u8 = NAMED + 1;
pub(super) const RED: u8 = NAMED + 2;
const FILLS: u8 = NAMED + 3;
const NAMED_COLOURS: [[u8; 3]; 7] = [
    [0, 0, 153],
    [214, 214, 214],
    [204, 0, 0],
    [88, 135, 196],
    [118, 178, 112],
    [236, 167, 88],
    [158, 132, 190],
];

/// The ink that fills a histogram, if any does.
pub(super) fn fill_ink(fill: Fill) -> Option<u8> {
    match fill {
        Fill::Line => None,
        Fill::Blue => Some(FILLS),
        Fill::Green => Some(FILLS + 1),
        Fill::Orange => Some(FILLS + 2),
        Fill::Purple => Some(FILLS + 3),
    }
}

/// Nine stops each of ROOT's palettes kBird, kViridis and kRainBow (TColor.cxx), red, green, blue.
const BIRD: [[f64; 9]; 3] = [
    [0.2082, 0.0592, 0.0780, 0.0232, 0.1802, 0.5301, 0.8186, 0.9956, 0.9764],
    [0.1664, 0.3599, 0.5041, 0.6419, 0.7178, 0.7492, 0.7328, 0.7862, 0.9832],
    [0.5293, 0.8684, 0.8385, 0.7914, 0.6425, 0.4662, 0.3499, 0.1968, 0.0539],
];
const VIRIDIS: [[f64; 9]; 3] = [
    [0.102, 0.200, 0.169, 0.129, 0.110, 0.137, 0.290, 0.565, 0.965],
    [0.035, 0.094, 0.216, 0.341, 0.463, 0.588, 0.706, 0.784, 0.871],
    [0.118, 0.376, 0.439, 0.447, 0.439, 0.396, 0.282, 0.137, 0.000],
];
const RAINBOW: [[f64; 9]; 3] = [
    [0.000, 0.020, 0.059, 0.137, 0.400, 0.769, 0.816, 0.780, 0.431],
    [0.000, 0.188, 0.486, 0.753, 0.808, 0.886, 0.380, 0.063, 0.000],
    [0.388, 0.557, 0.776, 0.788, 0.353, 0.086, 0.051, 0.031, 0.008],
];

/// RGB of every palette index, with this colour scale for maps.
pub(super) fn colours(scale: Scale) -> [[u8; 3]; 256] {
    let mut colours = [[255; 3]; 256];
    for grey in 1..=BLACK {
        colours[grey as usize] = [(u16::from(BLACK - grey) * 255 / u16::from(BLACK)) as u8; 3];
    }
    let stops = match scale {
        Scale::Bird => &BIRD,
        Scale::Viridis => &VIRIDIS,
        Scale::Rainbow => &RAINBOW,
    };
    for level in 0..SCALE_LEVELS {
        let place = f64::from(level) / f64::from(SCALE_LEVELS - 1) * 8.0;
        let (stop, rest) = ((place as usize).min(7), place - place.floor().min(7.0));
        colours[(SCALE + level) as usize] = std::array::from_fn(|channel| {
            let (a, b) = (stops[channel][stop], stops[channel][stop + 1]);
            ((a + (b - a) * rest) * 255.0).round() as u8
        });
    }
    for (index, colour) in NAMED_COLOURS.into_iter().enumerate() {
        colours[NAMED as usize + index] = colour;
    }
    colours
}
