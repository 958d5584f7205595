//! Walks the segments of a JPEG (ITU-T T.81, annex B).

use super::{Format, Header, check_size};
use crate::{Limits, Refused};

/// Reads the frame header and walks over every scan to the end-of-image marker.
pub(super) fn walk(bytes: &[u8], limits: &Limits) -> Result<Header, Refused> {
    let truncated =
        |missing| Refused::Truncated { format: Format::Jpeg, size_bytes: bytes.len(), missing };
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut header = None;
    let mut scans = 0;
    loop {
        let Some((marker, after)) = marker(rest)? else {
            let missing = if header.is_some() { "no end-of-image marker" } else { "no header" };
            return Err(truncated(missing));
        };
        rest = after;
        match marker {
            0xD9 => {
                let header = header.filter(|_| scans > 0);
                return header.ok_or_else(|| damaged("it ends before any pixels".into()));
            }
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let Some((body, after)) = segment(rest)? else {
            return Err(truncated("a segment is not whole"));
        };
        rest = after;
        match marker {
            0xC0..=0xC2 if header.is_none() => header = Some(frame(marker, body, limits)?),
            0xC0..=0xC2 => return Err(damaged("it has two frame headers".into())),
            0xC4 | 0xC8 | 0xCC => {}
            0xC3..=0xCF => return Err(unsupported(kind_of(marker).into())),
            0xDA => {
                scans += 1;
                if scans > limits.scans {
                    return Err(unsupported(format!("more than {} scans", limits.scans)));
                }
                rest = after_scan(rest);
            }
            _ => {}
        }
    }
}

/// The marker at the start of `rest`, and what follows it; `None` where the bytes end.
fn marker(rest: &[u8]) -> Result<Option<(u8, &[u8])>, Refused> {
    match rest.first() {
        None => return Ok(None),
        Some(0xFF) => {}
        Some(other) => {
            return Err(damaged(format!("there is {other:#04x} where a marker must be")));
        }
    }
    // Any number of fill bytes may stand before a marker.
    let skipped = rest.iter().take_while(|byte| **byte == 0xFF).count();
    Ok(rest.get(skipped).map(|marker| (*marker, &rest[skipped + 1..])))
}

/// A segment's body and what follows it.
type Segment<'a> = (&'a [u8], &'a [u8]);

/// The body of the segment at the start of `rest`, and what follows it.
fn segment(rest: &[u8]) -> Result<Option<Segment<'_>>, Refused> {
    let Some((&[high, low], _)) = rest.split_first_chunk::<2>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len < 2 {
        return Err(damaged(format!("a segment of {len} bytes is impossible")));
    }
    Ok((rest.len() >= len).then(|| (&rest[2..len], &rest[len..])))
}

/// Skips entropy-coded data: up to the next `FF` that is neither stuffed nor a restart.
fn after_scan(data: &[u8]) -> &[u8] {
    let mut from = 0;
    while let Some(found) = data[from..].iter().position(|byte| *byte == 0xFF) {
        let at = from + found;
        match data.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => from = at + 2,
            Some(0xFF) => from = at + 1,
            _ => return &data[at..],
        }
    }
    &[]
}

fn frame(marker: u8, body: &[u8], limits: &Limits) -> Result<Header, Refused> {
    let Some(&[precision, h0, h1, w0, w1, components]) = body.first_chunk::<6>() else {
        return Err(damaged("its frame header is too short".into()));
    };
    let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
    let (width, height) = (u32::from(width), u32::from(height));
    let progressive = marker == 0xC2;
    let max_area = if progressive { limits.progressive_area_px } else { limits.area_px };
    check_size(Format::Jpeg, (width, height), max_area, limits)?;
    match (precision, components) {
        (8, 1 | 3) => Ok(Header { format: Format::Jpeg, width, height }),
        (8, 4) => Err(unsupported("CMYK colours; save it as RGB".into())),
        (8, n) => Err(unsupported(format!("{n} colour components"))),
        (bits, _) => Err(unsupported(format!("{bits}-bit samples"))),
    }
}

fn kind_of(marker: u8) -> &'static str {
    match marker {
        0xC9..=0xCB | 0xCD..=0xCF => "arithmetic coding",
        0xC3 => "lossless coding",
        _ => "hierarchical coding",
    }
}

fn damaged(what: String) -> Refused {
    Refused::Damaged { format: Format::Jpeg, what }
}

fn unsupported(what: String) -> Refused {
    Refused::Unsupported { format: Format::Jpeg, what }
}
