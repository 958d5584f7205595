//! Every kind of PNG, each with the pixels that must come out, computed here from its samples.

use super::raw::{chunk, ihdr, png, zlib};
use super::{Case, Expect};

const WIDTH: usize = 11;
const HEIGHT: usize = 9;
/// Colour type, depths, samples a pixel (specification, table 8).
const KINDS: [(u8, &[u8], usize); 5] = [
    (0, &[1, 2, 4, 8, 16], 1),
    (2, &[8, 16], 3),
    (3, &[1, 2, 4, 8], 1),
    (4, &[8, 16], 2),
    (6, &[8, 16], 4),
];
/// Columns and rows of the seven Adam7 passes: first and step.
const PASSES: [(usize, usize, usize, usize); 7] = [
    (0, 8, 0, 8),
    (4, 8, 0, 8),
    (0, 4, 4, 8),
    (2, 4, 0, 4),
    (0, 2, 2, 4),
    (1, 2, 0, 2),
    (0, 1, 1, 2),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (colour, depths, samples) in KINDS {
        for &depth in depths {
            for interlaced in [false, true] {
                let keys: &[bool] = if colour < 4 { &[false, true] } else { &[false] };
                for &keyed in keys {
                    cases.push(case(Kind { colour, depth, samples, interlaced, keyed }));
                }
            }
        }
    }
    cases
}

#[derive(Clone, Copy)]
struct Kind {
    colour: u8,
    depth: u8,
    samples: usize,
    interlaced: bool,
    /// Whether a tRNS chunk makes colours transparent.
    keyed: bool,
}

fn case(kind: Kind) -> Case {
    let Kind { colour, depth, interlaced, keyed, .. } = kind;
    let mut chunks = vec![ihdr(WIDTH as u32, HEIGHT as u32, depth, colour, interlaced)];
    if colour == 3 {
        let entries = (0..1 << depth).flat_map(palette).collect::<Vec<u8>>();
        chunks.push(chunk(b"PLTE", &entries));
    }
    if keyed {
        let key = match colour {
            3 => (0..1 << depth).map(palette_alpha).collect(),
            _ => pixel(kind, 2, 1).iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>(),
        };
        chunks.push(chunk(b"tRNS", &key));
    }
    chunks.push(chunk(b"IDAT", &zlib(&scanlines(kind))));
    let rgb = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| expected(kind, x, y))).collect();
    let name = format!("png/picture/{colour}-{depth}-interlaced:{interlaced}-keyed:{keyed}");
    Case::new(name, png(&chunks), Expect::Rgb(WIDTH as u32, HEIGHT as u32, rgb))
}

/// The samples of a pixel, in 0..2^depth.
fn pixel(kind: Kind, x: usize, y: usize) -> Vec<u16> {
    let sample =
        |i: usize| (x * 7_919 + y * 104_729 + i * 1_299_709 + x * y * 31) % (1 << kind.depth);
    (0..kind.samples).map(|i| sample(i) as u16).collect()
}

fn palette(index: usize) -> [u8; 3] {
    [index * 37, index * 91 + 5, 255 - index].map(|v| v as u8)
}

fn palette_alpha(index: usize) -> u8 {
    (index * 53) as u8
}

/// What the specification says that the pixel looks like on white, in floating point.
fn expected(kind: Kind, x: usize, y: usize) -> [u8; 3] {
    let samples = pixel(kind, x, y);
    let full = f64::from((1_u32 << kind.depth) - 1);
    let share = |i: usize| f64::from(samples[i]) / full;
    let key_hit = kind.keyed && samples == pixel(kind, 2, 1);
    let key = if key_hit { 0.0 } else { 1.0 };
    let (rgb, alpha) = match kind.colour {
        0 => ([share(0); 3], key),
        2 => ([share(0), share(1), share(2)], key),
        3 => {
            let index = usize::from(samples[0]);
            let alpha = if kind.keyed { f64::from(palette_alpha(index)) / 255.0 } else { 1.0 };
            (palette(index).map(|v| f64::from(v) / 255.0), alpha)
        }
        4 => ([share(0); 3], share(1)),
        _ => ([share(0), share(1), share(2)], share(3)),
    };
    rgb.map(|v| ((v * alpha + 1.0 - alpha) * 255.0).round() as u8)
}

/// The filtered bytes (filter 0 throughout), in passes where interlaced.
fn scanlines(kind: Kind) -> Vec<u8> {
    let whole = [(0, 1, 0, 1)];
    let passes: &[_] = if kind.interlaced { &PASSES } else { &whole };
    let mut bytes = Vec::new();
    for &(x0, dx, y0, dy) in passes {
        if x0 >= WIDTH {
            continue;
        }
        for y in (y0..HEIGHT).step_by(dy) {
            let row = (x0..WIDTH).step_by(dx).flat_map(|x| pixel(kind, x, y));
            bytes.push(0);
            bytes.extend(pack(row, kind.depth));
        }
    }
    bytes
}

/// Samples as bits, most significant first, filled up to whole bytes.
fn pack(row: impl Iterator<Item = u16>, depth: u8) -> Vec<u8> {
    let bits: Vec<bool> =
        row.flat_map(|v| (0..depth).rev().map(move |bit| v >> bit & 1 == 1)).collect();
    let byte = |bits: &[bool]| {
        bits.iter().enumerate().fold(0, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i))
    };
    bits.chunks(8).map(byte).collect()
}
