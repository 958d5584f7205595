//! The images of a training: labels made ready, split, and turned into what a network reads.

use super::{LearnError, Recipe};
use crate::align::Reference;
use crate::augment::Augment;
use crate::data::{Dataset, LabelSet, Labelled, PixelError, prepare};
use crate::eval::split::{Fixed, Part, split};
use crate::fit::Images;
use crate::graph::Graph;
use hydra_proto::{Label, PlotTypeName};
use rayon::prelude::*;

/// One plot type's labels and pixels.
pub struct PlotSet<'a> {
    /// The plot type.
    pub name: PlotTypeName,
    /// Its labelled images.
    pub data: &'a dyn Dataset,
    /// What earlier trainings fixed.
    pub fixed: Fixed,
    /// The part of each example, where the caller decides it; else runs are split.
    pub parts: Option<Vec<Part>>,
}

/// Examples by part, as indices into `Prepared::labelled`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// Weights are fitted to these.
    pub train: Vec<usize>,
    /// These stop training and choose temperature and thresholds.
    pub validation: Vec<usize>,
    /// These judge.
    pub test: Vec<usize>,
}

/// A plot type that is ready to be trained on.
pub struct Prepared<'a> {
    /// The plot type.
    pub name: PlotTypeName,
    /// Labels and pixels.
    pub data: &'a dyn Dataset,
    /// Its labels in the order of the outputs.
    pub labels: LabelSet,
    /// Examples with their class.
    pub labelled: Vec<Labelled>,
    /// Their parts.
    pub split: Split,
    /// What it usually looks like, where the recipe aligns.
    pub reference: Option<Reference>,
}

impl<'a> Prepared<'a> {
    /// Checks labels and splits runs.
    ///
    /// # Errors
    /// [`LearnError::Labels`], [`LearnError::Split`], [`LearnError::Reference`].
    pub fn new(set: &PlotSet<'a>, recipe: &Recipe) -> Result<Self, LearnError> {
        let plot_types = || set.name.to_string();
        let examples = set.data.examples();
        let (labels, labelled) = prepare(examples)
            .map_err(|source| LearnError::Labels { plot_types: plot_types(), source })?;
        let parts = match &set.parts {
            Some(parts) => labelled.iter().map(|one| parts[one.example]).collect(),
            None => split(examples, &labelled, &labels, &set.fixed, &recipe.split)
                .map_err(|source| LearnError::Split { plot_types: plot_types(), source })?,
        };
        let of = |part| (0..labelled.len()).filter(|i| parts[*i] == part).collect();
        let split = Split {
            train: of(Part::Train),
            validation: of(Part::Validation),
            test: of(Part::Test),
        };
        let mut ready = Self {
            name: set.name.clone(),
            data: set.data,
            labels,
            labelled,
            split,
            reference: None,
        };
        if recipe.align {
            ready.align(recipe)?;
        }
        Ok(ready)
    }

    /// Learns from the training part's Goods how the plot type usually looks.
    fn align(&mut self, recipe: &Recipe) -> Result<(), LearnError> {
        let good = self.labels.labels().iter().position(Label::counts_as_good);
        let goods: Vec<usize> = self
            .split
            .train
            .iter()
            .map(|i| &self.labelled[*i])
            .filter(|one| Some(one.class) == good)
            .map(|one| one.example)
            .collect();
        let pixels = goods
            .par_iter()
            .map(|example| self.data.pixels(*example, recipe.input))
            .collect::<Result<Vec<_>, _>>()?;
        let reference = Reference::fit(&pixels, recipe.input)
            .map_err(|source| LearnError::Reference { plot_type: self.name.to_string(), source })?;
        self.reference = Some(reference);
        Ok(())
    }

    /// How many images of a part carry each label.
    pub fn counts(&self, part: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; self.labels.labels().len()];
        part.iter().for_each(|i| counts[self.labelled[*i].class] += 1);
        counts
    }
}

/// Pixels of several plot types as a network reads them. An image's number is its plot type's
/// index times [`STRIDE`] plus its example.
pub(super) struct Feed<'a> {
    pub graph: &'a Graph,
    pub sets: &'a [Prepared<'a>],
}

/// More examples than any plot type has.
pub(super) const STRIDE: usize = 1 << 32;

impl Images for Feed<'_> {
    fn fill(
        &self,
        image: usize,
        chance: Option<(u64, &Augment)>,
        out: &mut [f32],
    ) -> Result<(), PixelError> {
        let (set, example) = (&self.sets[image / STRIDE], image % STRIDE);
        let shape = self.graph.input;
        let mut pixels = set.data.pixels(example, shape)?;
        if let Some((chance, augment)) = chance {
            augment.apply(&mut pixels, &shape, chance);
        }
        match &set.reference {
            Some(reference) => reference.apply(&pixels, out),
            None => crate::pixels::normalise_into(self.graph, &pixels, out),
        }
        Ok(())
    }
}
