//! The decoder, the resizer and the packer with their buffers, as one thing per worker thread.

use crate::{
    Format, Header, Limits, Refused, decode::Decoder, pack::Packer, resize::Shrinker,
    sight::Surveyor, write_rgb_png,
};
use hydra_proto::{events::Pixels, registry::InputShape};

/// Opens one image after the other and re-uses its memory: fresh 4 MB buffers would cost more
/// than decoding. Buffers above 16 MiB are given back before the next image.
#[derive(Default)]
pub struct Workbench {
    limits: Limits,
    decoder: Decoder,
    shrinker: Shrinker,
    packer: Packer,
    surveyor: Surveyor,
}

impl Workbench {
    /// A bench that refuses what is beyond `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Bytes of pixels that are held until the next image.
    pub fn kept_bytes(&self) -> usize {
        self.decoder.rgb.capacity()
    }

    /// Decodes `bytes`; the picture lives until the next one is opened.
    ///
    /// # Errors
    /// [`Refused`], permanently: the same bytes are refused again.
    pub fn open(&mut self, bytes: &[u8]) -> Result<Picture<'_>, Refused> {
        let header = self.decoder.decode(bytes, &self.limits)?;
        Ok(Picture { header, bench: self })
    }
}

/// A decoded image on its bench.
pub struct Picture<'a> {
    header: Header,
    bench: &'a mut Workbench,
}

impl Picture<'_> {
    /// Pixels.
    pub fn width(&self) -> u32 {
        self.header.width
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        self.header.height
    }

    /// What the file was.
    pub fn format(&self) -> Format {
        self.header.format
    }

    /// `height * width * 3` bytes, row-major from the top, red green blue.
    pub fn rgb(&self) -> &[u8] {
        &self.bench.decoder.rgb
    }

    /// The finder of panels with its buffers, and the pixels that it looks at.
    pub(crate) fn surveyor(&mut self) -> (&mut Surveyor, &[u8]) {
        let Workbench { decoder, surveyor, .. } = &mut *self.bench;
        (surveyor, &decoder.rgb)
    }

    /// The picture as a model wants it: `height * width * channels` bytes, row-major, interleaved.
    pub fn resized(&mut self, shape: &InputShape) -> &[u8] {
        let Workbench { decoder, shrinker, .. } = &mut *self.bench;
        shrinker.for_input((self.header.width, self.header.height, &decoder.rgb), shape)
    }

    /// [`Self::resized`], packed for a message.
    pub fn pixels(&mut self, shape: &InputShape) -> Pixels {
        let Workbench { decoder, shrinker, packer, .. } = &mut *self.bench;
        let picture = (self.header.width, self.header.height, &decoder.rgb[..]);
        packer.pack(shrinker.for_input(picture, shape), shape)
    }

    /// A PNG for pages, at most [`crate::THUMBNAIL_WIDTH_PX`] wide and twice that high; a smaller
    /// picture keeps its size.
    pub fn thumbnail(&mut self) -> Vec<u8> {
        let (width, height) = self.thumbnail_size();
        let Workbench { decoder, shrinker, .. } = &mut *self.bench;
        let picture = (self.header.width, self.header.height, &decoder.rgb[..]);
        write_rgb_png(width, height, shrinker.at_size(picture, (width, height)))
    }

    /// The picture as a fresh PNG: what a page may be sent in place of the producer's bytes.
    pub fn to_png(&self) -> Vec<u8> {
        write_rgb_png(self.width(), self.height(), self.rgb())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_can_move_to_its_thread() {
        fn is_send<T: Send>() {}
        is_send::<Workbench>();
    }

    #[test]
    fn thumbnails_fit_and_small_pictures_keep_their_size() {
        let mut bench = Workbench::default();
        for (size, wanted) in [
            ((1200, 900), (320, 240)),
            ((100, 50), (100, 50)),
            ((10, 5000), (1, 640)),
            ((320, 640), (320, 640)),
        ] {
            let rgb = vec![7; size.0 as usize * size.1 as usize * 3];
            let thumbnail = bench.open(&write_rgb_png(size.0, size.1, &rgb)).unwrap().thumbnail();
            let picture = bench.open(&thumbnail).unwrap();
            assert_eq!((picture.width(), picture.height()), wanted);
            assert!(picture.rgb().iter().all(|v| *v == 7));
        }
    }
}
