//! Means over overlapping windows.

use serde::{Deserialize, Serialize};

/// Rows and columns of some planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grid {
    pub rows: usize,
    pub columns: usize,
    /// Whether windows overlap by three quarters, small ones by all but one; else by half.
    #[serde(default)]
    pub dense: bool,
}

/// Height and width of a window.
pub(crate) type Window = (usize, usize);

impl Grid {
    pub fn area(self) -> usize {
        self.rows * self.columns
    }

    /// Whether the window fits.
    pub fn holds(self, window: Window) -> bool {
        window.0 <= self.rows && window.1 <= self.columns
    }

    /// The windows: each side is stepped over by parts of itself.
    pub fn pooled(self, window: Window) -> Self {
        let count = |size: usize, side: usize| (size - side) / self.step(side) + 1;
        Self {
            rows: count(self.rows, window.0),
            columns: count(self.columns, window.1),
            dense: self.dense,
        }
    }

    /// From one window to the next.
    pub fn step(self, side: usize) -> usize {
        (side / if self.dense { 4 } else { 2 }).max(1)
    }

    /// The mean of every window, plane by plane.
    pub fn means(self, planes: &[f32], window: Window) -> Vec<f32> {
        if window == (1, 1) {
            return planes.to_vec();
        }
        let to = self.pooled(window);
        let (down, across) = (self.step(window.0), self.step(window.1));
        let wide = self.columns + 1;
        let mut means = Vec::with_capacity(planes.len() / self.area() * to.area());
        let mut sums = vec![0.0f64; (self.rows + 1) * wide];
        for plane in planes.chunks_exact(self.area()) {
            // a table of sums from the corner makes every window four look-ups
            for y in 0..self.rows {
                let mut row = 0.0;
                for x in 0..self.columns {
                    row += f64::from(plane[y * self.columns + x]);
                    sums[(y + 1) * wide + x + 1] = sums[y * wide + x + 1] + row;
                }
            }
            let at = |y: usize, x: usize| sums[y * wide + x];
            for y in (0..to.rows).map(|row| row * down) {
                for x in (0..to.columns).map(|column| column * across) {
                    let (bottom, right) = (y + window.0, x + window.1);
                    let sum = at(bottom, right) - at(y, right) - at(bottom, x) + at(y, x);
                    means.push((sum / (window.0 * window.1) as f64) as f32);
                }
            }
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_averaged_plane_by_plane() {
        let grid = Grid { rows: 2, columns: 4, dense: false };
        let planes: Vec<f32> = (0..16).map(|v| v as f32).collect();
        assert_eq!(grid.pooled((2, 2)), Grid { rows: 1, columns: 3, dense: false });
        assert_eq!(grid.means(&planes, (2, 2)), [2.5, 3.5, 4.5, 10.5, 11.5, 12.5]);
        assert_eq!(grid.means(&planes, (1, 4)), [1.5, 5.5, 9.5, 13.5]);
        assert_eq!(grid.means(&planes, (1, 1)), planes);
    }

    #[test]
    fn dense_windows_miss_nothing_between_them() {
        let (sparse, dense) =
            [false, true].map(|dense| Grid { rows: 8, columns: 16, dense }).into();
        assert_eq!((sparse.pooled((4, 8)).rows, sparse.pooled((4, 8)).columns), (3, 3));
        assert_eq!((dense.pooled((4, 8)).rows, dense.pooled((4, 8)).columns), (5, 5));
        assert_eq!(dense.means(&[1.0; 128], (4, 8)), [1.0; 25]);
    }
}
