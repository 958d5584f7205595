//! JPEG files, made block by block.

use super::raw::Jpeg;
use super::{Case, Expect, cuts_and_flips};

/// Every block is empty: grey in the middle of the range.
fn grey(width: u32, height: u32) -> Expect {
    Expect::Rgb(width, height, vec![[128; 3]; (width * height) as usize])
}

pub(super) fn cases() -> Vec<Case> {
    let case =
        |name: &str, jpeg: Jpeg, expect| Case::new(format!("jpeg/{name}"), jpeg.bytes(), expect);
    let base = Jpeg::default;
    let mut cases = vec![
        case("baseline", base(), grey(16, 8)),
        case("grey", Jpeg { components: 1, ..base() }, grey(16, 8)),
        case("odd size", Jpeg { width: 13, height: 3, ..base() }, grey(13, 3)),
        case("progressive", Jpeg { frame: 0xC2, scans: 2, ..base() }, grey(16, 8)),
        case("CMYK", Jpeg { components: 4, ..base() }, Expect::Refused("unsupported")),
        case("two components", Jpeg { components: 2, ..base() }, Expect::Refused("unsupported")),
        case("no components", Jpeg { components: 0, ..base() }, Expect::Refused("unsupported")),
        case("12 bits", Jpeg { precision: 12, ..base() }, Expect::Refused("unsupported")),
        case("lossless", Jpeg { frame: 0xC3, ..base() }, Expect::Refused("unsupported")),
        case("arithmetic", Jpeg { frame: 0xC9, ..base() }, Expect::Refused("unsupported")),
        case("zero height", Jpeg { height: 0, ..base() }, Expect::Refused("damaged")),
        case(
            "1,000 scans",
            Jpeg { frame: 0xC2, scans: 1000, width: 3000, height: 3000, ..base() },
            Expect::Refused("unsupported"),
        ),
        Case::new("jpeg/rotated by EXIF", rotated(), grey(16, 8)),
        Case::new("jpeg/no pixels", b"\xff\xd8\xff\xd9".to_vec(), Expect::Refused("damaged")),
        Case::new(
            "jpeg/junk between markers",
            b"\xff\xd8\xff\xe0\0\x02junk\xff\xd9".to_vec(),
            Expect::Refused("damaged"),
        ),
    ];
    for side in [8193, 65_535] {
        let jpeg = Jpeg { width: side, height: 1, ..base() };
        let expect = Expect::Refused("too_many_pixels");
        cases.push(case(&format!("{side} wide"), jpeg, expect));
    }
    cases.extend(cuts_and_flips("jpeg", &base().bytes(), Expect::Anything));
    let progressive = Jpeg { frame: 0xC2, scans: 3, ..base() };
    cases.extend(cuts_and_flips("progressive jpeg", &progressive.bytes(), Expect::Anything));
    cases
}

/// An APP1 segment with EXIF orientation 6 ("turn right"): the pixels are taken as stored.
fn rotated() -> Vec<u8> {
    let plain = Jpeg::default().bytes();
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [&plain[..2], exif, &plain[2..]].concat()
}

pub(super) fn giants() -> Vec<Case> {
    let case = |name: &str, jpeg: Jpeg, expect| {
        Case::new(format!("jpeg/giant/{name}"), jpeg.bytes(), expect)
    };
    let progressive =
        |width, height, scans| Jpeg { width, height, scans, frame: 0xC2, ..Jpeg::default() };
    vec![
        case(
            "8192x4882",
            Jpeg { width: 8192, height: 4882, ..Jpeg::default() },
            Expect::Size(8192, 4882),
        ),
        case("progressive, 12 MP, 32 scans", progressive(4000, 3000, 32), Expect::Size(4000, 3000)),
        case("progressive, 13 MP", progressive(4000, 3250, 2), Expect::Refused("too_many_pixels")),
    ]
}
