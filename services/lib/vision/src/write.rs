//! Pixels -> PNG.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

/// A PNG of `width * height * 3` bytes of RGB; fast compression, the same bytes every time.
///
/// # Panics
/// When `rgb` is not of that length, or a side is 0.
pub fn write_rgb_png(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    write(width, height, rgb, ExtendedColorType::Rgb8)
}

/// A PNG of `width * height` bytes of 8-bit grey.
///
/// # Panics
/// When `grey` is not of that length, or a side is 0.
pub fn write_grey_png(width: u32, height: u32, grey: &[u8]) -> Vec<u8> {
    write(width, height, grey, ExtendedColorType::L8)
}

fn write(width: u32, height: u32, samples: &[u8], colour: ExtendedColorType) -> Vec<u8> {
    let mut png = Vec::with_capacity(samples.len() / 4 + 128);
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(samples, width, height, colour)
        .expect("a vector takes every write, and the samples have the size of the frame");
    png
}
