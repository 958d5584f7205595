//! Labels as experts gave them -> classes that can be trained on.

use super::Example;
use hydra_proto::{ContentHash, ImageId, Label, PlotTypeName};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why labels cannot be trained on.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// No label is left after `Ignore` was taken out.
    #[error("no labels to train on")]
    Empty,
    /// Only one class: a classifier could learn nothing from it.
    #[error(
        "all {count} images are {label}: a classifier needs two classes (a normality model \
        learns from Good alone)"
    )]
    OneClass {
        /// The class.
        label: Label,
        /// Its images.
        count: usize,
    },
    /// A class that cannot be both trained and tested.
    #[error("class {label} has one image only ({image}): label more of its kind, or leave it out")]
    OneImage {
        /// The class.
        label: Label,
        /// The image.
        image: ImageId,
    },
    /// Two experts, or one on two days, said different things of the same bytes.
    #[error("{count} images have contradictory labels; the first is {image}: {first} and {second}")]
    Contradictory {
        /// How many.
        count: usize,
        /// The first.
        image: ImageId,
        /// One label.
        first: Label,
        /// The other.
        second: Label,
    },
    /// A weight that is negative or no number.
    #[error("image {image} has weight {weight}")]
    Weight {
        /// The image.
        image: ImageId,
        /// As given.
        weight: f32,
    },
}

/// The classes of one plot type (or of siblings that are trained as one), in the order of the
/// model's outputs: Good first, then Bad, then by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSet(Vec<Label>);

impl LabelSet {
    /// These classes, in the order of the outputs.
    pub fn new(labels: impl IntoIterator<Item = Label>) -> Self {
        let rank = |label: &Label| match label.as_str() {
            Label::GOOD => 0,
            Label::BAD => 1,
            _ => 2,
        };
        let mut labels: Vec<Label> =
            labels.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        labels.sort_by_key(rank);
        Self(labels)
    }

    /// The classes.
    pub fn labels(&self) -> &[Label] {
        &self.0
    }

    /// Index of a class.
    pub fn index(&self, label: &Label) -> Option<usize> {
        self.0.iter().position(|l| l == label)
    }
}

/// An example with its class, ready to be trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Index into the dataset's examples.
    pub example: usize,
    /// Index into the label set.
    pub class: usize,
    /// How much it counts.
    pub weight: f32,
}

/// The class that a label trains: `Acceptable` is Good, `Ignore` none.
pub fn class_of(label: &Label) -> Option<Label> {
    let good = || Label::try_from(Label::GOOD.to_owned()).expect("a constant that is a name");
    match label.as_str() {
        Label::IGNORE => None,
        Label::ACCEPTABLE => Some(good()),
        _ => Some(label.clone()),
    }
}

/// Leaves out `Ignore` and repeated labels of one image, counts `Acceptable` as Good, and checks
/// that there is something to learn.
///
/// # Errors
/// See [`LabelError`].
pub fn prepare(examples: &[Example]) -> Result<(LabelSet, Vec<Labelled>), LabelError> {
    prepare_with(examples, None)
}

/// The same where images of the class `drawn` are made, too: it may have one image or none.
///
/// # Errors
/// See [`LabelError`].
pub fn prepare_with(
    examples: &[Example],
    drawn: Option<&Label>,
) -> Result<(LabelSet, Vec<Labelled>), LabelError> {
    let mut kept: Vec<(usize, Label)> = Vec::new();
    let mut known: HashMap<(ContentHash, &PlotTypeName), usize> = HashMap::new();
    let mut contradictions = Vec::new();
    for (index, example) in examples.iter().enumerate() {
        if !example.weight.is_finite() || example.weight < 0.0 {
            let (image, weight) = (example.image, example.weight);
            return Err(LabelError::Weight { image, weight });
        }
        let Some(class) = class_of(&example.label) else { continue };
        match known.entry((example.content, &example.plot_type)) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push((index, class));
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                let (first, before) = &kept[*entry.get()];
                if *before != class {
                    contradictions.push((*first, index));
                } else if examples[*first].run != example.run {
                    // the same bytes in another run: kept, and held on one side by the split
                    kept.push((index, class));
                }
            }
        }
    }
    if let Some((first, second)) = contradictions.first() {
        return Err(LabelError::Contradictory {
            count: contradictions.len(),
            image: examples[*first].image,
            first: examples[*first].label.clone(),
            second: examples[*second].label.clone(),
        });
    }
    let set = checked(examples, &kept, drawn)?;
    let labelled = kept
        .into_iter()
        .map(|(example, class)| Labelled {
            example,
            class: set.index(&class).expect("the set was made of these"),
            weight: examples[example].weight,
        })
        .collect();
    Ok((set, labelled))
}

fn checked(
    examples: &[Example],
    kept: &[(usize, Label)],
    drawn: Option<&Label>,
) -> Result<LabelSet, LabelError> {
    let mut counts: BTreeMap<&Label, (usize, ImageId)> = BTreeMap::new();
    for (index, class) in kept {
        counts.entry(class).or_insert((0, examples[*index].image)).0 += 1;
    }
    let alone =
        |(label, (count, _)): &(&&Label, &(usize, ImageId))| *count == 1 && Some(**label) != drawn;
    if let Some((label, (_, image))) = counts.iter().find(alone) {
        return Err(LabelError::OneImage { label: (*label).clone(), image: *image });
    }
    match counts.first_key_value() {
        None => Err(LabelError::Empty),
        Some((label, (count, _))) if counts.len() == 1 && drawn.is_none_or(|d| d == *label) => {
            Err(LabelError::OneClass { label: (*label).clone(), count: *count })
        }
        Some(_) => Ok(LabelSet::new(counts.keys().copied().chain(drawn).cloned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(content: u32, run: u32, label: &str) -> Example {
        let plot_type: PlotTypeName = "CDC_occupancy".parse().unwrap();
        let content = ContentHash::of(&content.to_le_bytes());
        Example {
            image: ImageId::of(&plot_type, run, Some(1), &content),
            content,
            plot_type,
            run,
            chunk: Some(1),
            label: label.parse().unwrap(),
            weight: 1.0,
            condition: String::new(),
            synthetic: false,
        }
    }

    #[test]
    fn ignore_is_left_out_and_acceptable_counts_as_good() {
        let labels = ["Bad", "Acceptable", "Good", "Ignore", "Bad", "HotChannel", "HotChannel"];
        let examples: Vec<Example> =
            labels.iter().enumerate().map(|(i, l)| example(i as u32, 1, l)).collect();
        let (set, labelled) = prepare(&examples).unwrap();
        let names: Vec<&str> = set.labels().iter().map(Label::as_str).collect();
        assert_eq!(names, ["Good", "Bad", "HotChannel"]);
        let classes: Vec<(usize, usize)> = labelled.iter().map(|l| (l.example, l.class)).collect();
        assert_eq!(classes, [(0, 1), (1, 0), (2, 0), (4, 1), (5, 2), (6, 2)]);
    }

    #[test]
    fn contradictory_labels_are_named() {
        let examples = [
            example(1, 1, "Good"),
            example(1, 1, "Bad"),
            example(2, 1, "Good"),
            example(3, 1, "Bad"),
        ];
        let refused = prepare(&examples).unwrap_err();
        assert!(matches!(&refused, LabelError::Contradictory { count: 1, image, .. }
            if *image == examples[0].image));
    }

    #[test]
    fn one_class_and_a_class_of_one_image_are_refused() {
        let good = |i| example(i, i, "Good");
        let refused = prepare(&[good(1), good(2)]).unwrap_err();
        assert!(matches!(refused, LabelError::OneClass { count: 2, .. }));
        let refused = prepare(&[good(1), good(2), example(3, 3, "Bad")]).unwrap_err();
        assert!(matches!(refused, LabelError::OneImage { .. }));
        assert_eq!(prepare(&[example(1, 1, "Ignore")]).unwrap_err(), LabelError::Empty);
    }

    #[test]
    fn a_label_given_twice_counts_once_and_a_weight_must_be_a_number() {
        let mut examples = vec![example(1, 1, "Good"), example(1, 1, "Good")];
        examples.extend([example(2, 2, "Good"), example(3, 3, "Bad"), example(4, 4, "Bad")]);
        assert_eq!(prepare(&examples).unwrap().1.len(), 4);
        examples[0].weight = f32::NAN;
        assert!(matches!(prepare(&examples), Err(LabelError::Weight { .. })));
    }
}
