//! Pixels -> the numbers that a plot draws: the counts of a map's cells, the heights of a
//! histogram's bins.
//!
//! A cell of a map is a block of pixels of one colour, a bin a column that ends at one height. Where
//! the frames are, and which pixels belong together, Goods show: frames are drawn alike on all of
//! them, and pixels of one cell never differ. One number a cell holds all that the plot says of it,
//! which a mean over some pixels of several cells does not.

mod frames;
mod places;

use super::grid::Grid;
use hydra_proto::registry::InputShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use frames::Stack;

/// Fewer cells are no histogram.
const FEWEST: usize = 16;
/// Rows and columns without cells between panels, so that no window of two holds both.
const GAP: usize = 2;
/// The mean of a panel is at least this.
pub(crate) const LEAST_MEAN: f32 = 1e-4;
/// Darker than this is a line, lighter than the other is paper.
pub(crate) const LINE: f32 = 0.65;
pub(crate) const PAPER: f32 = 0.95;

/// What a cell's number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sort {
    /// The level of a pixel's colour.
    Level,
    /// How far up from the foot of the frame a column is filled.
    Filled,
    /// How far up its lowest line is.
    Line,
}

/// One frame with its cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Panel {
    pub sort: Sort,
    /// Of the picture: the first row of the frame's inside, and the first below.
    pub rows: (usize, usize),
    /// Of the picture: the pixel (row, column) of each cell; of a column the row does not matter.
    pub pixels: Vec<(u32, u32)>,
    /// Where each cell is among all: row, column.
    pub places: Vec<(u32, u32)>,
    /// What each cell counts once it is relative to the panel's mean: that mean in Goods, over
    /// the root of the cell's own, since counts vary as their roots do.
    pub scales: Vec<f32>,
}

/// The cells of a plot, laid out as one picture: panels as they are on the plot, and below them a
/// row of the panels' means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cells {
    pub grid: Grid,
    pub panels: Vec<Panel>,
    /// Where the panels' means are: row, column.
    pub means: Vec<(u32, u32)>,
}

impl Cells {
    /// The cells that these pictures show; absent where there are no frames with cells in them.
    pub fn of(images: &[&[u8]], input: InputShape, levels: Option<&[f32]>) -> Option<Self> {
        let stack = Stack::of(images, input)?;
        let mut panels: Vec<Panel> =
            stack.frames().iter().filter_map(|f| places::panel(&stack, f, levels)).collect();
        if panels.iter().map(|panel| panel.pixels.len()).sum::<usize>() < FEWEST {
            return None;
        }
        let (grid, means) = arrange(&mut panels);
        let mut cells = Self { grid, panels, means };
        for panel in &mut cells.panels {
            let read = |image: &&[u8]| panel.values(image, input, levels);
            let all: Vec<Vec<f32>> = images.par_iter().map(read).collect();
            panel.scales = scales(&all);
        }
        Some(cells)
    }

    /// The block of neighbours that each place belongs to, `most` blocks or a few more: places
    /// without a cell are in block 0, the means in blocks of their own.
    pub fn blocks(&self, most: usize) -> (Vec<usize>, usize) {
        let count: usize = self.panels.iter().map(|panel| panel.places.len()).sum();
        let line = self.tallest() == 1;
        let area = (count as f64 / most as f64).max(1.0);
        let wide = if line { area } else { area.sqrt() }.ceil() as u32;
        let high = if line { 1 } else { (area / f64::from(wide)).round().max(1.0) as u32 };
        let mut of = vec![0; self.grid.area()];
        let mut known = std::collections::HashMap::new();
        let mut put = |(row, column): (u32, u32), key: (usize, u32, u32)| {
            let next = known.len() + 1;
            let block = *known.entry(key).or_insert(next);
            of[row as usize * self.grid.columns + column as usize] = block;
        };
        for (index, panel) in self.panels.iter().enumerate() {
            let first = |of: &dyn Fn(&(u32, u32)) -> u32| panel.places.iter().map(of).min();
            let (top, left) = (first(&|p| p.0).unwrap_or(0), first(&|p| p.1).unwrap_or(0));
            for place in &panel.places {
                put(*place, (index, (place.0 - top) / high, (place.1 - left) / wide));
            }
        }
        let panels = self.panels.len();
        self.means.iter().enumerate().for_each(|(n, place)| put(*place, (panels + n, 0, 0)));
        (of, known.len() + 1)
    }

    /// Rows of the panel that has most.
    pub fn tallest(&self) -> usize {
        let rows = |panel: &Panel| {
            let all = || panel.places.iter().map(|place| place.0 as usize);
            all().max().unwrap_or(0) + 1 - all().min().unwrap_or(0)
        };
        self.panels.iter().map(rows).max().unwrap_or(1)
    }

    /// The picture of the cells: each relative to its panel's mean, which stands in a row of its
    /// own.
    pub fn plane(&self, pixels: &[u8], input: InputShape, levels: Option<&[f32]>) -> Vec<f32> {
        let mut plane = vec![0.0; self.grid.area()];
        let mut put = |(row, column): (u32, u32), value: f32| {
            plane[row as usize * self.grid.columns + column as usize] = value;
        };
        for (panel, place) in self.panels.iter().zip(&self.means) {
            let values = panel.values(pixels, input, levels);
            let mean = mean(&values).max(LEAST_MEAN);
            put(*place, mean);
            for ((place, value), scale) in panel.places.iter().zip(values).zip(&panel.scales) {
                put(*place, value / mean * scale);
            }
        }
        plane
    }

    /// For every place of a map of the picture, so many pixels each, the cell that is there.
    pub fn spots(&self, input: InputShape, side: usize) -> Vec<Option<usize>> {
        let (rows, columns) = (input.height as usize / side, input.width as usize / side);
        let mut spots = vec![None; rows * columns];
        let mut nearest = vec![usize::MAX; rows * columns];
        for panel in &self.panels {
            for ((y, x), (row, column)) in panel.pixels.iter().zip(&panel.places) {
                let cell = *row as usize * self.grid.columns + *column as usize;
                let (y, x) = (*y as usize, *x as usize);
                let down = match panel.sort {
                    Sort::Level => (y / side).saturating_sub(1)..y / side + 2,
                    Sort::Filled | Sort::Line => panel.rows.0 / side..panel.rows.1 / side + 1,
                };
                for at_y in down.start..down.end.min(rows) {
                    for at_x in (x / side).saturating_sub(1)..(x / side + 2).min(columns) {
                        let middle = |at: usize| at * side + side / 2;
                        let off_y = match panel.sort {
                            Sort::Level => middle(at_y).abs_diff(y),
                            Sort::Filled | Sort::Line => 0,
                        };
                        let off = off_y.pow(2) + middle(at_x).abs_diff(x).pow(2);
                        let at = at_y * columns + at_x;
                        if off < nearest[at] {
                            (nearest[at], spots[at]) = (off, Some(cell));
                        }
                    }
                }
            }
        }
        spots
    }
}

impl Panel {
    /// The number of each cell.
    fn values(&self, pixels: &[u8], input: InputShape, levels: Option<&[f32]>) -> Vec<f32> {
        let wide = input.width as usize;
        let pixel = |y: usize, x: usize| &pixels[(y * wide + x) * 3..(y * wide + x) * 3 + 3];
        let height = |x: usize| {
            let found = (self.rows.0..self.rows.1).rev().position(|y| self.sort.ends(pixel(y, x)));
            found.unwrap_or(0) as f32 / (self.rows.1 - self.rows.0) as f32
        };
        let value = |(y, x): &(u32, u32)| match (self.sort, levels) {
            (Sort::Level, Some(levels)) => {
                levels[super::look::place(pixel(*y as usize, *x as usize), levels.len())]
            }
            _ => height(*x as usize),
        };
        self.pixels.iter().map(value).collect()
    }
}

impl Sort {
    /// Whether a column's height is reached at this pixel.
    pub fn ends(self, pixel: &[u8]) -> bool {
        let share = |value: u8| f32::from(value) / 255.0;
        match self {
            Self::Level => false,
            Self::Filled => pixel.iter().all(|v| share(*v) > PAPER),
            Self::Line => pixel.iter().all(|v| share(*v) < LINE),
        }
    }
}

/// See [`Panel::scales`].
fn scales(all: &[Vec<f32>]) -> Vec<f32> {
    /// Of the panel's mean, added to a cell's: of an empty cell little is known.
    const LEAST_SHARE: f32 = 0.02;
    let cells = all.first().map_or(0, Vec::len);
    let mut relative = vec![0.0f32; cells];
    for values in all {
        let own = mean(values).max(LEAST_MEAN) * all.len() as f32;
        relative.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / own);
    }
    let usual = all.iter().map(|values| mean(values)).sum::<f32>() / all.len().max(1) as f32;
    relative.into_iter().map(|r| usual.max(LEAST_MEAN) / (r + LEAST_SHARE).sqrt()).collect()
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Lays the panels out in bands as on the plot, with gaps, and gives the places of their means.
fn arrange(panels: &mut [Panel]) -> (Grid, Vec<(u32, u32)>) {
    let mut order: Vec<usize> = (0..panels.len()).collect();
    let left = |panel: &Panel| panel.pixels.iter().map(|(_, x)| *x).min().unwrap_or(0);
    order.sort_by_key(|at| (panels[*at].rows.0, left(&panels[*at])));
    let (mut top, mut across, mut band, mut wide) = (0, 0, 0, 0);
    let mut last = None;
    for at in order {
        let panel = &mut panels[at];
        let reach = |of: &dyn Fn(&(u32, u32)) -> u32| {
            panel.places.iter().map(of).max().map_or(0, |most| most as usize + 1)
        };
        let (rows, columns) = (reach(&|place| place.0), reach(&|place| place.1));
        if last.is_some_and(|row: usize| panel.rows.0 > row + 8) {
            (top, across, band) = (top + band + GAP, 0, 0);
        }
        last = Some(panel.rows.0);
        for place in &mut panel.places {
            *place = (place.0 + top as u32, place.1 + across as u32);
        }
        across += columns + GAP;
        band = band.max(rows);
        wide = wide.max(across);
    }
    let row = (top + band + GAP) as u32;
    let means: Vec<(u32, u32)> = (0..panels.len()).map(|n| (row, (n * (GAP + 1)) as u32)).collect();
    let columns = wide.max(panels.len() * (GAP + 1));
    (Grid { rows: row as usize + 1, columns, dense: true }, means)
}

#[cfg(test)]
mod tests;
