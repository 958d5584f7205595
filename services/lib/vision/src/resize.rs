//! A picture -> the frame that a model or a page wants.

use crate::Picture;
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{CroppedImageMut, Image, ImageRef},
};
use hydra_proto::registry::InputShape;

/// What a letterbox is filled with: white, the paper of a plot and of composed alpha.
const PAPER: u8 = 255;

/// Shrinks (or enlarges) pictures with a triangle filter whose support grows with the ratio, as
/// Pillow's `BILINEAR` does; arithmetic is fixed-point, so every machine gives the same bytes.
#[derive(Default)]
pub(crate) struct Shrinker {
    resizer: Resizer,
    rgb: Vec<u8>,
    grey: Vec<u8>,
}

impl Shrinker {
    /// `picture` as `shape` wants it: `height * width * channels` bytes, interleaved.
    pub fn for_input(&mut self, picture: (u32, u32, &[u8]), shape: &InputShape) -> &[u8] {
        let frame = (shape.width, shape.height);
        let inner = if shape.letterbox { fitting((picture.0, picture.1), frame) } else { frame };
        self.fill(picture, frame, inner, FilterType::Bilinear);
        if shape.channels != 1 {
            return &self.rgb;
        }
        self.grey.clear();
        self.grey.extend(self.rgb.as_chunks::<3>().0.iter().map(luma));
        &self.grey
    }

    /// `picture` at exactly `size` for people, RGB: the mean of what each pixel covers, at half the
    /// cost of the filter of models.
    pub fn at_size(&mut self, picture: (u32, u32, &[u8]), size: (u32, u32)) -> &[u8] {
        self.fill(picture, size, size, FilterType::Box);
        &self.rgb
    }

    /// Resizes `picture` to `inner`, centred in `frame`.
    fn fill(
        &mut self,
        (width, height, rgb): (u32, u32, &[u8]),
        frame: (u32, u32),
        inner: (u32, u32),
        filter: FilterType,
    ) {
        const FITS: &str = "buffers are made to the size that they are read at";
        self.rgb.clear();
        self.rgb.resize(frame.0 as usize * frame.1 as usize * 3, PAPER);
        let source = ImageRef::new(width, height, rgb, PixelType::U8x3).expect(FITS);
        let mut target =
            Image::from_slice_u8(frame.0, frame.1, &mut self.rgb, PixelType::U8x3).expect(FITS);
        let (left, top) = ((frame.0 - inner.0) / 2, (frame.1 - inner.1) / 2);
        let mut target =
            CroppedImageMut::new(&mut target, left, top, inner.0, inner.1).expect(FITS);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        self.resizer.resize(&source, &mut target, &options).expect(FITS);
        if self.resizer.size_of_internal_buffers() > crate::decode::KEPT_BYTES {
            self.resizer.reset_internal_buffers();
        }
    }
}

/// The largest size with the aspect of `of` that fits into `frame`; no side is less than 1.
pub(crate) fn fitting(of: (u32, u32), frame: (u32, u32)) -> (u32, u32) {
    let (w, h) = (u64::from(of.0), u64::from(of.1));
    let (fw, fh) = (u64::from(frame.0), u64::from(frame.1));
    // Rounded to nearest, never over the frame.
    let scaled = |side: u64, num: u64, den: u64, max: u64| {
        ((side * num + den / 2) / den).clamp(1, max) as u32
    };
    if w * fh >= h * fw { (frame.0, scaled(h, fw, w, fh)) } else { (scaled(w, fh, h, fw), frame.1) }
}

/// ITU-R BT.601 luma with Pillow's fixed-point weights (`convert("L")`).
fn luma([r, g, b]: &[u8; 3]) -> u8 {
    let sum = u32::from(*r) * 19_595 + u32::from(*g) * 38_470 + u32::from(*b) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

impl Picture<'_> {
    /// The size of this picture's thumbnail.
    pub(crate) fn thumbnail_size(&self) -> (u32, u32) {
        let frame = (crate::THUMBNAIL_WIDTH_PX, crate::THUMBNAIL_WIDTH_PX * 2);
        if self.width() <= frame.0 && self.height() <= frame.1 {
            return (self.width(), self.height());
        }
        fitting((self.width(), self.height()), frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(width: u32, height: u32, channels: u32, letterbox: bool) -> InputShape {
        InputShape { width, height, channels, letterbox }
    }

    /// A picture without symmetry.
    fn sample(width: u32, height: u32) -> Vec<u8> {
        let mut state = 1_u32;
        (0..width * height * 3)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((i / 7) as u8) ^ ((state >> 28) as u8)
            })
            .collect()
    }

    /// The same filter in floating point, straight from its definition.
    fn reference(size: (usize, usize), rgb: &[u8], to: (usize, usize)) -> Vec<f64> {
        let weights = |from: usize, to: usize, at: usize| -> Vec<(usize, f64)> {
            let scale = from as f64 / to as f64;
            let support = scale.max(1.0);
            let centre = (at as f64 + 0.5) * scale;
            let all: Vec<(usize, f64)> = (0..from)
                .map(|i| (i, 1.0 - ((i as f64 + 0.5 - centre) / support).abs()))
                .filter(|(_, w)| *w > 0.0)
                .collect();
            let sum: f64 = all.iter().map(|(_, w)| w).sum();
            all.into_iter().map(|(i, w)| (i, w / sum)).collect()
        };
        let mut out = Vec::new();
        for y in 0..to.1 {
            for x in 0..to.0 {
                for c in 0..3 {
                    let mut value = 0.0;
                    for (j, wy) in weights(size.1, to.1, y) {
                        for (i, wx) in weights(size.0, to.0, x) {
                            value += wy * wx * f64::from(rgb[(j * size.0 + i) * 3 + c]);
                        }
                    }
                    out.push(value);
                }
            }
        }
        out
    }

    #[test]
    fn resizing_agrees_with_the_filter_as_defined() {
        for (from, to) in [((60, 45), (13, 11)), ((8, 5), (20, 30)), ((17, 9), (17, 4))] {
            let rgb = sample(from.0, from.1);
            let mut shrinker = Shrinker::default();
            let got = shrinker.for_input((from.0, from.1, &rgb), &shape(to.0, to.1, 3, false));
            let size = (from.0 as usize, from.1 as usize);
            let wanted = reference(size, &rgb, (to.0 as usize, to.1 as usize));
            let worst =
                got.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(worst <= 1.5, "{from:?} -> {to:?}: off by {worst}");
        }
    }

    #[test]
    fn a_letterbox_keeps_the_aspect_and_pads_with_white() {
        let black = vec![0; 40 * 10 * 3];
        let mut shrinker = Shrinker::default();
        let out = shrinker.for_input((40, 10, &black), &shape(20, 20, 3, true));
        let rows: Vec<u8> = out.chunks_exact(60).map(|row| row[0]).collect();
        // 40x10 in 20x20 is 20x5, from row 7 on.
        let expected: Vec<u8> =
            (0..20).map(|y| if (7..12).contains(&y) { 0 } else { 255 }).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn stretching_fills_the_frame() {
        let black = vec![0; 40 * 10 * 3];
        let mut shrinker = Shrinker::default();
        let out = shrinker.for_input((40, 10, &black), &shape(20, 20, 3, false));
        assert!(out.iter().all(|v| *v == 0));
    }

    #[test]
    fn grey_is_luma() {
        let mut shrinker = Shrinker::default();
        for (rgb, grey) in [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29)] {
            let out = shrinker.for_input((1, 1, &rgb), &shape(2, 2, 1, false));
            assert_eq!(out, [grey; 4]);
        }
    }

    #[test]
    fn extreme_aspects_keep_at_least_one_pixel() {
        assert_eq!(fitting((8192, 1), (299, 299)), (299, 1));
        assert_eq!(fitting((1, 8192), (299, 299)), (1, 299));
        assert_eq!(fitting((1, 1), (299, 100)), (100, 100));
    }
}
