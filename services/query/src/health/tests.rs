use super::*;
use hydra_store::heartbeat::{Beat, Body, Queue};

const NOW: i64 = 1_800_000_000_000_000;

fn heard(role: &str, age_s: i64) -> Heard {
    let beat = Beat {
        instance: format!("{role}-1"),
        role: role.into(),
        ready: true,
        started_us: NOW - 3_600_000_000,
        ..Default::default()
    };
    Heard { beat, beat_us: NOW - age_s * 1_000_000 }
}

fn health_of(heard: &[Heard], role: &str) -> RoleHealth {
    let all = roles(heard, &Lags::default(), NOW);
    all.into_iter().find(|one| one.role == role).unwrap()
}

#[test]
fn a_role_that_never_started_is_said_to_be_so() {
    assert_eq!(health_of(&[], "infer").health, Health::Down);
    let train = health_of(&[], "train");
    assert_eq!(train.health, Health::Never);
    assert!(!train.meaning.is_empty() && !train.advice.is_empty());
}

#[test]
fn a_role_is_well_while_it_reports_and_down_when_it_stops() {
    assert_eq!(health_of(&[heard("keep", 4)], "keep").health, Health::Well);
    let gone = health_of(&[heard("keep", 90)], "keep");
    assert_eq!(gone.health, Health::Down);
    assert!(gone.meaning.contains("90 s") && gone.advice.contains("hydra run keep"));
    assert_eq!(gone.alive_since_us, None);
}

#[test]
fn one_dead_instance_beside_a_living_one_is_listed_but_no_trouble() {
    let mut dead = heard("infer", 500);
    dead.beat.instance = "infer-2".into();
    let both = health_of(&[heard("infer", 1), dead], "infer");
    assert_eq!(both.health, Health::Well);
    assert_eq!(both.instances.iter().filter(|one| one.alive).count(), 1);
}

#[test]
fn a_role_that_reports_but_takes_nothing_is_down() {
    let mut lags = Lags::default();
    let with = |age_s| {
        let mut one = heard("keep", age_s);
        one.beat.body.queues.insert("keep".into(), Queue { ready: 12, ..Default::default() });
        one
    };
    let keep = |lags: &Lags| {
        let all = roles(&[with(0)], lags, NOW);
        all.into_iter().find(|one| one.role == "keep").unwrap()
    };
    lags.note(&[with(5)], NOW - 5_000_000);
    lags.note(&[with(0)], NOW);
    assert_eq!(keep(&lags).health, Health::Well, "they may have come this moment");
    let mut lags = Lags::default();
    for age_s in [35, 20, 5, 0] {
        lags.note(&[with(age_s)], NOW - age_s * 1_000_000);
    }
    let keep = keep(&lags);
    assert_eq!(keep.health, Health::Down);
    assert!(keep.meaning.contains("35 s") && keep.meaning.contains("12 images"));
    assert!(keep.advice.contains("again"));
}

#[test]
fn a_component_that_is_not_well_is_named() {
    let mut sick = heard("infer", 1);
    sick.beat.ready = false;
    sick.beat.body.components.insert("models".into(), Some("none loads".into()));
    let infer = health_of(&[sick], "infer");
    assert_eq!(infer.health, Health::Down);
    assert!(infer.meaning.contains("none loads"));
}

#[test]
fn the_pipeline_names_who_is_silent_and_adds_what_waits() {
    let mut infer = heard("infer", 1);
    let queue = Queue { ready: 7, ..Default::default() };
    infer.beat.body = Body { queues: [("infer".to_owned(), queue)].into(), ..Default::default() };
    let pipeline = pipeline(&[infer, heard("keep", 99)], &Lags::default(), NOW);
    assert_eq!(pipeline.waiting, 7);
    assert_eq!(pipeline.silent, ["ingest", "resize", "keep"]);
}

#[test]
fn what_one_instance_misses_of_the_broker_is_not_hidden_by_the_next() {
    let with = |instance: &str, trouble: Option<&str>| {
        let mut one = heard("infer", 1);
        one.beat.instance = instance.into();
        let queue = Queue { consumers: 1, ..Default::default() };
        one.beat.body.queues.insert("infer".into(), queue);
        let trouble = trouble.map(str::to_owned);
        one.beat.body.components.insert("broker: infer".into(), trouble);
        one
    };
    let both = [with("infer-1", Some("session lost")), with("infer-2", None)];
    let part = broker(&both, NOW);
    assert_eq!((part.health, part.meaning.as_str()), (Health::Down, "session lost"));
    assert_eq!(broker(&both[1..], NOW).health, Health::Well);
}

#[test]
fn every_red_line_says_what_to_do() {
    for role in roles(&[], &Lags::default(), NOW) {
        assert!(!role.meaning.is_empty() && !role.advice.is_empty(), "{}", role.role);
    }
    for part in [database(0, Duration::ZERO, NOW), blob_store(Err("gone".into()))] {
        assert!(!part.advice.is_empty(), "{}", part.part);
    }
}
