//! What bytes are, from their structure alone: format, size in pixels, and whether they are whole.
//! Nothing is decoded or inflated, and nothing is allocated.

mod gif;
mod jpeg;
mod png;

use crate::{Limits, Refused};
use std::fmt;

/// The formats that are taken, told by their first bytes and never by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// PNG, every colour type and depth; of an APNG the default image.
    Png,
    /// JPEG, baseline or progressive, grey or YCbCr.
    Jpeg,
    /// GIF, the first frame.
    Gif,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Gif => "GIF",
        })
    }
}

impl Format {
    /// The media type for HTTP.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }
}

/// What [`probe`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format.
    pub format: Format,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Reads the structure of `bytes` and checks it against `limits`.
///
/// # Errors
/// [`Refused`]; [`Refused::Truncated`] may turn into a header when more bytes are written, all
/// other kinds are final.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Header, Refused> {
    if bytes.is_empty() {
        return Err(Refused::Empty);
    }
    if bytes.len() > limits.size_bytes {
        let (size_bytes, max_bytes) = (bytes.len(), limits.size_bytes);
        return Err(Refused::TooManyBytes { size_bytes, max_bytes });
    }
    for (format, magic) in MAGIC {
        // A prefix of the magic is a file of which only the first bytes are written.
        if bytes.starts_with(magic) || magic.starts_with(bytes) {
            return match format {
                Format::Png => png::walk(bytes, limits),
                Format::Jpeg => jpeg::walk(bytes, limits),
                Format::Gif => gif::walk(bytes, limits),
            };
        }
    }
    Err(Refused::OtherFormat { looks_like: looks_like(bytes) })
}

const MAGIC: [(Format, &[u8]); 4] = [
    (Format::Png, b"\x89PNG\r\n\x1a\n"),
    (Format::Jpeg, b"\xff\xd8\xff"),
    (Format::Gif, b"GIF87a"),
    (Format::Gif, b"GIF89a"),
];

/// Names the usual strangers, so that the message helps whoever sent them.
fn looks_like(bytes: &[u8]) -> &'static str {
    const STRANGERS: [(&[u8], &str); 11] = [
        (b"\x89PNG", "a PNG whose line ends were converted on the way (text-mode transfer)"),
        (b"RIFF", "WebP or another RIFF file"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"BM", "BMP"),
        (b"%PDF", "PDF"),
        (b"%!PS", "PostScript"),
        (b"\x7fELF", "a program (ELF)"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "gzip data"),
        (b"root", "a ROOT file"),
    ];
    if let Some((_, name)) = STRANGERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    let text = bytes.trim_ascii_start();
    match text.first() {
        Some(b'<') => "markup (HTML, SVG or XML)",
        Some(b'{' | b'[') => "JSON",
        _ => "of no known format",
    }
}

/// Checks a size in pixels. Zero is damage, because no encoder writes it.
fn check_size(
    format: Format,
    (width, height): (u32, u32),
    max_area: u64,
    limits: &Limits,
) -> Result<(), Refused> {
    if width == 0 || height == 0 {
        let what = format!("its header says {width}x{height} pixels");
        return Err(Refused::Damaged { format, what });
    }
    let area = u64::from(width) * u64::from(height);
    let max_side = limits.side_px;
    if width > max_side || height > max_side || area > max_area {
        return Err(Refused::TooManyPixels { format, width, height, max_side, max_area });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> &'static str {
        probe(bytes, &Limits::default()).unwrap_err().kind()
    }

    #[test]
    fn strangers_are_named() {
        for (bytes, name) in [
            (&b"RIFF\x10\0\0\0WEBPVP8 "[..], "WebP"),
            (b"<!DOCTYPE html>", "markup"),
            (b"  <svg onload=alert(1)>", "markup"),
            (b"%PDF-1.7", "PDF"),
            (b"\x7fELF\x02", "ELF"),
            (b"{\"a\":1}", "JSON"),
            (b"\x89PNG\n\x1a\n", "line ends"),
            (b"\0\0\0\0", "no known"),
        ] {
            let message = probe(bytes, &Limits::default()).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn the_first_bytes_of_a_file_in_writing_are_a_truncated_image() {
        assert_eq!(kind(b""), "empty");
        assert_eq!(kind(b"\x89"), "truncated");
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n"), "truncated");
        assert_eq!(kind(b"\xff\xd8"), "truncated");
        assert_eq!(kind(b"GIF8"), "truncated");
    }

    #[test]
    fn size_is_checked_before_anything_else() {
        let limits = Limits { size_bytes: 3, ..Limits::default() };
        assert_eq!(probe(b"abcd", &limits).unwrap_err().kind(), "too_many_bytes");
    }
}
