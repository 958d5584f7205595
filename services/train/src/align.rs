//! Good plots of one type -> how it usually looks; a plot -> how far it is from that, pixel by
//! pixel, in units of what is usual.
//!
//! Behind this every plot type looks alike: noise where all is well, a patch where something is
//! not. One network can then learn faults from the labels of all plot types together. Ways in
//! which Goods differ among themselves (gain, beam, target) are principal components of the
//! Goods and taken out.

use hydra_proto::registry::InputShape;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Fewest Goods that make a reference.
pub const FEWEST_GOODS: usize = 10;
/// Goods that are used at most: more cost time and change nothing.
const MOST_GOODS: usize = 300;
/// Components at most; one for so many Goods.
const MOST_COMPONENTS: usize = 8;
const GOODS_A_COMPONENT: usize = 8;
/// Least spread of a pixel, in units of its range: two steps of 8 bits.
const FLOOR: f32 = 2.0 / 255.0;
/// Share of the neighbourhood's variance that a pixel is given: digits that never changed may.
const NEIGHBOURS: f32 = 0.3;
/// Deviations beyond this many spreads are cut.
pub const LIMIT: f32 = 8.0;
/// The network sees deviations divided by this.
pub const UNIT: f32 = 2.0;
/// Parts that are left out in turn, so that no Good hides in its own spread.
const FOLDS: usize = 5;

/// What a network is shown of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// The plot.
    Pixels,
    /// How far it is from the plot type's Goods.
    Deviations,
    /// Both, side by side.
    Both,
}

impl Shown {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Pixels, Self::Deviations, Self::Both];

    /// As in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Deviations => "deviations",
            Self::Both => "both",
        }
    }

    /// Whether the plot type's Goods must be known.
    pub fn aligns(self) -> bool {
        self != Self::Pixels
    }

    /// Planes that a network reads of an image of so many channels.
    pub fn planes(self, channels: u32) -> usize {
        channels as usize * if self == Self::Both { 2 } else { 1 }
    }
}

/// How one plot type usually looks. Values are channels, rows, columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Shape of the images.
    pub input: InputShape,
    /// Goods that it was made from.
    pub goods: usize,
    /// Mean image in [0, 1].
    pub mean: Vec<f32>,
    /// Orthonormal ways in which Goods differ.
    pub components: Vec<Vec<f32>>,
    /// 1 / spread of what is left.
    pub inverse_sigma: Vec<f32>,
}

/// Why there is no reference.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Too few Goods to know their spread.
    #[error("{found} Good plots to align with, at least {FEWEST_GOODS} are needed")]
    TooFew {
        /// As given.
        found: usize,
    },
    /// Bytes that are no image of the shape.
    #[error("an image of {found} bytes, its shape asks for {wanted}")]
    Length {
        /// As given.
        found: usize,
        /// As needed.
        wanted: usize,
    },
}

impl Reference {
    /// The reference of interleaved 8-bit Goods.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn fit(goods: &[Vec<u8>], input: InputShape) -> Result<Self, ReferenceError> {
        if goods.len() < FEWEST_GOODS {
            return Err(ReferenceError::TooFew { found: goods.len() });
        }
        let wanted = input.size_bytes();
        if let Some(wrong) = goods.iter().find(|image| image.len() != wanted) {
            return Err(ReferenceError::Length { found: wrong.len(), wanted });
        }
        let some: Vec<&Vec<u8>> = goods.iter().step_by(goods.len().div_ceil(MOST_GOODS)).collect();
        let mut values = vec![0.0; some.len() * wanted];
        let rows = values.par_chunks_exact_mut(wanted).zip(&some);
        rows.for_each(|(row, image)| planes(image, &input, row));
        let mut images =
            Array2::from_shape_vec((some.len(), wanted), values).expect("as many as were made");
        let centre = images.mean_axis(Axis(0)).expect("there are images");
        images -= &centre;
        let (products, count) = (products(&images), components_of(some.len()));
        let of_fold = |fold: usize| {
            let (held, rest): (Vec<usize>, Vec<usize>) =
                (0..some.len()).partition(|i| i % FOLDS == fold);
            let (mean, components) = usual(&images, &products, &rest, count);
            let held = images.select(Axis(0), &held) - &mean;
            let left = &held - held.dot(&components.t()).dot(&components);
            left.map_axis(Axis(0), |pixel| pixel.iter().map(|r| r * r).sum::<f32>())
        };
        let of_folds: Vec<Array1<f32>> = (0..FOLDS).into_par_iter().map(of_fold).collect();
        let squares = of_folds.into_iter().reduce(|sum, one| sum + one).expect("there are folds");
        let variance = squares / some.len() as f32;
        let all: Vec<usize> = (0..some.len()).collect();
        let (mean, components) = usual(&images, &products, &all, count);
        Ok(Self {
            input,
            goods: goods.len(),
            mean: (centre + mean).to_vec(),
            components: components.rows().into_iter().map(|row| row.to_vec()).collect(),
            inverse_sigma: inverse_sigma(&variance.to_vec(), &input),
        })
    }

    /// Writes the deviations of interleaved 8-bit pixels into `out`, as the network sees them.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        planes(pixels, &self.input, out);
        out.iter_mut().zip(&self.mean).for_each(|(x, m)| *x -= m);
        let dots: Vec<f32> =
            self.components.iter().map(|c| c.iter().zip(&*out).map(|(c, x)| c * x).sum()).collect();
        for (component, dot) in self.components.iter().zip(dots) {
            out.iter_mut().zip(component).for_each(|(x, c)| *x -= dot * c);
        }
        for (x, s) in out.iter_mut().zip(&self.inverse_sigma) {
            *x = (*x * s).clamp(-LIMIT, LIMIT) / UNIT;
        }
    }
}

/// Interleaved bytes -> planes of values in [0, 1].
fn planes(pixels: &[u8], input: &InputShape, out: &mut [f32]) {
    let channels = input.channels as usize;
    let area = input.width as usize * input.height as usize;
    for (channel, plane) in out.chunks_exact_mut(area).enumerate() {
        let values = pixels.iter().skip(channel).step_by(channels);
        plane.iter_mut().zip(values).for_each(|(to, v)| *to = f32::from(*v) / 255.0);
    }
}

/// Components that so many Goods can tell.
fn components_of(goods: usize) -> usize {
    (goods / GOODS_A_COMPONENT).min(MOST_COMPONENTS)
}

/// The images' products with each other, of pieces side by side.
fn products(images: &Array2<f32>) -> Array2<f32> {
    const PIECES: usize = 16;
    let size = images.ncols().div_ceil(PIECES).max(1);
    let of = |piece: ArrayView2<'_, f32>| piece.dot(&piece.t());
    let pieces: Vec<ArrayView2<'_, f32>> = images.axis_chunks_iter(Axis(1), size).collect();
    let pieces: Vec<Array2<f32>> = pieces.into_par_iter().map(of).collect();
    let none = Array2::zeros((images.nrows(), images.nrows()));
    pieces.into_iter().fold(none, |sum, piece| sum + piece)
}

/// Mean and leading components of the images `which`, in rows, by the eigenvectors of their
/// products with each other: images are far fewer than pixels.
fn usual(
    images: &Array2<f32>,
    products: &Array2<f32>,
    which: &[usize],
    count: usize,
) -> (Array1<f32>, Array2<f32>) {
    // products of what is left beside their own mean
    let some = products.select(Axis(0), which).select(Axis(1), which);
    let by_row = some.mean_axis(Axis(1)).expect("there are images");
    let overall = by_row.mean().expect("there are images");
    let centred = &some - &by_row - &by_row.clone().insert_axis(Axis(1)) + overall;
    let vectors = leading(&centred, count);
    // the mean and every component are sums of images
    let mut shares = Array2::zeros((vectors.ncols(), images.nrows()));
    let mut evenly = Array2::zeros((1, images.nrows()));
    for (vector, image) in vectors.rows().into_iter().zip(which) {
        shares.column_mut(*image).assign(&vector);
        evenly[(0, *image)] = 1.0 / which.len() as f32;
    }
    let mean = evenly.dot(images).remove_axis(Axis(0));
    let whole = vectors.sum_axis(Axis(0)).insert_axis(Axis(1));
    let mut components = shares.dot(images) - whole * &mean;
    // of small ones rounding leaves little that is at right angles
    orthonormalise(components.view_mut().reversed_axes());
    (mean, components)
}

/// Leading eigenvectors of a positive symmetric matrix, in columns, by orthogonal iteration.
fn leading(matrix: &Array2<f32>, count: usize) -> Array2<f32> {
    let n = matrix.nrows();
    let count = count.min(n.saturating_sub(1));
    // any start will do that is no eigenvector by accident
    let start = |(i, j): (usize, usize)| ((i * 7919 + j * 104_729) % 1000) as f32 - 500.0;
    let mut basis = Array2::from_shape_fn((n, count), start);
    for _ in 0..40 {
        basis = matrix.dot(&basis);
        orthonormalise(basis.view_mut());
    }
    basis
}

/// Gram-Schmidt over the columns, twice for rounding; what vanishes becomes zero.
fn orthonormalise(mut basis: ArrayViewMut2<'_, f32>) {
    for j in 0..basis.ncols() {
        let before = basis.column(j).dot(&basis.column(j)).sqrt();
        for k in (0..j).chain(0..j) {
            let done = basis.column(k).to_owned();
            let overlap = done.dot(&basis.column(j));
            basis.column_mut(j).scaled_add(-overlap, &done);
        }
        let norm = basis.column(j).dot(&basis.column(j)).sqrt();
        let scale = if norm > 1e-4 * before { 1.0 / norm } else { 0.0 };
        basis.column_mut(j).mapv_inplace(|v| v * scale);
    }
}

fn inverse_sigma(variance: &[f32], input: &InputShape) -> Vec<f32> {
    let (width, height) = (input.width as usize, input.height as usize);
    let mut out = Vec::with_capacity(variance.len());
    for plane in variance.chunks_exact(width * height) {
        for y in 0..height {
            for x in 0..width {
                let rows = y.saturating_sub(2)..(y + 3).min(height);
                let columns = x.saturating_sub(2)..(x + 3).min(width);
                let area = (rows.len() * columns.len()) as f32;
                let around: f32 =
                    rows.map(|y| plane[y * width..][columns.clone()].iter().sum::<f32>()).sum();
                let own = plane[y * width + x];
                out.push(1.0 / (own + NEIGHBOURS * around / area + FLOOR * FLOOR).sqrt());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const SHAPE: InputShape = InputShape { width: 24, height: 16, channels: 3, letterbox: false };

    /// Grey noise around a ramp whose height differs from plot to plot, as a gain does.
    fn plot(seed: u64, patch: bool) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let gain = rng.random_range(0.7..1.3f32);
        let mut pixels = Vec::with_capacity(SHAPE.size_bytes());
        for y in 0..16 {
            for x in 0..24 {
                let hit = patch && (5..9).contains(&y) && (10..14).contains(&x);
                let base = 40.0 + gain * x as f32 * 6.0 + if hit { 30.0 } else { 0.0 };
                for _ in 0..3 {
                    pixels.push((base + rng.random_range(-4.0..4.0f32)).clamp(0.0, 255.0) as u8);
                }
            }
        }
        pixels
    }

    fn fitted() -> Reference {
        let goods: Vec<Vec<u8>> = (0..60).map(|seed| plot(seed, false)).collect();
        Reference::fit(&goods, SHAPE).unwrap()
    }

    fn deviations(seed: u64, patch: bool) -> Vec<f32> {
        let mut out = vec![0.0; SHAPE.size_bytes()];
        fitted().apply(&plot(seed, patch), &mut out);
        out
    }

    #[test]
    fn a_known_way_of_differing_vanishes_and_a_patch_stays() {
        let rms = |v: &[f32]| (v.iter().map(|x| x * x).sum::<f32>() / v.len() as f32).sqrt() * UNIT;
        let good = rms(&deviations(1000, false));
        assert!((0.3..1.5).contains(&good), "about one spread, not a gain: {good}");
        let bad = deviations(1000, true);
        let inside: Vec<f32> =
            (5..9).flat_map(|y| (10..14).map(move |x| y * 24 + x)).map(|i| bad[i]).collect();
        assert!(rms(&inside) > 3.0 * good, "{} {good}", rms(&inside));
    }

    #[test]
    fn components_are_orthonormal() {
        let reference = fitted();
        for (i, a) in reference.components.iter().enumerate() {
            for (j, b) in reference.components.iter().enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-3, "{i} {j}: {dot}");
            }
        }
    }

    #[test]
    fn few_goods_and_other_shapes_are_refused() {
        let few: Vec<Vec<u8>> = (0..9).map(|seed| plot(seed, false)).collect();
        assert_eq!(Reference::fit(&few, SHAPE), Err(ReferenceError::TooFew { found: 9 }));
        let mut wrong: Vec<Vec<u8>> = (0..12).map(|seed| plot(seed, false)).collect();
        wrong[3].pop();
        assert!(matches!(Reference::fit(&wrong, SHAPE), Err(ReferenceError::Length { .. })));
    }
}
