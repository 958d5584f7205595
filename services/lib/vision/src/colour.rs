//! The overlay's colours: "inferno" by Nathaniel Smith and Stéfan van der Walt (matplotlib,
//! CC0), which is perceptually uniform: equal steps of a map look equally large, in print and
//! to the colour-blind too.
//!
//! The table runs straight between 33 entries of theirs, and is within 2 of 255 of all 256
//! (<https://github.com/BIDS/colormap>, `colormaps.py`, CC0).

/// Entries of the original table at `round(i * 255 / 32)`.
const ANCHORS: [[u8; 3]; 33] = [
    [0, 0, 4],
    [4, 3, 18],
    [11, 7, 36],
    [21, 11, 55],
    [33, 12, 74],
    [47, 10, 91],
    [61, 9, 101],
    [74, 12, 107],
    [87, 16, 110],
    [100, 21, 110],
    [113, 25, 110],
    [125, 30, 109],
    [138, 34, 106],
    [151, 39, 102],
    [163, 44, 97],
    [176, 49, 91],
    [188, 55, 84],
    [198, 61, 77],
    [208, 69, 69],
    [218, 78, 60],
    [227, 89, 51],
    [235, 100, 41],
    [241, 113, 31],
    [246, 126, 20],
    [249, 140, 10],
    [251, 155, 6],
    [252, 170, 15],
    [251, 186, 31],
    [249, 201, 50],
    [245, 217, 73],
    [242, 232, 101],
    [243, 245, 134],
    [252, 255, 164],
];

/// RGB by value of the map, from black over purple and orange to pale yellow.
pub const INFERNO: [[u8; 3]; 256] = table();

const fn table() -> [[u8; 3]; 256] {
    let mut table = [[0; 3]; 256];
    let mut value = 0;
    let mut next = 1;
    while value < 256 {
        if value > place(next) {
            next += 1;
        }
        let (from, to) = (place(next - 1), place(next));
        let mut channel = 0;
        while channel < 3 {
            let below = ANCHORS[next - 1][channel] as usize * (to - value);
            let above = ANCHORS[next][channel] as usize * (value - from);
            table[value][channel] = ((below + above + (to - from) / 2) / (to - from)) as u8;
            channel += 1;
        }
        value += 1;
    }
    table
}

/// Where anchor `i` stands.
const fn place(i: usize) -> usize {
    (i * 255 + 16) / 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE L*a*b* (CIE 15:2004) of an sRGB colour, D65.
    fn lab(rgb: [u8; 3]) -> [f64; 3] {
        let [r, g, b] = rgb.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        let x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047;
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883;
        let [x, y, z] =
            [x, y, z].map(|t| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn known_colours_of_inferno_are_met() {
        // matplotlib's own table at 0, 64, 128, 192, 255.
        for (value, rgb) in [
            (0, [0, 0, 4]),
            (64, [87, 16, 110]),
            (128, [188, 55, 84]),
            (192, [249, 142, 9]),
            (255, [252, 255, 164]),
        ] {
            for (got, wanted) in INFERNO[value].into_iter().zip(rgb) {
                assert!(got.abs_diff(wanted) <= 2, "{value}: {:?}, not {rgb:?}", INFERNO[value]);
            }
        }
    }

    #[test]
    fn lightness_grows_evenly_with_the_value() {
        let lightness: Vec<f64> = INFERNO.iter().map(|rgb| lab(*rgb)[0]).collect();
        let (first, last) = (lightness[0], lightness[255]);
        for (value, l) in lightness.iter().enumerate() {
            let line = first + (last - first) * value as f64 / 255.0;
            assert!((l - line).abs() < 6.0, "{value}: L* {l} beside {line}");
        }
        let falls = lightness.windows(4).filter(|w| w[3] <= w[0]).count();
        assert_eq!(falls, 0, "lightness falls somewhere");
    }
}
