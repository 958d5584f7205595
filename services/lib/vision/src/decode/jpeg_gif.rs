//! JPEG and GIF through the `image` crate, which keeps the decoders behind its limits.

use super::{on_white, one_line, rgb_len};
use crate::{Format, Header, Refused};
use image::{
    ColorType, ImageDecoder, ImageError,
    codecs::{gif::GifDecoder, jpeg::JpegDecoder},
};
use std::io::Cursor;

/// What a decoder may allocate beside our buffer.
const WORK_BYTES: u64 = 64 << 20;

pub(super) fn decode_jpeg(bytes: &[u8], header: &Header, rgb: &mut Vec<u8>) -> Result<(), Refused> {
    let refused = |error| refused(Format::Jpeg, error);
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(refused)?;
    decoder.set_limits(limits(header)).map_err(refused)?;
    same_size(Format::Jpeg, header, decoder.dimensions())?;
    let pixels = header.width as usize * header.height as usize;
    match decoder.color_type() {
        ColorType::Rgb8 => {
            rgb.resize(rgb_len(header), 0);
            decoder.read_image(rgb).map_err(refused)
        }
        ColorType::L8 => {
            rgb.resize(rgb_len(header), 0);
            decoder.read_image(&mut rgb[..pixels]).map_err(refused)?;
            // From the end, so that no grey value is overwritten before it is read.
            for at in (0..pixels).rev() {
                let grey = rgb[at];
                rgb[at * 3..at * 3 + 3].fill(grey);
            }
            Ok(())
        }
        other => Err(Refused::Unsupported { format: Format::Jpeg, what: format!("{other:?}") }),
    }
}

pub(super) fn decode_gif(bytes: &[u8], header: &Header, rgb: &mut Vec<u8>) -> Result<(), Refused> {
    let refused = |error| refused(Format::Gif, error);
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(refused)?;
    decoder.set_limits(limits(header)).map_err(refused)?;
    same_size(Format::Gif, header, decoder.dimensions())?;
    let pixels = header.width as usize * header.height as usize;
    // RGBA first, then squeezed in place: RGB never catches up with what is still to be read.
    rgb.resize(pixels * 4, 0);
    decoder.read_image(rgb).map_err(refused)?;
    for at in 0..pixels {
        let [r, g, b, alpha] = [0, 1, 2, 3].map(|i| u32::from(rgb[at * 4 + i]));
        for (i, value) in [r, g, b].into_iter().enumerate() {
            rgb[at * 3 + i] = on_white(value, alpha, 255) as u8;
        }
    }
    rgb.truncate(rgb_len(header));
    Ok(())
}

fn limits(header: &Header) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_image_width = Some(header.width);
    limits.max_image_height = Some(header.height);
    limits.max_alloc = Some(WORK_BYTES);
    limits
}

/// Two readings of one header that differ are a file made to deceive one of them.
fn same_size(format: Format, header: &Header, found: (u32, u32)) -> Result<(), Refused> {
    if found == (header.width, header.height) {
        return Ok(());
    }
    Err(Refused::Damaged { format, what: "its headers contradict each other".into() })
}

fn refused(format: Format, error: ImageError) -> Refused {
    match error {
        ImageError::Unsupported(what) => Refused::Unsupported { format, what: one_line(&what) },
        ImageError::IoError(_) => {
            Refused::Damaged { format, what: "its pixels end too early".into() }
        }
        other => Refused::Damaged { format, what: one_line(&other) },
    }
}
