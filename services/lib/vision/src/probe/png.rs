//! Walks the chunks of a PNG (W3C Portable Network Graphics, third edition, section 5).

use super::{Format, Header, check_size};
use crate::{Limits, Refused};

const SIGNATURE_LEN: usize = 8;
/// A chunk beside its data: length, type, checksum.
const FRAME_LEN: usize = 12;

/// Reads the header and hops over the chunks to the end.
pub(super) fn walk(bytes: &[u8], limits: &Limits) -> Result<Header, Refused> {
    let truncated =
        |missing| Refused::Truncated { format: Format::Png, size_bytes: bytes.len(), missing };
    let mut rest = bytes.get(SIGNATURE_LEN..).ok_or_else(|| truncated("no signature"))?;
    let (kind, data, after) = chunk(rest)?.ok_or_else(|| truncated("no IHDR chunk"))?;
    if &kind != b"IHDR" {
        return Err(damaged(format!("its first chunk is {}, not IHDR", kind.escape_ascii())));
    }
    let header = header(data, limits)?;
    rest = after;
    let mut has_pixels = false;
    loop {
        let Some((kind, _, after)) = chunk(rest)? else {
            return Err(truncated(if has_pixels { "no IEND chunk" } else { "no pixels" }));
        };
        match &kind {
            b"IDAT" => has_pixels = true,
            b"IEND" if has_pixels => return Ok(header),
            b"IEND" => return Err(damaged("it has no IDAT chunk".into())),
            _ => {}
        }
        rest = after;
    }
}

/// A chunk's type, its data, and what follows it.
type Chunk<'a> = ([u8; 4], &'a [u8], &'a [u8]);

/// The chunk at the start of `rest`; `None` where the bytes end inside it.
fn chunk(rest: &[u8]) -> Result<Option<Chunk<'_>>, Refused> {
    let Some((frame, _)) = rest.split_first_chunk::<8>() else { return Ok(None) };
    let [a, b, c, d, kind @ ..] = *frame;
    let len = u32::from_be_bytes([a, b, c, d]);
    if len > i32::MAX as u32 || !kind.iter().all(u8::is_ascii_alphabetic) {
        let kind = kind.escape_ascii();
        return Err(damaged(format!("a chunk of type {kind} and {len} bytes is impossible")));
    }
    let end = FRAME_LEN + len as usize;
    Ok((rest.len() >= end).then(|| (kind, &rest[8..end - 4], &rest[end..])))
}

fn header(data: &[u8], limits: &Limits) -> Result<Header, Refused> {
    let Ok(&[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, compression, filter, interlace]) =
        <&[u8; 13]>::try_from(data)
    else {
        return Err(damaged(format!("its IHDR chunk has {} bytes, not 13", data.len())));
    };
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    check_size(Format::Png, (width, height), limits.area_px, limits)?;
    // Table 8 of the specification.
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        2 | 4 | 6 => &[8, 16],
        3 => &[1, 2, 4, 8],
        _ => &[],
    };
    if !depths.contains(&depth) {
        return Err(damaged(format!("colour type {colour} with {depth} bits does not exist")));
    }
    if compression != 0 || filter != 0 || interlace > 1 {
        return Err(damaged(format!(
            "compression {compression}, filter {filter}, interlace {interlace} do not exist"
        )));
    }
    Ok(Header { format: Format::Png, width, height })
}

fn damaged(what: String) -> Refused {
    Refused::Damaged { format: Format::Png, what }
}
