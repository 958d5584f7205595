//! Which images a step takes, and their targets.

use super::{FitSettings, TrainError};
use crate::data::PixelError;
use crate::head::class_balanced;
use burn::tensor::{Device, Tensor, TensorData};
use hydra_proto::registry::InputShape;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// An image with what the network should say of it.
#[derive(Debug, Clone, PartialEq)]
pub struct FitItem {
    /// As the images know it.
    pub image: usize,
    /// The first output of its plot type, and how many labels that has.
    pub outputs: (usize, usize),
    /// Which of them is right.
    pub class: usize,
    /// How much it counts.
    pub weight: f32,
}

/// The network's input values of images. Asked from several threads.
pub trait Images: Sync {
    /// Writes the input of an image, planes, rows, columns, into `out`; varied by `chance`
    /// where that is given, in the same way for the same number.
    ///
    /// # Errors
    /// Where the image cannot be had.
    fn fill(
        &self,
        image: usize,
        chance: Option<(u64, &crate::augment::Augment)>,
        out: &mut [f32],
    ) -> Result<(), PixelError>;
}

/// A batch on its device.
pub(super) struct Batch {
    pub input: Tensor<4>,
    /// `[images, outputs]`: the wanted probabilities times the image's weight.
    pub targets: Tensor<2>,
    /// `[images, outputs]`: 0 for the labels of the image's plot type, else very negative.
    pub mask: Tensor<2>,
    /// First output, count and right class of each image.
    pub classes: Vec<(usize, usize, usize)>,
}

/// What a logit of another plot type's label is lowered by: its probability is 0.
const OUT_OF_REACH: f32 = -1e4;

/// A number that follows from several others, evenly spread.
pub(crate) fn mixed(numbers: &[u64]) -> u64 {
    // SplitMix64 (Steele et al., OOPSLA 2014)
    numbers.iter().fold(0x9E37_79B9_7F4A_7C15u64, |sum, n| {
        let mut z = (sum ^ n).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// The order of an epoch: shuffled, the same for the same seed and epoch. An image too few for a
/// batch of two is left out, for norms need two.
pub(super) fn order(count: usize, batch: usize, seed: u64, epoch: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(mixed(&[seed, 1, epoch as u64])));
    let mut batches: Vec<Vec<usize>> = order.chunks(batch).map(<[usize]>::to_vec).collect();
    if batches.len() > 1 && batches.last().is_some_and(|last| last.len() < 2) {
        batches.pop();
    }
    batches
}

/// Weights with a mean of one, balanced over the classes of each plot type, so that plot types
/// with many labels do not drown others more than their images do.
pub(super) fn balanced(items: &[FitItem], balance: f64) -> Vec<f32> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    items.iter().enumerate().for_each(|(i, item)| {
        groups.entry(item.outputs.0).or_default().push(i);
    });
    let mut weights = vec![0.0; items.len()];
    for members in groups.values() {
        let classes: Vec<usize> = members.iter().map(|i| items[*i].class).collect();
        let own: Vec<f32> = members.iter().map(|i| items[*i].weight).collect();
        let count = items[members[0]].outputs.1;
        let shared = class_balanced(&classes, &own, count, balance);
        for (i, weight) in members.iter().zip(shared) {
            weights[*i] = weight * members.len() as f32;
        }
    }
    weights
}

/// Reads and normalises the images of a batch and puts them on `device`.
pub(super) fn load(
    images: &dyn Images,
    items: &[FitItem],
    weights: &[f32],
    which: &[usize],
    frame: &Frame<'_>,
    chance: Option<u64>,
) -> Result<Batch, TrainError> {
    let (width, height) = (frame.input.width as usize, frame.input.height as usize);
    let size = frame.planes * height * width;
    let mut values = vec![0.0f32; size * which.len()];
    values.par_chunks_exact_mut(size).zip(which).try_for_each(|(out, index)| {
        let chance = chance.map(|c| (mixed(&[c, *index as u64]), &frame.settings.augment));
        images.fill(items[*index].image, chance, out)
    })?;
    let outputs = frame.outputs;
    let smoothing = if chance.is_some() { frame.settings.label_smoothing } else { 0.0 };
    let mut targets = vec![0.0f32; which.len() * outputs];
    let mut mask = vec![OUT_OF_REACH; which.len() * outputs];
    for (row, index) in which.iter().enumerate() {
        let FitItem { outputs: (first, count), class, .. } = items[*index];
        let range = row * outputs + first..row * outputs + first + count;
        mask[range.clone()].fill(0.0);
        targets[range.clone()].fill(weights[*index] * smoothing / count as f32);
        targets[range.start + class] += weights[*index] * (1.0 - smoothing);
    }
    let dims = [which.len(), frame.planes, height, width];
    let matrix = |data| TensorData::new(data, [which.len(), outputs]);
    Ok(Batch {
        input: Tensor::from_data(TensorData::new(values, dims), frame.device),
        targets: Tensor::from_data(matrix(targets), frame.device),
        mask: Tensor::from_data(matrix(mask), frame.device),
        classes: which
            .iter()
            .map(|i| (items[*i].outputs.0, items[*i].outputs.1, items[*i].class))
            .collect(),
    })
}

/// What all batches of a training have in common.
pub(super) struct Frame<'a> {
    pub input: &'a InputShape,
    pub planes: usize,
    pub outputs: usize,
    pub settings: &'a FitSettings,
    pub device: &'a Device,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(outputs: (usize, usize), class: usize) -> FitItem {
        FitItem { image: 0, outputs, class, weight: 1.0 }
    }

    #[test]
    fn an_epoch_shows_every_image_once_and_no_two_epochs_are_alike() {
        let first = order(101, 20, 1, 0);
        let mut seen: Vec<usize> = first.iter().flatten().copied().collect();
        seen.sort_unstable();
        // the one image beyond five batches is left out
        assert_eq!((first.len(), seen.len()), (5, 100));
        assert_eq!(first, order(101, 20, 1, 0));
        assert_ne!(first, order(101, 20, 1, 1));
        assert_ne!(first, order(101, 20, 2, 0));
    }

    #[test]
    fn balance_is_within_a_plot_type_and_throws_nothing_away() {
        let mut items = vec![item((0, 2), 0); 9];
        items.push(item((0, 2), 1));
        items.extend([item((2, 2), 0), item((2, 2), 1)]);
        let weights = balanced(&items, 1.0);
        assert!(weights.iter().all(|w| *w > 0.0));
        assert!((weights[9] - 5.0).abs() < 1e-5 && (weights[0] - 5.0 / 9.0).abs() < 1e-5);
        assert!((weights[10] - 1.0).abs() < 1e-5);
        assert_eq!(balanced(&items, 0.0), vec![1.0; 12]);
    }

    #[test]
    fn mixed_numbers_differ_when_one_of_them_does() {
        assert_ne!(mixed(&[1, 2]), mixed(&[2, 1]));
        assert_ne!(mixed(&[1, 2]), mixed(&[1, 3]));
    }
}
