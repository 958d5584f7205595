//! 8-bit pixels -> the input tensor of a network.

use crate::manifest::{InputSpec, Layout};

/// Appends one image to a batch. `pixels` are `height * width * channels` bytes, row by row,
/// channels together; the tensor's order is the layout's.
///
/// # Errors
/// The number of bytes that the input has, when `pixels` are another number.
pub fn append(spec: &InputSpec, pixels: &[u8], batch: &mut Vec<f32>) -> Result<(), usize> {
    let wanted = spec.shape().size_bytes();
    if pixels.len() != wanted {
        return Err(wanted);
    }
    let lines: Vec<(f32, f32)> =
        (0..spec.channels as usize).map(|c| spec.normalisation.line(c)).collect();
    match (spec.layout, &lines[..]) {
        (Layout::Nchw, [red, green, blue]) => {
            let start = batch.len();
            batch.resize(start + wanted, 0.0);
            let (reds, rest) = batch[start..].split_at_mut(wanted / 3);
            let (greens, blues) = rest.split_at_mut(wanted / 3);
            let planes = reds.iter_mut().zip(greens).zip(blues);
            for (((r, g), b), [pr, pg, pb]) in planes.zip(pixels.as_chunks::<3>().0) {
                *r = f32::from(*pr) * red.0 + red.1;
                *g = f32::from(*pg) * green.0 + green.1;
                *b = f32::from(*pb) * blue.0 + blue.1;
            }
        }
        (_, [(slope, offset)]) => {
            batch.extend(pixels.iter().map(|p| f32::from(*p) * slope + offset));
        }
        (_, lines) => {
            let channels = pixels.iter().zip(lines.iter().cycle());
            batch.extend(channels.map(|(p, (slope, offset))| f32::from(*p) * slope + offset));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Batch, Normalisation};

    fn spec(channels: u32, layout: Layout) -> InputSpec {
        InputSpec {
            name: "x".into(),
            width: 2,
            height: 1,
            channels,
            layout,
            batch: Batch::Any,
            letterbox: false,
            normalisation: Normalisation {
                scale: 1.0,
                mean: (0..channels).map(|c| c as f32 * 10.0).collect(),
                std: vec![2.0],
            },
        }
    }

    #[test]
    fn channels_go_where_the_layout_wants_them() {
        let pixels = [2, 12, 22, 4, 14, 24];
        let mut batch = vec![9.0];
        append(&spec(3, Layout::Nchw), &pixels, &mut batch).unwrap();
        assert_eq!(batch, [9.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        batch.clear();
        append(&spec(3, Layout::Nhwc), &pixels, &mut batch).unwrap();
        assert_eq!(batch, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        batch.clear();
        append(&spec(1, Layout::Nhw), &[2, 4], &mut batch).unwrap();
        assert_eq!(batch, [1.0, 2.0]);
    }

    #[test]
    fn another_number_of_pixels_is_refused_and_leaves_the_batch() {
        let mut batch = vec![9.0];
        assert_eq!(append(&spec(3, Layout::Nchw), &[0; 5], &mut batch), Err(6));
        assert_eq!(batch, [9.0]);
    }
}
