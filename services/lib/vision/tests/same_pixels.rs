//! The same bytes give the same pixels, on every machine and after any other image.

#![allow(clippy::unwrap_used)]

use hydra_proto::registry::InputShape;
use hydra_vision::{Workbench, unpack, write_rgb_png};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// A plot-like picture, drawn by arithmetic alone.
fn plot(width: u32, height: u32) -> Vec<u8> {
    let mut rgb = vec![255; (width * height * 3) as usize];
    for (at, pixel) in rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (at as u32 % width, at as u32 / width);
        let bar = (x * x / 97 + x * 13) % height;
        if y > height - bar.min(height) / 2 {
            *pixel = [(x % 256) as u8, 80, 160];
        } else if x % 100 == 0 || y % 75 == 0 {
            *pixel = [0; 3];
        }
    }
    write_rgb_png(width, height, &rgb)
}

fn shape(width: u32, height: u32, channels: u32, letterbox: bool) -> InputShape {
    InputShape { width, height, channels, letterbox }
}

/// SHA-256 over all that is made of a picture, as hexadecimal.
fn digest(bench: &mut Workbench, file: &[u8]) -> String {
    let mut picture = bench.open(file).unwrap();
    let mut hash = Sha256::new();
    hash.update(picture.rgb());
    for shape in [shape(299, 299, 3, false), shape(224, 160, 1, true), shape(700, 33, 3, true)] {
        hash.update(picture.resized(&shape));
    }
    hex::encode(hash.finalize())
}

#[test]
fn pixels_are_those_of_the_first_release() {
    let mut bench = Workbench::default();
    let large = digest(&mut bench, &plot(1200, 900));
    let small = digest(&mut bench, &plot(333, 41));
    assert_eq!(large, "bb7cd5ee127e4f9f8e9b21c49c4aed65ca74d77171c130eecb3e1648a7302750");
    assert_eq!(small, "c47bcc8bfd50781be5c464ebfe0a2102e68550404fc234e1c7e44602be92bb81");
    // Again, on a bench that has seen other images, and on a fresh one.
    assert_eq!(digest(&mut bench, &plot(1200, 900)), large);
    assert_eq!(digest(&mut Workbench::default(), &plot(333, 41)), small);
}

#[test]
fn thumbnails_and_packed_pixels_repeat_byte_for_byte() {
    let file = plot(640, 480);
    let make = || {
        let mut bench = Workbench::default();
        let mut picture = bench.open(&file).unwrap();
        (picture.thumbnail(), picture.pixels(&shape(299, 299, 3, false)))
    };
    let (thumbnail, pixels) = make();
    assert_eq!(make(), (thumbnail, pixels.clone()));
    let mut bench = Workbench::default();
    let mut picture = bench.open(&file).unwrap();
    assert_eq!(unpack(&pixels).unwrap(), picture.resized(&shape(299, 299, 3, false)));
}

proptest! {
    #[test]
    fn any_picture_survives_its_file(width in 1_u32..40, height in 1_u32..40, seed: u64) {
        let mut state = seed | 1;
        let rgb: Vec<u8> = (0..width * height * 3)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect();
        let mut bench = Workbench::default();
        let file = write_rgb_png(width, height, &rgb);
        let picture = bench.open(&file).unwrap();
        prop_assert_eq!(picture.rgb(), &rgb[..]);
    }

    #[test]
    fn any_shape_gives_its_number_of_bytes(
        (width, height) in (1_u32..200, 1_u32..200),
        channels in prop_oneof![Just(1_u32), Just(3)],
        letterbox: bool,
        (w, h) in (1_u32..64, 1_u32..64),
    ) {
        let mut bench = Workbench::default();
        let file = write_rgb_png(w, h, &vec![7; (w * h * 3) as usize]);
        let mut picture = bench.open(&file).unwrap();
        let shape = shape(width, height, channels, letterbox);
        let pixels = picture.pixels(&shape);
        prop_assert_eq!(unpack(&pixels).unwrap().len(), shape.size_bytes());
        prop_assert!(picture.resized(&shape).iter().all(|v| *v == 7 || letterbox && *v == 255));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0..4_usize) {
        let magics: [&[u8]; 4] = [b"", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"\xff\xd8\xff", b"GIF89a"];
        let file = [magics[magic], &bytes].concat();
        let _ = Workbench::default().open(&file).map(|mut picture| picture.thumbnail());
    }
}
