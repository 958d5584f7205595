//! Canvas -> RGB pixels or an RGB PNG, as monitoring programs write them.

use super::canvas::{Canvas, WHITE};
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};
use std::io::Write;

/// Pixels that are looked at together: whole blocks are compared, not single pixels.
const BLOCK: usize = 32;

/// Appends the RGB pixels, row by row.
pub(super) fn rgb(canvas: &Canvas, colours: &[[u8; 3]; 256], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + 3 * canvas.pixels.len(), 0);
    expand(&canvas.pixels, colours, &mut out[start..]);
}

/// The picture as PNG. Each row is encoded as its difference to the row above or to the pixels on the
/// left, whichever has fewer: plots repeat themselves, so that this is as good as a search.
pub(super) fn png(
    canvas: &Canvas,
    colours: &[[u8; 3]; 256],
    row: &mut Vec<u8>,
) -> Result<Vec<u8>, EncodingError> {
    let width = canvas.width as usize;
    let mut out = Vec::with_capacity(256 << 10);
    let mut encoder = Encoder::new(&mut out, canvas.width as u32, canvas.height as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fastest);
    let mut writer = encoder.write_header()?;
    let mut stream = writer.stream_writer_with_size(64 << 10)?;
    // as if white stood above the first row, which the encoder knows nothing of
    let white = vec![WHITE; width];
    let mut above = &white[..];
    row.resize(3 * width, 0);
    expand(above, colours, row);
    for indices in canvas.pixels.chunks_exact(width) {
        if indices == above {
            stream.set_filter(Filter::Up);
        } else {
            stream.set_filter(step(indices, above, colours, row));
        }
        stream.write_all(row)?;
        above = indices;
    }
    stream.finish()?;
    drop(writer);
    Ok(out)
}

/// Turns the RGB `row` of the indices `above` into that of `indices`, and tells how to encode it.
fn step(indices: &[u8], above: &[u8], colours: &[[u8; 3]; 256], row: &mut [u8]) -> Filter {
    let (mut differ_up, mut differ_left) = (0, 0);
    let blocks = indices.chunks(BLOCK).zip(above.chunks(BLOCK));
    for ((now, before), rgb) in blocks.zip(row.chunks_mut(3 * BLOCK)) {
        if now != before {
            differ_up += 1;
            expand(now, colours, rgb);
        }
        differ_left += usize::from(now[1..] != now[..now.len() - 1]);
    }
    if differ_up <= differ_left { Filter::Up } else { Filter::Sub }
}

fn expand(indices: &[u8], colours: &[[u8; 3]; 256], rgb: &mut [u8]) {
    for (&index, rgb) in indices.iter().zip(rgb.chunks_exact_mut(3)) {
        let [red, green, blue] = colours[index as usize];
        (rgb[0], rgb[1], rgb[2]) = (red, green, blue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_png_decodes_to_the_pixels() {
        let mut canvas = Canvas::default();
        canvas.clear(101, 40);
        for (place, pixel) in canvas.pixels.iter_mut().enumerate() {
            *pixel = (place / 7 % 5 * (place / 303 % 3)) as u8;
        }
        let colours = std::array::from_fn(|index| [index as u8, 3, 255 - index as u8]);
        let bytes = png(&canvas, &colours, &mut Vec::new()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut decoded = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut decoded).unwrap();
        let mut expected = Vec::new();
        rgb(&canvas, &colours, &mut expected);
        assert!(decoded == expected);
    }
}
