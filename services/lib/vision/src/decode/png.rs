//! PNG row by row, so that 16-bit and RGBA files need no more memory than their RGB.

use super::{on_white, one_line, rgb_len, to_8_bits};
use crate::{Format, Header, Refused};
use png::{BitDepth, ColorType, DecodingError, InterlaceInfo, Transformations};
use std::io::Cursor;

/// What the `png` crate may allocate beside our buffers: rows, its window, one chunk.
const WORK_BYTES: usize = 64 << 20;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    rgb: &mut Vec<u8>,
    row: &mut Vec<u8>,
) -> Result<(), Refused> {
    let mut decoder =
        png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: WORK_BYTES });
    // Both may hold bombs, and nobody here reads them.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(refused)?;
    if let Some(frame) = reader.info().frame_control {
        let whole = (frame.width, frame.height) == (header.width, header.height);
        if !whole || frame.x_offset != 0 || frame.y_offset != 0 {
            return Err(damaged("its first animation frame is not the whole picture".into()));
        }
    }
    let (colour, depth) = reader.output_color_type();
    let interlaced = reader.info().interlaced;
    let direct = (colour, depth) == (ColorType::Rgb, BitDepth::Eight) && !interlaced;
    let stride = header.width as usize * 3;
    rgb.resize(rgb_len(header), 0);
    if direct {
        for line in rgb.chunks_exact_mut(stride) {
            reader.read_row(line).map_err(refused)?;
        }
        // Asking once more reads the end of the data and checks its checksum.
        reader.read_row(&mut []).map_err(refused)?;
        return Ok(());
    }
    row.resize(stride, 0);
    let mut lines = rgb.chunks_exact_mut(stride);
    while !interlaced && let Some(line) = lines.next() {
        match reader.next_row().map_err(refused)? {
            Some(raw) => to_rgb(raw.data(), colour, depth, line),
            None => return Err(damaged("it has too few rows".into())),
        }
    }
    while let Some(raw) = reader.next_interlaced_row().map_err(refused)? {
        if let InterlaceInfo::Adam7(pass) = raw.interlace() {
            let len = raw.data().len() / (colour.samples() * depth as usize / 8) * 3;
            to_rgb(raw.data(), colour, depth, &mut row[..len]);
            png::expand_interlaced_row(rgb, stride, &row[..len], pass, 24);
        }
    }
    Ok(())
}

/// One row of whatever `EXPAND` leaves (8- or 16-bit samples, big-endian) as RGB.
fn to_rgb(row: &[u8], colour: ColorType, depth: BitDepth, out: &mut [u8]) {
    let samples = colour.samples();
    let pixels = out.as_chunks_mut::<3>().0.iter_mut();
    if depth == BitDepth::Sixteen {
        for (rgb, pixel) in pixels.zip(row.chunks_exact(samples * 2)) {
            let at = |i: usize| u32::from(u16::from_be_bytes([pixel[i * 2], pixel[i * 2 + 1]]));
            let alpha = if samples.is_multiple_of(2) { at(samples - 1) } else { 65_535 };
            let seen =
                |i| to_8_bits(if alpha == 65_535 { at(i) } else { on_white_16(at(i), alpha) });
            *rgb = if samples < 3 { [seen(0); 3] } else { [seen(0), seen(1), seen(2)] };
        }
        return;
    }
    match colour {
        ColorType::Grayscale | ColorType::Indexed => {
            pixels.zip(row).for_each(|(rgb, grey)| *rgb = [*grey; 3]);
        }
        ColorType::GrayscaleAlpha => {
            for (rgb, [grey, alpha]) in pixels.zip(row.as_chunks::<2>().0) {
                *rgb = [on_white_8(*grey, *alpha); 3];
            }
        }
        ColorType::Rgb => out.copy_from_slice(&row[..out.len()]),
        ColorType::Rgba => {
            for (rgb, [r, g, b, alpha]) in pixels.zip(row.as_chunks::<4>().0) {
                *rgb = match alpha {
                    255 => [*r, *g, *b],
                    a => [on_white_8(*r, *a), on_white_8(*g, *a), on_white_8(*b, *a)],
                };
            }
        }
    }
}

fn on_white_8(value: u8, alpha: u8) -> u8 {
    on_white(u32::from(value), u32::from(alpha), 255) as u8
}

fn on_white_16(value: u32, alpha: u32) -> u32 {
    on_white(value, alpha, 65_535)
}

fn refused(error: DecodingError) -> Refused {
    damaged(match error {
        DecodingError::IoError(_) => "its pixels end too early".into(),
        DecodingError::LimitsExceeded => "it needs more than 64 MiB beside its pixels".into(),
        other => one_line(&other),
    })
}

fn damaged(what: String) -> Refused {
    Refused::Damaged { format: Format::Png, what }
}
