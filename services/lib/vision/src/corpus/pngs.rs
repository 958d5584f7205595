//! PNG files that break rules or swell.

use super::raw::{PNG_SIGNATURE, chunk, ihdr, png, zlib, zlib_zeros};
use super::{Case, Expect, cuts_and_flips};

/// Four pixels, RGB.
const PIXELS: [[u8; 3]; 4] = [[1, 2, 3], [40, 50, 60], [255, 0, 128], [9, 99, 199]];

fn header() -> Vec<u8> {
    ihdr(2, 2, 8, 2, false)
}

fn idat() -> Vec<u8> {
    chunk(b"IDAT", &zlib(&scanlines()))
}

fn scanlines() -> Vec<u8> {
    let [a, b, c, d] = PIXELS;
    [&[0][..], &a, &b, &[0], &c, &d].concat()
}

fn right() -> Expect {
    Expect::Rgb(2, 2, PIXELS.to_vec())
}

pub(super) fn cases() -> Vec<Case> {
    let small = png(&[header(), idat()]);
    let same = Expect::RefusedOr(2, 2, PIXELS.to_vec());
    let mut cases = cuts_and_flips("png", &small, same);
    cases.extend(structure());
    cases.extend(headers());
    cases.extend(bombs());
    cases.extend(animations());
    cases
}

fn structure() -> Vec<Case> {
    let case =
        |name: &str, bytes, expect| Case::new(format!("png/structure/{name}"), bytes, expect);
    let refused =
        |name: &str, chunks: &[Vec<u8>]| case(name, png(chunks), Expect::Refused("damaged"));
    let bad_crc = |mut chunk: Vec<u8>| {
        if let Some(last) = chunk.last_mut() {
            *last ^= 1;
        }
        chunk
    };
    let palette = chunk(b"PLTE", &[0; 6]);
    let indexed = ihdr(2, 2, 8, 3, false);
    let stream = zlib(&scanlines());
    let bytewise: Vec<Vec<u8>> = stream.iter().map(|b| chunk(b"IDAT", &[*b])).collect();
    let mut damaged_stream = stream.clone();
    damaged_stream[2] ^= 0xFF;
    let html = b"<html><script>alert(1)</script></html>";
    vec![
        case("signature only", PNG_SIGNATURE.to_vec(), Expect::Refused("truncated")),
        refused("bad checksum in IHDR", &[bad_crc(header()), idat()]),
        refused("bad checksum in IDAT", &[header(), bad_crc(idat())]),
        case("no IEND", [PNG_SIGNATURE, &header(), &idat()].concat(), Expect::Refused("truncated")),
        refused("no IDAT", &[header()]),
        refused("IHDR is not first", &[idat(), header()]),
        refused("two IHDR", &[header(), header(), idat()]),
        refused("short IHDR", &[chunk(b"IHDR", &[0; 12]), idat()]),
        refused("no PLTE", &[indexed.clone(), chunk(b"IDAT", &zlib(&[0, 0, 1, 0, 1, 0]))]),
        refused("late PLTE", &[indexed.clone(), idat(), palette.clone()]),
        refused("two PLTE", &[indexed.clone(), palette.clone(), palette, idat()]),
        refused("too few pixels", &[header(), chunk(b"IDAT", &zlib(&[0; 8]))]),
        refused("empty stream", &[header(), chunk(b"IDAT", &[])]),
        refused("damaged stream", &[header(), chunk(b"IDAT", &damaged_stream)]),
        refused("unknown filter", &[header(), chunk(b"IDAT", &zlib(&[9; 14]))]),
        case(
            "palette index beyond the palette",
            png(&[indexed, chunk(b"PLTE", &[7; 3]), chunk(b"IDAT", &zlib(&[0, 0, 9, 0, 9, 0]))]),
            Expect::Anything,
        ),
        case("IDAT in chunks of a byte", png(&[vec![header()], bytewise].concat()), right()),
        case("bytes after IEND", [&png(&[header(), idat()])[..], &[0x55; 999]].concat(), right()),
        case("HTML in a text chunk", png(&[header(), chunk(b"tEXt", html), idat()]), right()),
        case("HTML after IEND", [&png(&[header(), idat()])[..], html].concat(), right()),
        case("zip after IEND", [&png(&[header(), idat()])[..], b"PK\x03\x04"].concat(), right()),
        case(
            "a chunk of two gigabytes",
            [PNG_SIGNATURE, &header(), &[0x7f, 0xff, 0xff, 0xff], b"tEXt", &[0; 64]].concat(),
            Expect::Refused("truncated"),
        ),
        case(
            "a chunk of four gigabytes",
            [PNG_SIGNATURE, &header(), &[0xff; 4], b"tEXt", &[0; 64]].concat(),
            Expect::Refused("damaged"),
        ),
    ]
}

fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    let sized = |width, height, kind| {
        let bytes = png(&[ihdr(width, height, 8, 2, false), idat()]);
        Case::new(format!("png/header/{width}x{height}"), bytes, Expect::Refused(kind))
    };
    for (width, height) in [(0, 0), (0, 1), (1, 0)] {
        cases.push(sized(width, height, "damaged"));
    }
    let side = i32::MAX as u32;
    for (width, height) in
        [(1, side), (side, 1), (u32::MAX, u32::MAX), (65_535, 65_535), (20_000, 10), (8192, 8192)]
    {
        cases.push(sized(width, height, "too_many_pixels"));
    }
    for colour in 0..8 {
        for depth in [0, 1, 2, 3, 4, 8, 16, 32] {
            let legal = matches!(
                (colour, depth),
                (0, 1 | 2 | 4 | 8 | 16) | (2 | 4 | 6, 8 | 16) | (3, 1 | 2 | 4 | 8)
            );
            if !legal {
                let bytes = png(&[ihdr(2, 2, depth, colour, false), idat()]);
                let name = format!("png/header/colour {colour} with {depth} bits");
                cases.push(Case::new(name, bytes, Expect::Refused("damaged")));
            }
        }
    }
    cases
}

fn bombs() -> Vec<Case> {
    let case = |name: &str, bytes, expect| Case::new(format!("png/bomb/{name}"), bytes, expect);
    let around = |extra: Vec<u8>| png(&[header(), extra, idat()]);
    let many = |chunk: Vec<u8>, count: usize| chunk.repeat(count);
    let zeros = zlib_zeros(60 << 20);
    let text = |kind: &[u8; 4], prefix: &[u8]| around(chunk(kind, &[prefix, &zeros].concat()));
    let giant = zlib_zeros(30_000 * 90_001);
    vec![
        case(
            "30000x30000",
            png(&[ihdr(30_000, 30_000, 8, 2, false), chunk(b"IDAT", &giant)]),
            Expect::Refused("too_many_pixels"),
        ),
        // The stream holds 60 MB, the picture four pixels: the rest is never inflated.
        case(
            "60 MB for four pixels",
            png(&[header(), chunk(b"IDAT", &zeros)]),
            Expect::Rgb(2, 2, vec![[0; 3]; 4]),
        ),
        case("iCCP", text(b"iCCP", b"profile\0\0"), right()),
        case("zTXt", text(b"zTXt", b"Comment\0\0"), right()),
        case("iTXt", text(b"iTXt", b"Comment\0\x01\0\0\0"), right()),
        case("100,000 empty tEXt", around(many(chunk(b"tEXt", b""), 100_000)), right()),
        case("100,000 tEXt", around(many(chunk(b"tEXt", b"Comment\0x"), 100_000)), right()),
        case(
            "100,000 empty IDAT",
            png(&[header(), many(chunk(b"IDAT", b""), 100_000), idat()]),
            right(),
        ),
        case("100,000 unknown chunks", around(many(chunk(b"quUx", b""), 100_000)), right()),
        case("a text chunk of 20 MB", around(chunk(b"tEXt", &vec![b'x'; 20 << 20])), right()),
        case(
            "a private chunk of 30 MB",
            around(chunk(b"quUx", &vec![0; 30 << 20])),
            Expect::Anything,
        ),
        case(
            "a file of 32 MiB and a byte",
            [png(&[header(), idat()]), vec![0; 32 << 20]].concat(),
            Expect::Refused("too_many_bytes"),
        ),
    ]
}

fn animations() -> Vec<Case> {
    let case = |name: &str, chunks: &[Vec<u8>], expect| {
        Case::new(format!("png/animation/{name}"), png(chunks), expect)
    };
    let control =
        |frames: u32| chunk(b"acTL", &[frames.to_be_bytes(), 0_u32.to_be_bytes()].concat());
    let frame = |sequence: u32, width: u32, height: u32, x: u32| {
        let mut data: Vec<u8> =
            [sequence, width, height, x, 0].into_iter().flat_map(u32::to_be_bytes).collect();
        data.extend([0, 1, 0, 10, 0, 0]);
        chunk(b"fcTL", &data)
    };
    let later = chunk(b"fdAT", &[&2_u32.to_be_bytes()[..], &zlib(&[0; 14])].concat());
    let storm: Vec<Vec<u8>> = (1..100_000).map(|n| frame(n, 2, 2, 0)).collect();
    vec![
        case(
            "the first frame counts",
            &[header(), control(2), frame(0, 2, 2, 0), idat(), frame(1, 2, 2, 0), later],
            right(),
        ),
        case(
            "2^31-1 frames",
            &[header(), control(i32::MAX as u32), frame(0, 2, 2, 0), idat()],
            right(),
        ),
        case(
            "no frames",
            &[header(), control(0), idat()],
            Expect::RefusedOr(2, 2, PIXELS.to_vec()),
        ),
        case(
            "100,000 frame headers before the pixels",
            &[header(), control(100_000), frame(0, 2, 2, 0), storm.concat(), idat()],
            Expect::RefusedOr(2, 2, PIXELS.to_vec()),
        ),
        case(
            "100,000 frame headers after the pixels",
            &[header(), control(100_000), frame(0, 2, 2, 0), idat(), storm.concat()],
            right(),
        ),
        case(
            "a first frame smaller than the picture",
            &[header(), control(1), frame(0, 1, 1, 0), idat()],
            Expect::Refused("damaged"),
        ),
        case(
            "a first frame beyond the picture",
            &[header(), control(1), frame(0, 2, 2, 7), idat()],
            Expect::Refused("damaged"),
        ),
    ]
}

pub(super) fn giants() -> Vec<Case> {
    let case = |name: &str, (width, height): (u32, u32), kind: (u8, u8, bool), row_bytes: u64| {
        let (depth, colour, interlaced) = kind;
        // Adam7 has more rows, each with its filter byte: some zeros too many do no harm.
        let len = (row_bytes + 1) * u64::from(height) + (1 << 20);
        let header = ihdr(width, height, depth, colour, interlaced);
        let bytes = png(&[header, chunk(b"IDAT", &zlib_zeros(len))]);
        Case::new(format!("png/giant/{name}"), bytes, Expect::Size(width, height))
    };
    vec![
        case("8192x4882 RGB", (8192, 4882), (8, 2, false), 8192 * 3),
        case("8192x4882 RGBA of 16 bits", (8192, 4882), (16, 6, false), 8192 * 8),
        case("8192x4882 RGBA of 16 bits, interlaced", (8192, 4882), (16, 6, true), 8192 * 8),
        case("8192x4882 black and white", (8192, 4882), (1, 0, false), 1024),
        case("8192x1", (8192, 1), (8, 2, false), 8192 * 3),
        case("1x8192", (1, 8192), (8, 2, false), 3),
    ]
}
