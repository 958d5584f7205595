//! Bytes -> 8-bit RGB, into buffers that are kept from image to image.

mod jpeg_gif;
mod png;

use crate::{Format, Header, Limits, Refused, probe};

/// Above this a buffer is given back after use: one giant must not hold its memory for ever.
pub(crate) const KEPT_BYTES: usize = 16 << 20;

/// Decodes images one after the other and owns the pixels of the last one.
#[derive(Default)]
pub(crate) struct Decoder {
    /// `width * height * 3` bytes of the last picture.
    pub rgb: Vec<u8>,
    /// One row of an interlaced picture.
    row: Vec<u8>,
}

impl Decoder {
    /// Decodes `bytes` into [`Self::rgb`].
    pub fn decode(&mut self, bytes: &[u8], limits: &Limits) -> Result<Header, Refused> {
        if self.rgb.capacity() > KEPT_BYTES {
            self.rgb = Vec::new();
        }
        let header = probe(bytes, limits)?;
        match header.format {
            Format::Png => png::decode(bytes, &header, &mut self.rgb, &mut self.row)?,
            Format::Jpeg => jpeg_gif::decode_jpeg(bytes, &header, &mut self.rgb)?,
            Format::Gif => jpeg_gif::decode_gif(bytes, &header, &mut self.rgb)?,
        }
        debug_assert_eq!(self.rgb.len(), rgb_len(&header));
        Ok(header)
    }
}

/// Bytes of an image as RGB.
fn rgb_len(header: &Header) -> usize {
    header.width as usize * header.height as usize * 3
}

/// `value` seen through `alpha` before white; all of them out of `full`, rounded to nearest.
fn on_white(value: u32, alpha: u32, full: u32) -> u32 {
    (value * alpha + full * (full - alpha) + full / 2) / full
}

/// A 16-bit sample as 8 bits, rounded to nearest.
fn to_8_bits(value: u32) -> u8 {
    ((value * 255 + 32_767) / 65_535) as u8
}

/// What a library says of bytes, fit for one line of ours: it may quote what the file holds.
fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.trim()
        .chars()
        .map(|c| if c.is_control() || !c.is_ascii() { ' ' } else { c })
        .take(160)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_librarys_words_stay_on_one_short_line() {
        let text = one_line(&format!("a\nb\0{}", "x".repeat(999)));
        assert!(text.starts_with("a b x") && text.len() == 160);
    }

    #[test]
    fn alpha_is_composed_on_white() {
        assert_eq!(on_white(0, 0, 255), 255);
        assert_eq!(on_white(0, 255, 255), 0);
        assert_eq!(on_white(100, 128, 255), 177);
        assert_eq!(on_white(0, 0, 65_535), 65_535);
        assert_eq!(on_white(65_535, 65_535, 65_535), 65_535);
    }

    #[test]
    fn sixteen_bits_round_to_the_nearest_eight() {
        for value in 0..=65_535_u32 {
            let exact = (f64::from(value) * 255.0 / 65_535.0).round();
            assert_eq!(f64::from(to_8_bits(value)), exact, "{value}");
        }
    }
}
