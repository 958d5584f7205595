//! Which images train, which choose thresholds, which judge. By run, never by image.

#[cfg(test)]
mod tests;

use crate::data::{Example, LabelSet, Labelled};
use hydra_proto::{ContentHash, ImageId, Label};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What an image is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Weights are fitted to it.
    Train,
    /// Stops training, fits temperature and thresholds.
    Validation,
    /// Judged once, at the end.
    Test,
}

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// How to split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitSettings {
    /// Shares of validation and test.
    pub validation: f64,
    /// See `validation`.
    pub test: f64,
    /// Which of the equally good splits.
    pub seed: u64,
    /// Where a class comes from too few runs, cut its runs into blocks of consecutive chunks
    /// instead of refusing. The figures then flatter, and say so.
    #[serde(default)]
    pub within_runs: bool,
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self { validation: 0.2, test: 0.2, seed: 1, within_runs: false }
    }
}

/// What earlier trainings fixed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fixed {
    /// The plot type's frozen test set.
    pub test: HashSet<ImageId>,
    /// Images that some model of its lineage was trained on: never tested on any more.
    pub trained: HashSet<ImageId>,
}

/// Why there is no honest split.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A class whose images all come from too few runs.
    #[error(
        "all {images} images labelled {label} come from {runs} run(s) ({first_run} ...), \
        {wanted} are needed: chunks of one run are too alike to train on some and test on others \
        (a split within runs can be asked for; its figures flatter)"
    )]
    TooFewRuns {
        /// The class.
        label: Label,
        /// Its images.
        images: usize,
        /// Its runs, counting runs that share an image as one.
        runs: usize,
        /// The first of them.
        first_run: u32,
        /// Parts that need one each.
        wanted: usize,
    },
    /// A class that what is frozen leaves no run of for a part.
    #[error("label {label} has no images left for {part:?}: its runs were all used before")]
    Used {
        /// The class.
        label: Label,
        /// The part that lacks it.
        part: Part,
    },
    /// Shares that are no shares.
    #[error("validation {validation} and test {test} are no shares that leave something to train")]
    Shares {
        /// As given.
        validation: f64,
        /// As given.
        test: f64,
    },
    /// A run has frozen test images and images that were trained on.
    #[error("run {run} has images in the frozen test set and images that were trained on")]
    Crossed {
        /// The run.
        run: u32,
    },
}

/// Images that stay together: a run, runs that share an image, or a block of a run's chunks.
struct Group {
    run: u32,
    members: Vec<usize>,
    counts: Vec<usize>,
    /// Holds images of the frozen test set: stays there.
    test: bool,
    /// Holds images that a model was fitted to or chosen by: never tested on.
    trained: bool,
}

impl Group {
    fn may_be(&self, part: Part) -> bool {
        match part {
            Part::Test => !self.trained,
            Part::Train | Part::Validation => !self.test,
        }
    }
}

/// The part of each labelled image. Runs stay whole, runs that share the same bytes too; every
/// class comes into every part, in about the wanted shares; what is frozen stays; synthetic
/// images only train. The class `drawn`, of which images are made for training, may be absent from
/// any part.
///
/// # Errors
/// See [`SplitError`].
pub fn split(
    examples: &[Example],
    labelled: &[Labelled],
    labels: &LabelSet,
    fixed: &Fixed,
    settings: &SplitSettings,
    drawn: Option<usize>,
) -> Result<Vec<Part>, SplitError> {
    let shares = shares(settings)?;
    let classes = labels.labels().len();
    let mut cut = HashMap::new();
    if settings.within_runs {
        let whole = groups(examples, labelled, classes, &Fixed::default(), &cut)?;
        if check_runs(&whole, labels, &shares, drawn).is_err() {
            cut = blocks(examples, labelled, &whole, wanted(&shares));
        }
    }
    let mut groups = groups(examples, labelled, classes, fixed, &cut)?;
    check_runs(&groups, labels, &shares, drawn)?;
    groups.shuffle(&mut ChaCha8Rng::seed_from_u64(settings.seed));
    let assigned = assign(&groups, labels.labels().len(), &shares);
    let mut parts = vec![Part::Train; labelled.len()];
    for (group, part) in groups.iter().zip(&assigned) {
        for member in &group.members {
            let synthetic = examples[labelled[*member].example].synthetic;
            parts[*member] = if synthetic { Part::Train } else { *part };
        }
    }
    check_parts(&parts, labelled, labels, &shares, drawn)?;
    Ok(parts)
}

fn shares(settings: &SplitSettings) -> Result<[f64; 3], SplitError> {
    let (validation, test) = (settings.validation, settings.test);
    let train = 1.0 - validation - test;
    if [validation, test].iter().all(|s| (0.0..1.0).contains(s)) && train > 0.0 {
        Ok([train, validation, test])
    } else {
        Err(SplitError::Shares { validation, test })
    }
}

/// The classes whose images come from fewer runs than there are parts: their figures flatter
/// after a split within runs.
pub fn classes_of_few_runs(
    examples: &[Example],
    labelled: &[Labelled],
    labels: &LabelSet,
    settings: &SplitSettings,
) -> Vec<Label> {
    let Ok(shares) = shares(settings) else { return Vec::new() };
    let all = groups(examples, labelled, labels.labels().len(), &Fixed::default(), &HashMap::new());
    let of = |class: usize, groups: &[Group]| groups.iter().filter(|g| g.counts[class] > 0).count();
    let Ok(groups) = all else { return Vec::new() };
    let few = |(class, _): &(usize, &Label)| of(*class, &groups) < wanted(&shares);
    labels.labels().iter().enumerate().filter(few).map(|(_, label)| label.clone()).collect()
}

/// Groups by run, and within a run by the block that `blocks` names for an image.
fn groups(
    examples: &[Example],
    labelled: &[Labelled],
    classes: usize,
    fixed: &Fixed,
    blocks: &HashMap<usize, usize>,
) -> Result<Vec<Group>, SplitError> {
    let roots = joined_runs(examples, labelled);
    let mut groups: BTreeMap<(u32, usize, bool), Group> = BTreeMap::new();
    for (index, one) in labelled.iter().enumerate() {
        let example = &examples[one.example];
        let run = roots[&example.run];
        let test = fixed.test.contains(&example.image);
        let trained = fixed.trained.contains(&example.image);
        // what an earlier split within a run put on two sides stays there
        let key = match blocks.get(&index) {
            Some(block) => (run, 1 + block, test),
            None => (run, 0, false),
        };
        let group = groups.entry(key).or_insert_with(|| Group {
            run,
            members: vec![],
            counts: vec![0; classes],
            test: false,
            trained: false,
        });
        group.members.push(index);
        // synthetic images are in no part but training, so they do not help a class to be split
        group.counts[one.class] += usize::from(!example.synthetic);
        group.test |= test;
        group.trained |= trained;
        if group.test && group.trained {
            return Err(SplitError::Crossed { run: example.run });
        }
    }
    Ok(groups.into_values().collect())
}

/// Cuts the runs of classes that have fewer runs than `parts` into as many blocks of consecutive
/// chunks, so that each block holds about as many of the class. The block of each image that has
/// one, by its index in `labelled`.
fn blocks(
    examples: &[Example],
    labelled: &[Labelled],
    groups: &[Group],
    parts: usize,
) -> HashMap<usize, usize> {
    let classes = groups.first().map_or(0, |g| g.counts.len());
    let few = |class: &usize| {
        let with = groups.iter().filter(|g| g.counts[*class] > 0).count();
        with > 0 && with < parts
    };
    let few: Vec<usize> = (0..classes).filter(few).collect();
    let mut blocks = HashMap::new();
    for group in groups {
        let rarest = few.iter().filter(|c| group.counts[**c] > 0).min_by_key(|c| group.counts[**c]);
        let Some(class) = rarest else { continue };
        let time = |index: &usize| {
            let example = &examples[labelled[*index].example];
            (example.run, example.chunk, example.image)
        };
        let mut members = group.members.clone();
        members.sort_by_key(time);
        let (count, mut seen) = (group.counts[*class], 0);
        for index in members {
            blocks.insert(index, (seen * parts / count.max(1)).min(parts - 1));
            let one = &labelled[index];
            seen += usize::from(one.class == *class && !examples[one.example].synthetic);
        }
    }
    blocks
}

/// For each run the smallest run that it is tied to by images of the same bytes.
fn joined_runs(examples: &[Example], labelled: &[Labelled]) -> HashMap<u32, u32> {
    let mut parent: HashMap<u32, u32> = HashMap::new();
    let mut seen: HashMap<ContentHash, u32> = HashMap::new();
    fn root(parent: &HashMap<u32, u32>, mut run: u32) -> u32 {
        while parent[&run] != run {
            run = parent[&run];
        }
        run
    }
    for one in labelled {
        let example = &examples[one.example];
        parent.entry(example.run).or_insert(example.run);
        let other = *seen.entry(example.content).or_insert(example.run);
        let (a, b) = (root(&parent, example.run), root(&parent, other));
        parent.insert(a.max(b), a.min(b));
    }
    parent.keys().map(|run| (*run, root(&parent, *run))).collect()
}

/// How many parts there are.
fn wanted(shares: &[f64; 3]) -> usize {
    shares.iter().filter(|share| **share > 0.0).count()
}

fn check_runs(
    groups: &[Group],
    labels: &LabelSet,
    shares: &[f64; 3],
    drawn: Option<usize>,
) -> Result<(), SplitError> {
    let wanted = wanted(shares);
    for (class, label) in labels.labels().iter().enumerate().filter(|(c, _)| Some(*c) != drawn) {
        let with: Vec<&Group> = groups.iter().filter(|g| g.counts[class] > 0).collect();
        if with.len() < wanted {
            return Err(SplitError::TooFewRuns {
                label: label.clone(),
                images: with.iter().map(|g| g.counts[class]).sum(),
                runs: with.len(),
                first_run: with.first().map_or(0, |g| g.run),
                wanted,
            });
        }
    }
    Ok(())
}

/// Rarest class first, each group goes where its class is missing most (after Sechidis et al.,
/// ECML 2011, with groups for images).
fn assign(groups: &[Group], classes: usize, shares: &[f64; 3]) -> Vec<Part> {
    let totals: Vec<usize> =
        (0..classes).map(|class| groups.iter().map(|g| g.counts[class]).sum()).collect();
    let mut now = vec![[0.0f64; 3]; classes];
    let mut assigned: Vec<Option<usize>> = vec![None; groups.len()];
    let take = |group: usize, part: usize, now: &mut Vec<[f64; 3]>| {
        (0..classes).for_each(|class| now[class][part] += groups[group].counts[class] as f64);
        Some(part)
    };
    for (index, _) in groups.iter().enumerate().filter(|(_, group)| group.test) {
        assigned[index] = take(index, 2, &mut now);
    }
    let mut order: Vec<usize> = (0..classes).collect();
    order.sort_by_key(|class| totals[*class]);
    for class in order {
        let mut waiting: Vec<usize> = (0..groups.len())
            .filter(|g| assigned[*g].is_none() && groups[*g].counts[class] > 0)
            .collect();
        // large groups first, so that small ones can even out
        waiting.sort_by_key(|g| std::cmp::Reverse(groups[*g].counts[class]));
        for group in waiting {
            let missing = |part: usize| {
                let wanted = shares[part] * totals[class] as f64;
                let empty = shares[part] > 0.0 && now[class][part] == 0.0;
                (empty, (wanted - now[class][part]) / wanted.max(1e-9))
            };
            let best = (0..3)
                .filter(|part| shares[*part] > 0.0 && groups[group].may_be(PARTS[*part]))
                .max_by(|a, b| {
                    let (a, b) = (missing(*a), missing(*b));
                    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
                })
                .unwrap_or(0);
            assigned[group] = take(group, best, &mut now);
        }
    }
    assigned.into_iter().map(|part| PARTS[part.unwrap_or(0)]).collect()
}

fn check_parts(
    parts: &[Part],
    labelled: &[Labelled],
    labels: &LabelSet,
    shares: &[f64; 3],
    drawn: Option<usize>,
) -> Result<(), SplitError> {
    for (class, label) in labels.labels().iter().enumerate().filter(|(c, _)| Some(*c) != drawn) {
        for (part, share) in PARTS.into_iter().zip(shares) {
            let any = parts.iter().zip(labelled).any(|(p, l)| *p == part && l.class == class);
            if *share > 0.0 && !any {
                return Err(SplitError::Used { label: label.clone(), part });
            }
        }
    }
    Ok(())
}
