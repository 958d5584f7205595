//! Where the plot lies in a letterbox.

use hydra_vision::Map;

/// Left, top, width and height of a picture of size `of` inside `frame`, as the resizer puts it:
/// the largest size with the picture's aspect, rounded to nearest, in the middle.
fn inside(of: (u32, u32), frame: (u32, u32)) -> (u32, u32, u32, u32) {
    let (w, h) = (u64::from(of.0), u64::from(of.1));
    let (fw, fh) = (u64::from(frame.0), u64::from(frame.1));
    let scaled = |side: u64, num: u64, den: u64, max: u64| {
        ((side * num + den / 2) / den.max(1)).clamp(1, max) as u32
    };
    let (width, height) = if w * fh >= h * fw {
        (frame.0, scaled(h, fw, w, fh))
    } else {
        (scaled(w, fh, h, fw), frame.1)
    };
    ((frame.0 - width) / 2, (frame.1 - height) / 2, width, height)
}

/// The part of a map over `frame` that belongs to the plot of size `of`, without the paper
/// around it. `None` when the frame is larger than a map may be.
pub(crate) fn crop(map: &Map, of: (u32, u32), frame: (u32, u32)) -> Option<Map> {
    let (left, top, width, height) = inside(of, frame);
    let full = map.resized(frame.0, frame.1);
    let row = |y: u32| {
        let start = (y * frame.0 + left) as usize;
        &full.values()[start..start + width as usize]
    };
    let values = (top..top + height).flat_map(row).copied().collect();
    Map::from_values(width, height, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_proto::registry::InputShape;
    use hydra_vision::{Workbench, write_rgb_png};

    #[test]
    fn the_place_is_the_resizers() {
        for of in [(40, 10), (10, 40), (33, 31), (7, 100), (100, 7), (25, 25)] {
            let (width, height) = (30, 20);
            let shape = InputShape { width, height, channels: 1, letterbox: true };
            let black = write_rgb_png(of.0, of.1, &vec![0; (of.0 * of.1 * 3) as usize]);
            let mut bench = Workbench::default();
            let frame = bench.open(&black).unwrap().resized(&shape).to_vec();
            let (left, top, w, h) = inside(of, (width, height));
            for y in 0..height {
                for x in 0..width {
                    let plot = (left..left + w).contains(&x) && (top..top + h).contains(&y);
                    let wanted = if plot { 0 } else { 255 };
                    assert_eq!(frame[(y * width + x) as usize], wanted, "{of:?} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn paper_is_cut_away() {
        // the right half is hot
        let map = Map::from_values(2, 1, vec![0, 255]).unwrap();
        let cut = crop(&map, (10, 40), (30, 20)).unwrap();
        assert_eq!((cut.width(), cut.height()), (5, 20));
        let row = &cut.values()[..5];
        assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{row:?}");
    }
}
