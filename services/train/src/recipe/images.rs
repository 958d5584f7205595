//! The images of a training: labels made ready, split, and turned into what a network reads.

use super::{LearnError, Recipe};
use crate::align::{Reference, Shown};
use crate::augment::Augment;
use crate::data::{Dataset, Example, LabelSet, Labelled, PixelError, prepare_with};
use crate::eval::split::{Fixed, Part, classes_of_few_runs, split};
use crate::fit::{Images, mixed};
use crate::graph::Graph;
use crate::synthetic::Panels;
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
    /// What it usually looks like, where the recipe compares.
    pub reference: Option<Reference>,
    /// Bad images that are drawn for training, where the recipe asks for them.
    pub synthetic: Synthetic,
    /// What limits the figures.
    pub notes: Vec<String>,
}

type Ready = (LabelSet, Vec<Labelled>, Option<usize>);

/// Labels, what carries them, and the class of faults that are drawn, where any are.
fn ready(name: &PlotTypeName, examples: &[Example], recipe: &Recipe) -> Result<Ready, LearnError> {
    let bad: Option<Label> = match recipe.synthetic {
        0 => None,
        _ => Label::try_from(Label::BAD.to_owned()).ok(),
    };
    let (labels, labelled) = prepare_with(examples, bad.as_ref())
        .map_err(|source| LearnError::Labels { plot_types: name.to_string(), source })?;
    let drawn = bad.as_ref().and_then(|bad| labels.index(bad));
    Ok((labels, labelled, drawn))
}

fn parted(
    name: &PlotTypeName,
    examples: &[Example],
    fixed: &Fixed,
    recipe: &Recipe,
    (labels, labelled, drawn): (&LabelSet, &[Labelled], Option<usize>),
) -> Result<Vec<Part>, LearnError> {
    split(examples, labelled, labels, fixed, &recipe.split, drawn)
        .map_err(|source| LearnError::Split { plot_types: name.to_string(), source })
}

/// Whether these labels can be trained on and split, as far as can be said without their pixels.
///
/// # Errors
/// [`LearnError::Labels`], [`LearnError::Split`].
pub fn check(
    name: &PlotTypeName,
    examples: &[Example],
    fixed: &Fixed,
    recipe: &Recipe,
) -> Result<(), LearnError> {
    let (labels, labelled, drawn) = ready(name, examples, recipe)?;
    parted(name, examples, fixed, recipe, (&labels, &labelled, drawn)).map(drop)
}

/// Faults drawn onto training Goods.
#[derive(Default)]
pub struct Synthetic {
    panels: Option<Panels>,
    /// The Good example that each is drawn onto, and its chance.
    drawn: Vec<(usize, u64)>,
    /// The class that they are of.
    pub class: usize,
    /// How much each counts.
    pub weight: f32,
}

impl Synthetic {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.drawn.len()
    }
}

impl<'a> Prepared<'a> {
    /// Checks labels and splits runs.
    ///
    /// # Errors
    /// [`LearnError::Labels`], [`LearnError::Split`], [`LearnError::Reference`].
    pub fn new(set: &PlotSet<'a>, recipe: &Recipe) -> Result<Self, LearnError> {
        let examples = set.data.examples();
        let (labels, labelled, drawn) = ready(&set.name, examples, recipe)?;
        let parts = match &set.parts {
            Some(parts) => labelled.iter().map(|one| parts[one.example]).collect(),
            None => parted(&set.name, examples, &set.fixed, recipe, (&labels, &labelled, drawn))?,
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
            synthetic: Synthetic::default(),
            notes: Vec::new(),
        };
        if recipe.split.within_runs && set.parts.is_none() {
            let few = classes_of_few_runs(examples, &ready.labelled, &ready.labels, &recipe.split);
            ready.notes.extend(few.iter().map(|label| {
                format!("{label} comes from few runs and was split within them: figures flatter")
            }));
        }
        for (class, label) in ready.labels.labels().iter().enumerate() {
            for (name, part) in
                [("validation", &ready.split.validation), ("test", &ready.split.test)]
            {
                if !part.iter().any(|i| ready.labelled[*i].class == class) {
                    ready.notes.push(format!("no image of the {name} part is {label}"));
                }
            }
        }
        if recipe.shown.aligns() || drawn.is_some() {
            ready.look_at_goods(recipe, drawn)?;
        }
        Ok(ready)
    }

    /// Whether every class is among the images that stop training and choose thresholds.
    pub fn validates_all(&self) -> bool {
        self.counts(&self.split.validation).iter().all(|count| *count > 0)
    }

    /// Learns from the training part's Goods how the plot type usually looks, and where faults can
    /// be drawn.
    fn look_at_goods(&mut self, recipe: &Recipe, drawn: Option<usize>) -> Result<(), LearnError> {
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
        if recipe.shown.aligns() {
            let refused =
                |source| LearnError::Reference { plot_type: self.name.to_string(), source };
            self.reference = Some(Reference::fit(&pixels, recipe.input).map_err(refused)?);
        }
        if let Some(class) = drawn.filter(|_| !goods.is_empty()) {
            let chance = |k: usize| mixed(&[recipe.fit.seed, 4, k as u64]);
            let real = self.counts(&self.split.train)[class];
            self.synthetic = Synthetic {
                panels: Some(Panels::find(&pixels, recipe.input)),
                drawn: (0..recipe.synthetic).map(|k| (goods[k % goods.len()], chance(k))).collect(),
                class,
                // real ones must not drown
                weight: match real {
                    0 => 1.0,
                    _ => (real as f32 / recipe.synthetic as f32).clamp(0.25, 1.0),
                },
            };
        }
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
    pub shown: Shown,
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
        let real = set.data.examples().len();
        let pixels = match set.synthetic.drawn.get(example.wrapping_sub(real)) {
            None => set.data.pixels(example, shape)?,
            Some((good, chance)) => {
                let mut pixels = set.data.pixels(*good, shape)?;
                if let Some(panels) = &set.synthetic.panels {
                    panels.strike(&mut pixels, *chance);
                }
                pixels
            }
        };
        let Some(reference) = &set.reference else {
            let mut pixels = pixels;
            if let Some((chance, augment)) = chance {
                augment.apply(&mut pixels, &shape, chance);
            }
            crate::pixels::normalise_into(self.graph, &pixels, out);
            return Ok(());
        };
        // what is compared with a reference is moved afterwards, else every edge would deviate; its
        // gain and noise stay as they are, for the least change of them stands out from Goods
        let compared = match self.shown {
            Shown::Both => {
                let (plain, compared) = out.split_at_mut(shape.size_bytes());
                crate::pixels::normalise_into(self.graph, &pixels, plain);
                compared
            }
            _ => &mut *out,
        };
        reference.apply(&pixels, compared);
        if let Some((chance, augment)) = chance {
            augment.shift_planes(out, &shape, chance);
        }
        Ok(())
    }
}
