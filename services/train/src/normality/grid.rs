//! Means over overlapping windows.

use hydra_proto::registry::InputShape;

/// Step from window to window: half a window.
pub(super) fn stride(kernel: usize) -> usize {
    (kernel / 2).max(1)
}

/// Rows and columns of the grid of windows.
pub(super) fn pooled_size(input: &InputShape, kernel: usize) -> (usize, usize) {
    let count = |size: u32| (size as usize - kernel) / stride(kernel) + 1;
    (count(input.height), count(input.width))
}

/// The mean of every window, plane by plane.
pub(super) fn pooled(planes: &[f32], input: &InputShape, kernel: usize) -> Vec<f32> {
    let (height, width) = (input.height as usize, input.width as usize);
    let (rows, columns) = pooled_size(input, kernel);
    let step = stride(kernel);
    if kernel == 1 {
        return planes.to_vec();
    }
    let mut means = Vec::with_capacity(planes.len() / (step * step));
    let mut sums = vec![0.0f64; (height + 1) * (width + 1)];
    for plane in planes.chunks_exact(height * width) {
        // a table of sums from the corner makes every window four look-ups
        for y in 0..height {
            let mut row = 0.0;
            for x in 0..width {
                row += f64::from(plane[y * width + x]);
                sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
            }
        }
        let at = |y: usize, x: usize| sums[y * (width + 1) + x];
        for row in 0..rows {
            for column in 0..columns {
                let (y, x) = (row * step, column * step);
                let sum =
                    at(y + kernel, x + kernel) - at(y, x + kernel) - at(y + kernel, x) + at(y, x);
                means.push((sum / (kernel * kernel) as f64) as f32);
            }
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_averaged_plane_by_plane() {
        let input = InputShape { width: 4, height: 2, channels: 2, letterbox: false };
        let planes: Vec<f32> = (0..16).map(|v| v as f32).collect();
        assert_eq!(pooled_size(&input, 2), (1, 3));
        assert_eq!(pooled(&planes, &input, 2), [2.5, 3.5, 4.5, 10.5, 11.5, 12.5]);
        assert_eq!(pooled(&planes, &input, 1), planes);
    }
}
