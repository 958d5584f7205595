//! Heat maps: how much each place of a plot weighed for a class, as 8-bit grey PNG.

use crate::{Limits, Picture, Refused, Workbench, colour::INFERNO, write_grey_png};
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

/// No map is wider or higher; a network's last layer has tens of places, a picture some hundreds.
const MAX_SIDE_PX: u32 = 2048;

/// A heat map: 0 is none, 255 the most that this map has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    width: u32,
    height: u32,
    values: Vec<u8>,
}

impl Map {
    /// From `width * height` weights, row-major; the largest becomes 255 and what is not above 0
    /// (or not a number) becomes 0. Returns the map and the weight that 255 stands for.
    /// `None` when the sizes do not agree or a side is not in 1..=2048.
    pub fn from_weights(width: u32, height: u32, weights: &[f32]) -> Option<(Self, f32)> {
        check(width, height, weights.len())?;
        let maximum = weights.iter().copied().filter(|w| w.is_finite()).fold(0.0, f32::max);
        let scale = if maximum > 0.0 { 255.0 / maximum } else { 0.0 };
        // A float cast saturates: NaN and what is below 0 become 0, infinity 255.
        let values = weights.iter().map(|w| (w * scale).round() as u8).collect();
        Some((Self { width, height, values }, maximum))
    }

    /// From `width * height` values. `None` when the sizes do not agree or a side is not in
    /// 1..=2048.
    pub fn from_values(width: u32, height: u32, values: Vec<u8>) -> Option<Self> {
        check(width, height, values.len())?;
        Some(Self { width, height, values })
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `height * width` values, row-major.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The map as it is stored.
    pub fn to_png(&self) -> Vec<u8> {
        write_grey_png(self.width, self.height, &self.values)
    }

    /// Reads what [`Self::to_png`] wrote.
    ///
    /// # Errors
    /// [`Refused`] when the bytes are not a picture of at most 2048x2048.
    pub fn from_png(bytes: &[u8]) -> Result<Self, Refused> {
        let limits = Limits { side_px: MAX_SIDE_PX, ..Limits::default() };
        let mut bench = Workbench::new(limits);
        let picture = bench.open(bytes)?;
        let values = picture.rgb().as_chunks::<3>().0.iter().map(|[r, _, _]| *r).collect();
        Ok(Self { width: picture.width(), height: picture.height(), values })
    }

    /// The map over a frame of another size, smoothly between its places.
    pub fn resized(&self, width: u32, height: u32) -> Self {
        const FITS: &str = "a map has the size that it says";
        let source =
            ImageRef::new(self.width, self.height, &self.values, PixelType::U8).expect(FITS);
        let mut target = Image::new(width, height, PixelType::U8);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Resizer::new().resize(&source, &mut target, &options).expect(FITS);
        Self { width, height, values: target.into_vec() }
    }
}

fn check(width: u32, height: u32, len: usize) -> Option<()> {
    let sides = 1..=MAX_SIDE_PX;
    let fits = len == width as usize * height as usize;
    (sides.contains(&width) && sides.contains(&height) && fits).then_some(())
}

/// `picture` with `map` laid over it, RGB of the picture's size: a place of value v shows
/// `opacity * v / 255` of the map's colour and the rest of the plot, so that cold places stay
/// readable. `opacity` is in [0, 1].
pub fn overlay(picture: &Picture<'_>, map: &Map, opacity: f32) -> Vec<u8> {
    let map = map.resized(picture.width(), picture.height());
    let opacity = (opacity.clamp(0.0, 1.0) * 256.0) as u32;
    let mut out = picture.rgb().to_vec();
    for (pixel, value) in out.as_chunks_mut::<3>().0.iter_mut().zip(&map.values) {
        let colour = INFERNO[usize::from(*value)];
        // Out of 256 * 255.
        let share = opacity * u32::from(*value);
        const WHOLE: u32 = 256 * 255;
        for (plot, heat) in pixel.iter_mut().zip(colour) {
            let sum = u32::from(*plot) * (WHOLE - share) + u32::from(heat) * share;
            *plot = ((sum + WHOLE / 2) / WHOLE) as u8;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_rgb_png;

    #[test]
    fn weights_become_shares_of_the_largest() {
        let (map, maximum) =
            Map::from_weights(3, 2, &[0.0, -1.0, 2.0, f32::NAN, 4.0, f32::INFINITY]).unwrap();
        assert_eq!(map.values(), [0, 0, 128, 0, 255, 255]);
        assert_eq!(maximum, 4.0);
        let (flat, maximum) = Map::from_weights(1, 1, &[0.0]).unwrap();
        assert_eq!((flat.values(), maximum), (&[0][..], 0.0));
        assert!(Map::from_weights(2, 2, &[0.0; 3]).is_none());
    }

    #[test]
    fn a_map_survives_its_file() {
        let values = (0..=255).collect();
        let map = Map::from_values(32, 8, values).unwrap();
        assert_eq!(Map::from_png(&map.to_png()).unwrap(), map);
        assert!(Map::from_png(b"no").is_err());
    }

    #[test]
    fn an_overlay_leaves_cold_places_and_colours_hot_ones() {
        let png = write_rgb_png(2, 1, &[10, 20, 30, 10, 20, 30]);
        let mut bench = Workbench::default();
        let picture = bench.open(&png).unwrap();
        let map = Map::from_values(2, 1, vec![0, 255]).unwrap();
        let full = overlay(&picture, &map, 1.0);
        assert_eq!(full[..3], [10, 20, 30]);
        assert_eq!(full[3..], INFERNO[255]);
        assert_eq!(overlay(&picture, &map, 0.0), picture.rgb());
        let half = overlay(&picture, &map, 0.5);
        assert_eq!(half[3], ((10 + u16::from(INFERNO[255][0])) as f32 / 2.0).round() as u8);
    }
}
