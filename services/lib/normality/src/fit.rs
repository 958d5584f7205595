//! Goods -> the model.

use super::{
    LogNormal, NormalityModel, Scale,
    blocks::Blocks,
    eigen::leading_eigenvectors,
    grid::{Grid, Window},
    look::Look,
};
use hydra_proto::registry::InputShape;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a normality model is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalitySettings {
    /// Share of Goods that may be called novel.
    pub false_alarm_rate: f64,
    /// Ways of differing that count as normal, at most; fewer where Goods are few.
    pub max_components: usize,
    /// Heights and widths of the windows, in pixels after `detail`. Long ones find rows and
    /// columns: a channel, a board, a bin of a histogram.
    pub windows: Vec<(usize, usize)>,
    /// So many pixels across and down are averaged once their colours are read as levels.
    pub detail: usize,
    /// Whether cells are compared where the plot shows some: then `windows` and `detail` count for
    /// other plots alone.
    #[serde(default)]
    pub cells: bool,
}

impl Default for NormalitySettings {
    fn default() -> Self {
        let squares = [(1, 1), (2, 2), (4, 4), (8, 8), (16, 16)];
        let long = [(8, 1), (16, 2), (32, 2), (16, 4), (1, 8), (2, 16), (4, 16)];
        let windows = squares.into_iter().chain(long).collect();
        Self { false_alarm_rate: 0.01, max_components: 8, windows, detail: 3, cells: false }
    }
}

/// Why there is no normality model.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum NormalityError {
    /// Too few Goods to know their spread.
    #[error("{found} Good plots, at least {wanted} are needed")]
    TooFew {
        /// As given.
        found: usize,
        /// As needed.
        wanted: usize,
    },
    /// Bytes that are no image of the shape.
    #[error("image {index} has {found} bytes, its shape asks for {wanted}")]
    Length {
        /// Which, from 0.
        index: usize,
        /// As given.
        found: usize,
        /// As needed.
        wanted: usize,
    },
    /// As many run numbers as images are needed.
    #[error("{runs} run numbers for {images} images")]
    Runs {
        /// Run numbers given.
        runs: usize,
        /// Images given.
        images: usize,
    },
}

/// Fewest Goods that a model is made from.
pub const FEWEST_GOODS: usize = 20;
/// Parts that are left out in turn, so that every Good is judged by a model that never saw it.
const FOLDS: usize = 5;
/// Least spread of a pixel: one step of 8 bits.
const FLOOR: f32 = 1.0 / 255.0;
/// Images that the components are made from, at most: more cost time and change nothing.
const MOST_FOR_COMPONENTS: usize = 300;

/// Makes a model from interleaved 8-bit images of shape `input`. `runs` keeps chunks of a run
/// together where parts are left out; neighbours are too alike to judge each other.
///
/// # Errors
/// See [`NormalityError`].
pub fn fit_normality(
    images: &[&[u8]],
    runs: &[u32],
    input: InputShape,
    settings: &NormalitySettings,
) -> Result<NormalityModel, NormalityError> {
    Ok(fitted(images, runs, input, settings)?.model)
}

/// The model, and what its making showed of each image.
pub(crate) fn fitted(
    images: &[&[u8]],
    runs: &[u32],
    input: InputShape,
    settings: &NormalitySettings,
) -> Result<Fitted, NormalityError> {
    if images.len() < FEWEST_GOODS {
        return Err(NormalityError::TooFew { found: images.len(), wanted: FEWEST_GOODS });
    }
    if images.len() != runs.len() {
        return Err(NormalityError::Runs { runs: runs.len(), images: images.len() });
    }
    let cells = || Look::of_cells(images, input, 1);
    let seen = |look: &Look| -> Result<Vec<Vec<f32>>, NormalityError> {
        let planes =
            |(index, image): (usize, &&[u8])| look.planes(image).map_err(|e| e.of_image(index));
        images.par_iter().enumerate().map(planes).collect()
    };
    // cells in which no two Goods differ are none: they were read where nothing is drawn
    let by_cells = settings.cells.then(cells).flatten();
    let by_cells = by_cells.map(|look| Ok((seen(&look)?, look))).transpose()?;
    let by_cells = by_cells.filter(|(planes, _)| planes.iter().any(|one| *one != planes[0]));
    let (planes, look) = match by_cells {
        Some(both) => both,
        None => {
            let look = Look::of(images, input, settings.detail);
            (seen(&look)?, look)
        }
    };
    let folds = folds(runs);
    let first = fit_on(&planes, &folds, runs, &look, settings, &vec![true; planes.len()]);
    // A few wrong labels must not make faults normal: the model is made again without the
    // strangest of the Goods, which still count in the distribution of scores.
    let mut order: Vec<usize> = (0..planes.len()).collect();
    order.sort_by(|a, b| first.scores[*b].total_cmp(&first.scores[*a]));
    let mut kept = vec![true; planes.len()];
    order.iter().take(planes.len() / 50).for_each(|i| kept[*i] = false);
    Ok(fit_on(&planes, &folds, runs, &look, settings, &kept))
}

impl NormalityError {
    pub(super) fn of_image(self, index: usize) -> Self {
        match self {
            Self::Length { found, wanted, .. } => Self::Length { index, found, wanted },
            other => other,
        }
    }
}

/// The fold of each image: runs in turn, so that no run is on both sides.
fn folds(runs: &[u32]) -> Vec<usize> {
    let mut distinct: Vec<u32> = runs.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < FOLDS {
        // too few runs to hold any back: chunks in turn
        return (0..runs.len()).map(|i| i % FOLDS).collect();
    }
    let place = |run: &u32| distinct.binary_search(run).unwrap_or_default() % FOLDS;
    runs.iter().map(place).collect()
}

/// A model, and what each image was to a model of the others: to one that saw it, it is too usual.
pub(crate) struct Fitted {
    pub model: NormalityModel,
    /// Standardised scores.
    scores: Vec<f64>,
    /// See [`NormalityModel::measures`].
    pub measures: Vec<Vec<f32>>,
    /// What is left beside mean and components.
    pub residuals: Vec<Vec<f32>>,
}

fn fit_on(
    planes: &[Vec<f32>],
    folds: &[usize],
    runs: &[u32],
    look: &Look,
    settings: &NormalitySettings,
    kept: &[bool],
) -> Fitted {
    let empty = NormalityModel {
        look: look.clone(),
        false_alarm_rate: settings.false_alarm_rate,
        goods: planes.len(),
        mean: vec![],
        components: vec![],
        spread: vec![],
        scales: vec![],
        shape_score: None,
        total: LogNormal { centre: 0.0, width: 1.0 },
        faults: None,
    };
    let select = |keep: &dyn Fn(usize) -> bool| -> Vec<&Vec<f32>> {
        (0..planes.len()).filter(|i| kept[*i] && keep(*i)).map(|i| &planes[i]).collect()
    };
    let count = (planes.len() / 6).min(settings.max_components);
    // residuals and coefficients of every image, by a model of the other folds
    let parts: Vec<NormalityModel> = (0..FOLDS)
        .map(|fold| with_components(&empty, &select(&|i| folds[i] != fold), count))
        .collect();
    let judged: Vec<(Vec<f32>, Vec<f32>)> =
        planes.par_iter().zip(folds).map(|(image, fold)| parts[*fold].residual(image)).collect();
    let mut model = with_components(&empty, &select(&|_| true), count);
    model.spread = spread_of_coefficients(&judged, kept, model.components.len());
    let mut raw = Vec::new();
    let mut measures = vec![Vec::new(); planes.len()];
    let grid = look.grid();
    let (colours, all) = look.channels();
    for channels in [(0, colours), (colours, all)].into_iter().filter(|(from, to)| from < to) {
        for window in look.windows(&settings.windows) {
            let view = View { grid, window, channels };
            let (scale, reached) = fit_scale(&judged, kept, folds, view);
            measures.iter_mut().zip(&reached).for_each(|(all, (_, m))| all.extend(m));
            raw.push((scale.score, reached.into_iter().map(|(score, _)| score).collect()));
            model.scales.push(scale);
        }
    }
    let coefficients = judged.iter().filter_map(|(_, c)| model.shape_raw(c)).collect::<Vec<_>>();
    if coefficients.len() == judged.len() {
        let score = log_normal(&coefficients);
        model.shape_score = Some(score);
        raw.push((score, coefficients));
        for (all, (_, coefficients)) in measures.iter_mut().zip(&judged) {
            all.extend(model.shape_measures(coefficients).into_iter().flatten());
        }
    }
    let mut largest = vec![f64::NEG_INFINITY; planes.len()];
    for (score, raw) in &raw {
        largest.iter_mut().zip(raw).for_each(|(l, r)| *l = l.max(score.standardised(*r)));
    }
    let (centre, width) = upper_spread(&mut largest.clone());
    let width = width * caution(runs);
    model.total = LogNormal { centre, width };
    let scores = largest.iter().map(|l| (l - centre) / width).collect();
    for all in &mut measures {
        all.push(model.strangest(all));
    }
    let residuals = judged.into_iter().map(|(residual, _)| residual).collect();
    Fitted { model, scores, measures, residuals }
}

/// Mean and principal components, by the eigenvectors of the images' products with each other:
/// images are far fewer than pixels.
fn with_components(empty: &NormalityModel, images: &[&Vec<f32>], count: usize) -> NormalityModel {
    let length = images[0].len();
    let mut mean = vec![0.0f64; length];
    for image in images {
        mean.iter_mut().zip(*image).for_each(|(m, x)| *m += f64::from(*x));
    }
    let mean: Vec<f32> = mean.iter().map(|m| (m / images.len() as f64) as f32).collect();
    let step = images.len().div_ceil(MOST_FOR_COMPONENTS);
    let some: Vec<&Vec<f32>> = images.iter().step_by(step).copied().collect();
    let centred = Array2::from_shape_fn((some.len(), length), |(i, p)| some[i][p] - mean[p]);
    // Cells are many and their counts few: what they have in common is lost in their noise unless
    // neighbours are joined. In blocks that grow and shrink as a whole it is not.
    let blocks = empty.look.cells.as_ref().map(|cells| Blocks::new(cells, &mean));
    let seen = blocks.as_ref().map_or_else(|| centred.clone(), |blocks| blocks.joined(&centred));
    let products = seen.dot(&seen.t());
    let mut model = NormalityModel { mean, ..empty.clone() };
    for vector in leading_eigenvectors(products, count) {
        let component = seen.t().dot(&vector);
        let norm = component.dot(&component).sqrt();
        if norm > 1e-6 {
            let component = (component / norm).to_vec();
            model.components.push(match &blocks {
                Some(blocks) => blocks.spread(&component),
                None => component,
            });
        }
    }
    model
}

fn spread_of_coefficients(
    judged: &[(Vec<f32>, Vec<f32>)],
    kept: &[bool],
    components: usize,
) -> Vec<f32> {
    // the folds' components are alike but not the same: their order and sign may differ, so
    // that one spread for each place in the order is all that can be said
    let mut squares = vec![0.0f64; components];
    let mut count = 0usize;
    for ((_, coefficients), _) in judged.iter().zip(kept).filter(|(_, kept)| **kept) {
        count += 1;
        squares.iter_mut().zip(coefficients).for_each(|(s, c)| *s += f64::from(*c).powi(2));
    }
    squares.iter().map(|s| ((s / count.max(1) as f64).sqrt() as f32).max(1e-4)).collect()
}

/// How much wider the scores of unseen Goods are taken to be than those at hand. Plots of a run
/// are alike, so that the spread is known as well as from so many runs, not plots: without this,
/// one plot in forty was called novel where one in a hundred was asked for (hall of seed 1). And
/// the largest of many scores is that of the window whose spread the few Goods at hand showed too
/// small: with 50 Goods three in a hundred were called novel, with 30 nine.
fn caution(runs: &[u32]) -> f64 {
    /// In standard errors of a spread.
    const CAUTION: f64 = 1.3;
    /// Of so many Goods the spread would be twice what it seems.
    const FEW: f64 = 25.0;
    let distinct: std::collections::BTreeSet<u32> = runs.iter().copied().collect();
    let few = 1.0 + (FEW / runs.len() as f64).powi(2);
    few * (1.0 + CAUTION / (distinct.len() as f64).sqrt())
}

/// What one scale looks at.
#[derive(Clone, Copy)]
struct View {
    grid: Grid,
    window: Window,
    channels: (usize, usize),
}

/// Spread of the window means among Goods, and the scores and measures that Goods reach: each image
/// is scored with the spread of the other folds, for its own deviation would hide itself in its spread.
fn fit_scale(
    judged: &[(Vec<f32>, Vec<f32>)],
    kept: &[bool],
    folds: &[usize],
    view: View,
) -> (Scale, Vec<(f64, Vec<f32>)>) {
    let View { grid, window, channels } = view;
    let to = grid.pooled(window);
    let area = grid.area();
    let means: Vec<Vec<f32>> = judged
        .par_iter()
        .map(|(residual, _)| grid.means(&residual[channels.0 * area..channels.1 * area], window))
        .collect();
    let length = to.area() * (channels.1 - channels.0);
    let sum_of_fold = |fold: usize| {
        let mut sum = (vec![0.0f64; length], 0usize);
        for (index, means) in means.iter().enumerate() {
            if kept[index] && folds[index] == fold {
                sum.0.iter_mut().zip(means).for_each(|(s, m)| *s += f64::from(*m).powi(2));
                sum.1 += 1;
            }
        }
        sum
    };
    let sums: Vec<(Vec<f64>, usize)> = (0..FOLDS).into_par_iter().map(sum_of_fold).collect();
    // of a cell's pixels one was taken, of overlapping windows the best one shows a fault
    let top = if grid.dense { 0.0 } else { ((to.area() as f64).sqrt() / 12.0).round() };
    let top = top.max(1.0) as usize;
    let scale_without = |left_out: Option<usize>| {
        let rest = || (0..FOLDS).filter(|fold| Some(*fold) != left_out);
        let count: usize = rest().map(|fold| sums[fold].1).sum();
        let at = |i: usize| rest().map(|fold| sums[fold].0[i]).sum::<f64>() / count.max(1) as f64;
        let variance: Vec<f32> = (0..length).map(|i| at(i) as f32).collect();
        let floor = FLOOR / ((window.0 * window.1) as f32).sqrt();
        let inverse_sigma = inverse_sigma(&variance, to, floor);
        let score = LogNormal { centre: 0.0, width: 1.0 };
        Scale { window, channels, top, inverse_sigma, score, sides: None }
    };
    let by_fold: Vec<Scale> =
        (0..FOLDS).into_par_iter().map(|fold| scale_without(Some(fold))).collect();
    let raw = |(index, means): (usize, &Vec<f32>)| {
        let scale = &by_fold[folds[index]];
        let z = scale.standardised(means.clone());
        (scale.raw_score(&scale.joined(&z)), scale.measures(&z))
    };
    let reached: Vec<(f64, Vec<f32>)> = means.par_iter().enumerate().map(raw).collect();
    let mut scale = scale_without(None);
    scale.score = log_normal(&reached.iter().map(|(score, _)| *score).collect::<Vec<_>>());
    if scale.signed() {
        let of = |side: usize| usual(reached.iter().map(|(_, m)| f64::from(m[side])).collect());
        scale.sides = Some([of(0), of(1)]);
    }
    (scale, reached)
}

/// 1 / spread. Where neighbours vary, so may this place: a digit that never changed yet will.
fn inverse_sigma(variance: &[f32], grid: Grid, floor: f32) -> Vec<f32> {
    let around = blurred(variance, grid);
    let spread = |(v, a): (&f32, f32)| 1.0 / (v + 0.1 * a + floor * floor).sqrt();
    variance.iter().zip(around).map(spread).collect()
}

/// Mean over a neighbourhood of five by five, plane by plane.
fn blurred(planes: &[f32], Grid { rows, columns, .. }: Grid) -> Vec<f32> {
    let mut out = Vec::with_capacity(planes.len());
    for plane in planes.chunks_exact(rows * columns) {
        for y in 0..rows {
            for x in 0..columns {
                let (ys, xs) = (y.saturating_sub(2)..(y + 3).min(rows), x.saturating_sub(2));
                let xs = xs..(x + 3).min(columns);
                let area = (ys.len() * xs.len()) as f32;
                let sum: f32 = ys
                    .map(|y| {
                        plane[y * columns + xs.start..y * columns + xs.end].iter().sum::<f32>()
                    })
                    .sum();
                out.push(sum / area);
            }
        }
    }
    out
}

/// Median of logarithms, and their spread as those between show it that are neither usual nor
/// rare.
fn usual(mut logs: Vec<f64>) -> LogNormal {
    logs.sort_by(f64::total_cmp);
    let at = |q: f64| logs[(q * (logs.len() - 1) as f64).round() as usize];
    let centre = at(0.5);
    let width = 0.5 * ((at(0.84) - centre) / 0.9945 + (at(0.93) - centre) / 1.4758);
    LogNormal { centre, width: width.max(0.02) }
}

pub(super) fn log_normal(scores: &[f64]) -> LogNormal {
    let mut logs: Vec<f64> = scores.iter().map(|s| s.max(1e-9).ln()).collect();
    let (centre, width) = upper_spread(&mut logs);
    LogNormal { centre, width }
}

/// Median, and the spread of the upper half from its quantiles: a wrong label at the very top
/// moves neither.
pub(super) fn upper_spread(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        let at = q * (values.len() - 1) as f64;
        let (low, part) = (at.floor() as usize, at.fract());
        let high = (low + 1).min(values.len() - 1);
        values[low] * (1.0 - part) + values[high] * part
    };
    let median = quantile(0.5);
    // deviates that a normal distribution exceeds with probabilities 0.16, 0.07, 0.03
    let widths = [(0.84, 0.9945), (0.93, 1.4758), (0.97, 1.8808)];
    let width = widths.iter().map(|(q, z)| (quantile(*q) - median) / z).fold(0.0, f64::max);
    (median, width.max(0.02))
}
