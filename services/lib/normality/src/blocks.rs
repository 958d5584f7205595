//! Blocks of neighbouring cells, each of which grows and shrinks as a whole.

use super::cells::Cells;
use ndarray::Array2;

/// Blocks, about: enough for what conditions do to a plot, few enough to be known from Goods.
const MOST: usize = 800;

/// Vectors of length one that do not overlap: the mean within each block.
pub(crate) struct Blocks {
    of: Vec<usize>,
    count: usize,
    /// A place's share of its block's vector.
    share: Vec<f32>,
}

impl Blocks {
    pub fn new(cells: &Cells, mean: &[f32]) -> Self {
        let (of, count) = cells.blocks(MOST);
        let mut squares = vec![0.0f32; count];
        of.iter().zip(mean).for_each(|(block, m)| squares[*block] += m * m);
        let unit = |(block, m): (&usize, &f32)| m / squares[*block].sqrt().max(1e-9);
        let share = of.iter().zip(mean).map(unit).collect();
        Self { of, count, share }
    }

    /// Each row along the blocks' vectors.
    pub fn joined(&self, rows: &Array2<f32>) -> Array2<f32> {
        let mut joined = Array2::zeros((rows.nrows(), self.count));
        for (row, mut to) in rows.rows().into_iter().zip(joined.rows_mut()) {
            for ((value, block), share) in row.iter().zip(&self.of).zip(&self.share) {
                to[*block] += value * share;
            }
        }
        joined
    }

    /// What so much of each block's vector makes.
    pub fn spread(&self, along: &[f32]) -> Vec<f32> {
        self.of.iter().zip(&self.share).map(|(block, share)| along[*block] * share).collect()
    }
}
