use super::*;
use hydra_proto::ImageId;
use hydra_store::{
    catalog::{Seconds, Spec},
    read::DetectorRow,
};

const RUN: Span = Span { from_us: 0, to_us: 1_000 };

fn declared(cadence_us: Option<f64>) -> Declared {
    let row = |id: i32, name: &str| PlotTypeRow {
        id,
        name: name.parse().unwrap(),
        detector_id: Some(1),
        state: PlotTypeState::Declared,
        spec: Spec {
            cadence_s: cadence_us.map(|us| Seconds::try_from(us / 1e6).unwrap()),
            ..Default::default()
        },
        releases: BTreeMap::new(),
    };
    let detector =
        DetectorRow { id: 1, name: "DC".into(), contact: String::new(), guidance: String::new() };
    Declared {
        detectors: vec![detector],
        plot_types: vec![row(1, "A"), row(2, "B")],
        ..Default::default()
    }
}

fn image(plot_type_id: i32, taken_us: i64, label: &str, kind: Kind) -> Mention {
    let mut id = [0_u8; 24];
    id[16..].copy_from_slice(&taken_us.to_be_bytes());
    let state = match kind {
        Kind::Unconfirmed => VerdictState::Unconfirmed,
        Kind::Novel => VerdictState::Novel,
        _ => VerdictState::Confirmed,
    };
    Mention {
        image: ImageId::from_bytes(id),
        plot_type_id,
        taken_us,
        verdict: Some((label.into(), state, kind)),
        label: None,
    }
}

fn every_100(plot_type_id: i32) -> Vec<Mention> {
    (1..=10).map(|i| image(plot_type_id, i * 100, "Good", Kind::Fine)).collect()
}

fn text(intervals: &[QualityInterval]) -> Vec<String> {
    let line = |i: &QualityInterval| {
        format!(
            "{}-{} {:?} {:?} {}",
            i.from_us,
            i.to_us,
            i.verdict,
            i.source,
            i.plot_types.join("+")
        )
    };
    intervals.iter().map(line).collect()
}

fn of(declared: &Declared, mentions: &[Mention]) -> Vec<String> {
    text(&intervals(7, RUN, declared, mentions, &HashSet::new()))
}

#[test]
fn a_run_of_good_plots_is_one_good_interval() {
    let images = [every_100(1), every_100(2)].concat();
    assert_eq!(of(&declared(Some(100.0)), &images), ["0-1000 Good Model "]);
}

#[test]
fn a_bad_plot_spoils_the_time_it_shows_and_no_more() {
    let mut images = [every_100(1), every_100(2)].concat();
    images[4] = image(1, 500, "Bad", Kind::Bad);
    assert_eq!(
        of(&declared(Some(100.0)), &images),
        ["0-400 Good Model ", "400-500 Bad Model A", "500-1000 Good Model "]
    );
}

#[test]
fn a_gap_is_unknown_explicitly() {
    let mut images = every_100(1);
    images.retain(|m| m.taken_us <= 300 || m.taken_us >= 800);
    assert_eq!(
        of(&declared(Some(100.0)), &images),
        ["0-300 Good Model ", "300-650 Unknown None A", "650-1000 Good Model "]
    );
}

#[test]
fn a_person_outweighs_the_model() {
    let mut images = every_100(1);
    images[4] = image(1, 500, "Bad", Kind::Bad);
    images[4].label = Some("Good".into());
    images[7].label = Some("Bad".into());
    assert_eq!(
        of(&declared(Some(100.0)), &images),
        [
            "0-400 Good Model ",
            "400-500 Good Person ",
            "500-700 Good Model ",
            "700-800 Bad Person A",
            "800-1000 Good Model "
        ]
    );
}

#[test]
fn what_is_not_sure_is_unknown_and_so_is_bad_without_beam() {
    for kind in [Kind::Unconfirmed, Kind::Novel, Kind::Neutral] {
        let mut images = every_100(1);
        images[4] = image(1, 500, "Bad", kind);
        let lines = of(&declared(Some(100.0)), &images);
        assert_eq!(lines[1], "400-500 Unknown Model A", "{kind:?}");
    }
}

#[test]
fn a_plot_type_without_a_model_decides_nothing() {
    let mut unjudged = every_100(2);
    unjudged.iter_mut().for_each(|m| m.verdict = None);
    let images = [every_100(1), unjudged].concat();
    assert_eq!(of(&declared(Some(100.0)), &images), ["0-1000 Good Model "]);
}

#[test]
fn what_a_model_was_to_watch_and_what_did_not_come_is_unknown_for_the_run() {
    let with = |images: &[Mention], watched: &[i32]| {
        let watched = watched.iter().copied().collect();
        text(&intervals(7, RUN, &declared(Some(100.0)), images, &watched))
    };
    assert_eq!(with(&every_100(1), &[1, 2]), ["0-1000 Unknown None B"]);
    assert_eq!(with(&[], &[1, 2]), ["0-1000 Unknown None A+B"]);
    assert_eq!(with(&every_100(1), &[1]), ["0-1000 Good Model "], "B had no model");
    let mut images = every_100(1);
    images[4] = image(1, 500, "Bad", Kind::Bad);
    let told = with(&images, &[1, 2]);
    assert_eq!(told[1], "400-500 Bad Model A", "what is Bad is so whatever else is missing");
    let mut unjudged = every_100(2);
    unjudged.iter_mut().for_each(|m| m.verdict = None);
    let both = [every_100(1), unjudged].concat();
    assert_eq!(with(&both, &[1, 2]), ["0-1000 Unknown None B"], "it came, its model was silent");
}

#[test]
fn one_set_a_run_speaks_for_its_run() {
    let images = [image(1, 900, "Good", Kind::Fine), image(2, 901, "Bad", Kind::Bad)];
    assert_eq!(of(&declared(None), &images), ["0-1000 Bad Model B"]);
}

#[test]
fn a_detector_that_nobody_judged_is_unknown() {
    assert_eq!(of(&declared(Some(100.0)), &[]), ["0-1000 Unknown None "]);
}

#[test]
fn intervals_cover_the_run_without_hole_or_overlap() {
    let mut seed = 7_u64;
    let mut dice = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    for _ in 0..200 {
        let images: Vec<Mention> = (0..dice(30))
            .map(|_| {
                let kinds = [Kind::Fine, Kind::Bad, Kind::Unconfirmed, Kind::Neutral];
                let kind = kinds[dice(4) as usize];
                let label = if kind == Kind::Fine { "Good" } else { "Bad" };
                image(1 + dice(2) as i32, dice(1_200) as i64 - 100, label, kind)
            })
            .collect();
        let watched = if dice(2) == 0 { HashSet::new() } else { HashSet::from([1, 2]) };
        let found = intervals(7, RUN, &declared(Some(60.0)), &images, &watched);
        assert_eq!((found[0].from_us, found[found.len() - 1].to_us), (0, 1_000));
        assert!(found.windows(2).all(|pair| pair[0].to_us == pair[1].from_us));
    }
}

#[test]
fn csv_has_a_head_and_a_line_each() {
    let images = [image(1, 9, "Bad", Kind::Bad)];
    let intervals = intervals(7, RUN, &declared(None), &images, &HashSet::new());
    assert_eq!(
        csv(&intervals),
        "detector,run,from_us,to_us,verdict,source,plot_types\r\n\"DC\",7,0,1000,bad,model,\"A\"\r\n"
    );
}
