//! What a model was taught, as it sees it: "why did Hydra miss this?" looks for the nearest.

use super::images::Prepared;
use hydra_proto::{ImageId, Label};

/// Most images of a model that are remembered, and most of their features' bytes: all of them are
/// read and compared whenever somebody asks.
pub const MOST_TAUGHT: usize = 2_000;
const MOST_BYTES: usize = 8 << 20;
/// Longer features are not kept, and infer does not send them.
pub const MOST_FEATURES: usize = 4_096;

/// An image in training and its features.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    /// The image.
    pub image: ImageId,
    /// What it was said to be.
    pub label: Label,
    /// The embedding.
    pub features: Vec<f32>,
}

/// The training images that are remembered: of every rare label all, of the frequent ones evenly
/// spread over time. None where `features` are too many to keep.
pub(super) fn chosen(set: &Prepared<'_>, features: usize) -> Vec<usize> {
    if features > MOST_FEATURES {
        return Vec::new();
    }
    let most = MOST_TAUGHT.min(MOST_BYTES / (4 * features.max(1)));
    let real = |i: &usize| !set.data.examples()[set.labelled[*i].example].synthetic;
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); set.labels.labels().len()];
    for i in set.split.train.iter().copied().filter(real) {
        classes[set.labelled[i].class].push(i);
    }
    spread(classes, most)
}

/// Images with their features.
pub(super) fn taught(
    set: &Prepared<'_>,
    which: &[usize],
    rows: impl IntoIterator<Item = Vec<f32>>,
) -> Vec<Taught> {
    let told = which.iter().zip(rows).map(|(i, features)| {
        let one = &set.labelled[*i];
        let (image, label) =
            (set.data.examples()[one.example].image, set.labels.labels()[one.class].clone());
        Taught { image, label, features }
    });
    told.collect()
}

/// At most `most` of them all, each class with an equal share as far as it has so many.
fn spread(mut classes: Vec<Vec<usize>>, most: usize) -> Vec<usize> {
    classes.sort_by_key(Vec::len);
    let (mut left, mut chosen) = (most, Vec::new());
    let count = classes.len();
    for (at, class) in classes.into_iter().enumerate() {
        let share = class.len().min(left / (count - at));
        chosen.extend((0..share).map(|n| class[n * class.len() / share]));
        left -= share;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn rare_labels_are_whole_and_frequent_ones_fill_the_rest_evenly() {
        let classes = vec![(0..1_000).collect(), vec![5_000, 5_001], (2_000..2_400).collect()];
        let chosen = spread(classes, 102);
        assert_eq!(chosen.len(), 102);
        assert_eq!(chosen.iter().filter(|i| **i >= 5_000).count(), 2);
        let middle: Vec<usize> =
            chosen.iter().copied().filter(|i| (2_000..2_400).contains(i)).collect();
        assert_eq!((middle.len(), middle[0], middle[49]), (50, 2_000, 2_392));
        assert_eq!(chosen.iter().filter(|i| **i < 1_000).count(), 50);
    }

    #[test]
    fn fewer_than_allowed_are_all_there_once() {
        let mut chosen = spread(vec![vec![3, 4], Vec::new(), vec![1]], 100);
        chosen.sort_unstable();
        assert_eq!(chosen, [1, 3, 4]);
    }
}
