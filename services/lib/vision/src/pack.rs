//! Pixels <-> their packed form in a message.

use crate::BadPixels;
use hydra_proto::events::Pixels;
use hydra_proto::registry::InputShape;
use zstd::bulk::{Compressor, Decompressor};

/// zstd level: 268 KB of a plot become 10 to 70 KB in a third of a millisecond.
const LEVEL: i32 = 1;
/// No model input is wider or higher.
const MAX_SIDE_PX: u32 = 4096;

/// Packs, with a compressor that is kept from image to image.
pub(crate) struct Packer(Compressor<'static>);

impl Default for Packer {
    fn default() -> Self {
        Self(Compressor::new(LEVEL).expect("zstd has a level 1"))
    }
}

impl Packer {
    /// `bytes` of `shape` as a message carries them.
    pub fn pack(&mut self, bytes: &[u8], shape: &InputShape) -> Pixels {
        let zstd = self.0.compress(bytes).expect("the buffer is made to zstd's own bound");
        Pixels {
            width: shape.width,
            height: shape.height,
            channels: shape.channels,
            fit: shape.fit().into(),
            zstd: zstd.into(),
        }
    }
}

/// Unpacks, with a context that is kept from image to image: one belongs to each worker thread.
pub struct Unpacker(Decompressor<'static>);

impl Default for Unpacker {
    fn default() -> Self {
        Self(Decompressor::new().expect("a zstd context needs no more than memory"))
    }
}

impl Unpacker {
    /// Writes `height * width * channels` bytes, row-major and interleaved, over `out`.
    ///
    /// # Errors
    /// [`BadPixels`] when the shape is impossible or the packed bytes hold more or less than it
    /// says; never more than the declared size is unpacked.
    pub fn unpack_into(&mut self, pixels: &Pixels, out: &mut Vec<u8>) -> Result<(), BadPixels> {
        let expected_bytes = declared_bytes(pixels)?;
        out.resize(expected_bytes, 0);
        match self.0.decompress_to_buffer(&pixels.zstd, &mut out[..]) {
            Ok(found) if found == expected_bytes => Ok(()),
            _ => {
                let Pixels { width, height, channels, .. } = *pixels;
                Err(BadPixels::Size { width, height, channels, expected_bytes })
            }
        }
    }
}

/// Unpacks once; workers keep an [`Unpacker`].
///
/// # Errors
/// As [`Unpacker::unpack_into`].
pub fn unpack(pixels: &Pixels) -> Result<Vec<u8>, BadPixels> {
    let mut out = Vec::new();
    Unpacker::default().unpack_into(pixels, &mut out)?;
    Ok(out)
}

fn declared_bytes(pixels: &Pixels) -> Result<usize, BadPixels> {
    let Pixels { width, height, channels, .. } = *pixels;
    let sides = 1..=MAX_SIDE_PX;
    if sides.contains(&width) && sides.contains(&height) && matches!(channels, 1 | 3) {
        Ok(width as usize * height as usize * channels as usize)
    } else {
        Err(BadPixels::Shape { width, height, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: InputShape = InputShape { width: 31, height: 17, channels: 3, letterbox: true };

    fn packed() -> (Vec<u8>, Pixels) {
        let bytes: Vec<u8> = (0..SHAPE.size_bytes()).map(|i| (i % 251) as u8).collect();
        let pixels = Packer::default().pack(&bytes, &SHAPE);
        (bytes, pixels)
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let (bytes, pixels) = packed();
        assert_eq!(unpack(&pixels).unwrap(), bytes);
        assert_eq!(pixels.fit(), hydra_proto::events::Fit::Letterbox);
    }

    #[test]
    fn more_or_less_than_declared_is_refused() {
        let (_, pixels) = packed();
        for height in [16, 18] {
            let lying = Pixels { height, ..pixels.clone() };
            assert!(matches!(unpack(&lying), Err(BadPixels::Size { .. })), "{height}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_declared_size() {
        let bomb = zstd::bulk::compress(&vec![0; 100 << 20], 1).unwrap();
        let pixels = Pixels { width: 8, height: 8, channels: 3, fit: 0, zstd: bomb.into() };
        let mut out = Vec::new();
        let error = Unpacker::default().unpack_into(&pixels, &mut out);
        assert!(matches!(error, Err(BadPixels::Size { expected_bytes: 192, .. })));
        assert!(out.capacity() < 1024);
    }

    #[test]
    fn impossible_shapes_are_refused_before_any_allocation() {
        for (width, height, channels) in
            [(0, 1, 3), (1, 0, 3), (1, 1, 2), (1, 1, 0), (u32::MAX, u32::MAX, 3), (4097, 1, 1)]
        {
            let pixels = Pixels { width, height, channels, ..Default::default() };
            assert!(matches!(unpack(&pixels), Err(BadPixels::Shape { .. })));
        }
    }

    #[test]
    fn damaged_packed_bytes_are_refused() {
        let (bytes, pixels) = packed();
        for at in 0..pixels.zstd.len() {
            let mut zstd = pixels.zstd.to_vec();
            zstd[at] ^= 0x40;
            // zstd has no checksum here: a flip may give other pixels, never another number.
            if let Ok(out) = unpack(&Pixels { zstd: zstd.into(), ..pixels.clone() }) {
                assert_eq!(out.len(), bytes.len());
            }
        }
        for end in 0..pixels.zstd.len() {
            let cut = Pixels { zstd: pixels.zstd.slice(..end), ..pixels.clone() };
            assert!(unpack(&cut).is_err(), "cut at {end}");
        }
    }
}
