//! Splits of made-up labels.

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
    let parts = split(examples, &labelled, &labels, fixed, &settings, None)?;
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
                8 => assert_ne!(*part, Part::Test),
                _ => {}
            }
        }
    }
    let crossed = Fixed { test: of_run(5), trained: of_run(5) };
    assert_eq!(run(&examples, &crossed, 1).unwrap_err(), SplitError::Crossed { run: 5 });
}

#[test]
fn what_was_split_once_can_be_split_again() {
    let examples = hall();
    let (labelled, parts) = run(&examples, &Fixed::default(), 1).unwrap();
    let of = |wanted: fn(&Part) -> bool| -> HashSet<ImageId> {
        let kept = labelled.iter().zip(&parts).filter(|(_, part)| wanted(part));
        kept.map(|(one, _)| examples[one.example].image).collect()
    };
    let test = of(|part| *part == Part::Test);
    let fixed = Fixed { trained: of(|part| *part != Part::Test), test: test.clone() };
    for seed in 1..4 {
        let (labelled, parts) = run(&examples, &fixed, seed).unwrap();
        let now = labelled.iter().zip(&parts).filter(|(_, part)| **part == Part::Test);
        let now: HashSet<ImageId> = now.map(|(one, _)| examples[one.example].image).collect();
        assert_eq!(now, test, "the test set is frozen");
        assert!(parts.contains(&Part::Validation) && parts.contains(&Part::Train));
    }
}

#[test]
fn within_runs_a_class_of_one_run_is_cut_into_blocks_of_chunks() {
    let mut examples: Vec<Example> = (0..40).map(|i| example(i, i, "Good")).collect();
    for chunk in 0..30 {
        let label = if chunk < 12 { "Good" } else { "Bad" };
        let mut one = example(1000 + chunk, 7, label);
        one.chunk = Some(chunk);
        one.image = ImageId::of(&one.plot_type, 7, one.chunk, &one.content);
        examples.push(one);
    }
    assert!(matches!(
        run(&examples, &Fixed::default(), 1),
        Err(SplitError::TooFewRuns { runs: 1, .. })
    ));
    let (labels, labelled) = prepare(&examples).unwrap();
    let settings = SplitSettings { within_runs: true, ..Default::default() };
    let split =
        |fixed: &Fixed| split(&examples, &labelled, &labels, fixed, &settings, None).unwrap();
    let parts = split(&Fixed::default());
    let of_chunks: Vec<Part> = labelled
        .iter()
        .zip(&parts)
        .filter(|(one, _)| examples[one.example].run == 7)
        .map(|(_, part)| *part)
        .collect();
    let changes = of_chunks.windows(2).filter(|two| two[0] != two[1]).count();
    assert_eq!(changes, 2, "three blocks, each in one piece: {of_chunks:?}");
    let few = classes_of_few_runs(&examples, &labelled, &labels, &settings);
    assert_eq!(few.iter().map(Label::as_str).collect::<Vec<_>>(), ["Bad"]);
    let ids = |wanted: fn(&Part) -> bool| -> HashSet<ImageId> {
        let kept = labelled.iter().zip(&parts).filter(|(_, part)| wanted(part));
        kept.map(|(one, _)| examples[one.example].image).collect()
    };
    let fixed = Fixed { test: ids(|p| *p == Part::Test), trained: ids(|p| *p != Part::Test) };
    let again = split(&fixed);
    let test = |parts: &[Part]| parts.iter().map(|p| *p == Part::Test).collect::<Vec<_>>();
    assert_eq!(test(&again), test(&parts), "the test set is frozen here, too");
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
    let settings = SplitSettings { validation: 0.5, test: 0.5, ..Default::default() };
    let refused = split(&examples, &labelled, &labels, &Fixed::default(), &settings, None);
    assert!(matches!(refused, Err(SplitError::Shares { .. })));
}
