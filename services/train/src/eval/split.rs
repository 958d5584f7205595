//! Which images train, which choose thresholds, which judge. By run, never by image.

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
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self { validation: 0.2, test: 0.2, seed: 1 }
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
        {wanted} are needed: chunks of one run are too alike to train on some and test on others"
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

/// Images that stay together: a run, or runs that share an image.
struct Group {
    run: u32,
    members: Vec<usize>,
    counts: Vec<usize>,
    fixed: Option<Part>,
}

/// The part of each labelled image. Runs stay whole, runs that share the same bytes too; every
/// class comes into every part, in about the wanted shares; what is frozen stays; synthetic
/// images only train.
///
/// # Errors
/// See [`SplitError`].
pub fn split(
    examples: &[Example],
    labelled: &[Labelled],
    labels: &LabelSet,
    fixed: &Fixed,
    settings: &SplitSettings,
) -> Result<Vec<Part>, SplitError> {
    let shares = shares(settings)?;
    let mut groups = groups(examples, labelled, labels.labels().len(), fixed)?;
    check_runs(&groups, labels, &shares)?;
    groups.shuffle(&mut ChaCha8Rng::seed_from_u64(settings.seed));
    let assigned = assign(&groups, labels.labels().len(), &shares);
    let mut parts = vec![Part::Train; labelled.len()];
    for (group, part) in groups.iter().zip(&assigned) {
        for member in &group.members {
            let synthetic = examples[labelled[*member].example].synthetic;
            parts[*member] = if synthetic { Part::Train } else { *part };
        }
    }
    check_parts(&parts, labelled, labels, &shares)?;
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

fn groups(
    examples: &[Example],
    labelled: &[Labelled],
    classes: usize,
    fixed: &Fixed,
) -> Result<Vec<Group>, SplitError> {
    let roots = joined_runs(examples, labelled);
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for (index, one) in labelled.iter().enumerate() {
        let example = &examples[one.example];
        let run = roots[&example.run];
        let empty = || Group { run, members: vec![], counts: vec![0; classes], fixed: None };
        let group = groups.entry(run).or_insert_with(empty);
        group.members.push(index);
        // synthetic images are in no part but training, so they do not help a class to be split
        group.counts[one.class] += usize::from(!example.synthetic);
        let part =
            match (fixed.test.contains(&example.image), fixed.trained.contains(&example.image)) {
                (true, true) => return Err(SplitError::Crossed { run: example.run }),
                (true, false) => Some(Part::Test),
                (false, true) => Some(Part::Train),
                (false, false) => None,
            };
        match (group.fixed, part) {
            (Some(before), Some(now)) if before != now => {
                return Err(SplitError::Crossed { run: example.run });
            }
            (None, Some(_)) => group.fixed = part,
            _ => {}
        }
    }
    Ok(groups.into_values().collect())
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

fn check_runs(groups: &[Group], labels: &LabelSet, shares: &[f64; 3]) -> Result<(), SplitError> {
    let wanted = shares.iter().filter(|share| **share > 0.0).count();
    for (class, label) in labels.labels().iter().enumerate() {
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
    let place = |part: Part| PARTS.iter().position(|p| *p == part);
    for (index, group) in groups.iter().enumerate() {
        if let Some(part) = group.fixed.and_then(place) {
            assigned[index] = take(index, part, &mut now);
        }
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
                .filter(|part| shares[*part] > 0.0)
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
) -> Result<(), SplitError> {
    for (class, label) in labels.labels().iter().enumerate() {
        for (part, share) in PARTS.into_iter().zip(shares) {
            let any = parts.iter().zip(labelled).any(|(p, l)| *p == part && l.class == class);
            if *share > 0.0 && !any {
                return Err(SplitError::Used { label: label.clone(), part });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::prepare;
    use hydra_proto::PlotTypeName;

    fn example(content: u32, run: u32, label: &str) -> Example {
        let plot_type: PlotTypeName = "A".parse().unwrap();
        let content = ContentHash::of(&content.to_le_bytes());
        Example {
            image: ImageId::of(&plot_type, run, None, &content),
            content,
            plot_type,
            run,
            chunk: None,
            label: label.parse().unwrap(),
            weight: 1.0,
            condition: String::new(),
            synthetic: false,
        }
    }

    /// 40 runs of 10 chunks; every fourth run has 5 Bad ones.
    fn hall() -> Vec<Example> {
        (0..400)
            .map(|i| {
                let (run, chunk) = (i / 10, i % 10);
                let bad = run % 4 == 0 && chunk < 5;
                example(i, run, if bad { "Bad" } else { "Good" })
            })
            .collect()
    }

    fn run(
        examples: &[Example],
        fixed: &Fixed,
        seed: u64,
    ) -> Result<(Vec<Labelled>, Vec<Part>), SplitError> {
        let (labels, labelled) = prepare(examples).unwrap();
        let settings = SplitSettings { seed, ..Default::default() };
        let parts = split(examples, &labelled, &labels, fixed, &settings)?;
        Ok((labelled, parts))
    }

    #[test]
    fn runs_stay_whole_and_every_class_is_in_every_part_in_its_share() {
        let examples = hall();
        let (labelled, parts) = run(&examples, &Fixed::default(), 3).unwrap();
        let mut by_run: HashMap<u32, HashSet<Part>> = HashMap::new();
        for (one, part) in labelled.iter().zip(&parts) {
            by_run.entry(examples[one.example].run).or_default().insert(*part);
        }
        assert!(by_run.values().all(|parts| parts.len() == 1));
        let count = |part, class| {
            labelled.iter().zip(&parts).filter(|(l, p)| **p == part && l.class == class).count()
        };
        assert_eq!([count(Part::Train, 1), count(Part::Test, 1)], [30, 10]);
        assert!((60..=80).contains(&count(Part::Test, 0)), "{}", count(Part::Test, 0));
        let (_, again) = run(&examples, &Fixed::default(), 3).unwrap();
        assert_eq!(parts, again, "the same seed, the same split");
        assert_ne!(parts, run(&examples, &Fixed::default(), 4).unwrap().1);
    }

    #[test]
    fn a_class_of_one_run_is_refused_with_the_reason() {
        let mut examples = hall();
        for example in &mut examples {
            if example.label.as_str() == "Bad" && example.run != 8 {
                example.label = "Good".parse().unwrap();
            }
        }
        let refused = run(&examples, &Fixed::default(), 1).unwrap_err();
        assert!(matches!(refused, SplitError::TooFewRuns { images: 5, runs: 1, first_run: 8, .. }));
        assert!(refused.to_string().contains("too alike"), "{refused}");
    }

    #[test]
    fn the_same_bytes_in_two_runs_never_cross_the_split() {
        let mut examples = hall();
        for pair in 0..10u32 {
            let twin = example(pair * 10 + 7, 100 + pair, "Good");
            examples.push(twin);
        }
        let (labelled, parts) = run(&examples, &Fixed::default(), 1).unwrap();
        let part_of_run =
            |run| labelled.iter().position(|l| examples[l.example].run == run).map(|i| parts[i]);
        assert!((0..10).all(|pair| part_of_run(pair) == part_of_run(100 + pair)));
    }

    #[test]
    fn what_was_frozen_or_trained_on_stays() {
        let examples = hall();
        let of_run = |run: u32| {
            examples.iter().filter(|e| e.run == run).map(|e| e.image).collect::<HashSet<_>>()
        };
        let fixed = Fixed { test: of_run(5), trained: of_run(8) };
        for seed in 0..5 {
            let (labelled, parts) = run(&examples, &fixed, seed).unwrap();
            for (one, part) in labelled.iter().zip(&parts) {
                match examples[one.example].run {
                    5 => assert_eq!(*part, Part::Test),
                    8 => assert_eq!(*part, Part::Train),
                    _ => {}
                }
            }
        }
        let crossed = Fixed { test: of_run(5), trained: of_run(5) };
        assert_eq!(run(&examples, &crossed, 1).unwrap_err(), SplitError::Crossed { run: 5 });
    }

    #[test]
    fn synthetic_images_only_train() {
        let mut examples = hall();
        for i in 0..50 {
            let mut made = example(10_000 + i, i % 40, "Bad");
            made.synthetic = true;
            examples.push(made);
        }
        let (labelled, parts) = run(&examples, &Fixed::default(), 1).unwrap();
        let synthetic = labelled.iter().zip(&parts).filter(|(l, _)| examples[l.example].synthetic);
        assert!(synthetic.into_iter().all(|(_, part)| *part == Part::Train));
    }

    #[test]
    fn shares_that_leave_nothing_to_train_are_refused() {
        let examples = hall();
        let (labels, labelled) = prepare(&examples).unwrap();
        let settings = SplitSettings { validation: 0.5, test: 0.5, seed: 1 };
        let refused = split(&examples, &labelled, &labels, &Fixed::default(), &settings);
        assert!(matches!(refused, Err(SplitError::Shares { .. })));
    }
}
