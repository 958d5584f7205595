//! Walks the blocks of a GIF (CompuServe GIF89a specification, 1990).

use super::{Format, Header, check_size};
use crate::{Limits, Refused};

/// Reads the logical screen and hops over the blocks to the trailer.
pub(super) fn walk(bytes: &[u8], limits: &Limits) -> Result<Header, Refused> {
    let truncated =
        |missing| Refused::Truncated { format: Format::Gif, size_bytes: bytes.len(), missing };
    let Some((&[.., w0, w1, h0, h1, flags, _, _], rest)) = bytes.split_first_chunk::<13>() else {
        return Err(truncated("no screen descriptor"));
    };
    let header = Header { format: Format::Gif, width: side(w0, w1), height: side(h0, h1) };
    check_size(Format::Gif, (header.width, header.height), limits.area_px, limits)?;
    let mut rest = rest.get(table_len(flags)..).ok_or_else(|| truncated("no colour table"))?;
    let mut has_frame = false;
    loop {
        let missing = if has_frame { "no trailer" } else { "no frame" };
        let Some((&kind, after)) = rest.split_first() else { return Err(truncated(missing)) };
        rest = match kind {
            0x21 => after.get(1..).and_then(after_sub_blocks),
            0x2C => {
                let after = frame(after, has_frame, limits)?;
                has_frame = true;
                after
            }
            0x3B if has_frame => return Ok(header),
            0x3B => return Err(damaged("it has no frame".into())),
            other => return Err(damaged(format!("a block of kind {other:#04x} does not exist"))),
        }
        .ok_or_else(|| truncated(missing))?;
    }
}

/// What follows the frame whose descriptor starts `rest`; `None` where the bytes end inside it.
/// The size of the first frame is checked: it is the one that is decoded.
fn frame<'a>(rest: &'a [u8], is_later: bool, limits: &Limits) -> Result<Option<&'a [u8]>, Refused> {
    let Some((&[_, _, _, _, w0, w1, h0, h1, flags], data)) = rest.split_first_chunk::<9>() else {
        return Ok(None);
    };
    if !is_later {
        check_size(Format::Gif, (side(w0, w1), side(h0, h1)), limits.area_px, limits)?;
    }
    // One byte between the colour table and the data: the code size.
    Ok(data.get(table_len(flags) + 1..).and_then(after_sub_blocks))
}

fn after_sub_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&len, after) = rest.split_first()?;
        rest = after.get(usize::from(len)..)?;
        if len == 0 {
            return Some(rest);
        }
    }
}

fn side(low: u8, high: u8) -> u32 {
    u32::from(u16::from_le_bytes([low, high]))
}

fn table_len(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

fn damaged(what: String) -> Refused {
    Refused::Damaged { format: Format::Gif, what }
}
