//! GIF, and files that are no picture at all but may be named so.

use super::raw::gif;
use super::{Case, Expect, cuts_and_flips};

pub(super) fn cases() -> Vec<Case> {
    let stranger = |name: &str, bytes: &[u8]| {
        Case::new(format!("stranger/{name}"), bytes.to_vec(), Expect::Refused("other_format"))
    };
    let red = |width: u32, height: u32| {
        Expect::Rgb(width, height, vec![[255, 0, 0]; (width * height) as usize])
    };
    let mut cases = vec![
        Case::new("stranger/empty", Vec::new(), Expect::Refused("empty")),
        stranger("WebP", b"RIFF\x24\0\0\0WEBPVP8L\x18\0\0\0"),
        stranger("TIFF, little-endian", b"II*\0\x08\0\0\0"),
        stranger("TIFF, big-endian", b"MM\0*\0\0\0\x08"),
        stranger("BMP", b"BM\x46\0\0\0\0\0\0\0"),
        stranger(
            "SVG with a script",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        ),
        stranger("HTML", b"<!DOCTYPE html><script>alert(1)</script>"),
        stranger("PDF", b"%PDF-1.7\n"),
        stranger("ELF", b"\x7fELF\x02\x01\x01"),
        stranger("zip", b"PK\x03\x04\x14\0"),
        stranger("gzip", b"\x1f\x8b\x08\0"),
        stranger("text", b"hello"),
        stranger("zeros", &[0; 4096]),
        Case::new("stranger/ones", vec![0xFF; 4096], Expect::Refused("other_format")),
        Case::new("gif/small", gif(5, 4), red(5, 4)),
        Case::new("gif/bytes after the trailer", [gif(5, 4), vec![7; 99]].concat(), red(5, 4)),
        Case::new("gif/two frames", two_frames(), red(5, 4)),
        Case::new(
            "gif/frame beyond the screen",
            beyond_the_screen(),
            Expect::Refused("too_many_pixels"),
        ),
        Case::new(
            "gif/no frame",
            b"GIF89a\x05\0\x04\0\0\0\0\x3b".to_vec(),
            Expect::Refused("damaged"),
        ),
        Case::new(
            "gif/zero width",
            b"GIF89a\0\0\x04\0\0\0\0\x3b".to_vec(),
            Expect::Refused("damaged"),
        ),
    ];
    cases.extend(cuts_and_flips("gif", &gif(5, 4), Expect::Anything));
    cases
}

/// The frame of [`gif`] twice: from its descriptor (`2c`) to the trailer.
fn two_frames() -> Vec<u8> {
    let one = gif(5, 4);
    let start = frame_start(&one);
    let end = one.len() - 1;
    [&one[..end], &one[start..end], &one[end..]].concat()
}

fn beyond_the_screen() -> Vec<u8> {
    let mut bytes = gif(5, 4);
    let at = frame_start(&bytes);
    bytes[at + 5..at + 9].fill(0xFF);
    bytes
}

fn frame_start(bytes: &[u8]) -> usize {
    let descriptor = [0x2c, 0, 0, 0, 0, 5, 0, 4, 0];
    bytes
        .windows(descriptor.len())
        .position(|window| window == descriptor)
        .expect("the encoder writes one image descriptor")
}

pub(super) fn giants() -> Vec<Case> {
    let mut taller = gif(5, 4);
    taller[6..10].copy_from_slice(&[0x00, 0x20, 0x13, 0x13]);
    vec![
        Case::new("gif/giant/8192x4882", gif(8192, 4882), Expect::Size(8192, 4882)),
        Case::new("gif/giant/8192x4883", taller, Expect::Refused("too_many_pixels")),
    ]
}
