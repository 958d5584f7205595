//! Asks at a steady rate, each kind of question in turn about another place, and times the answers.

use crate::{
    Settings,
    fill::{FIRST_RUN, Hall},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const DAY_US: i64 = 86_400_000_000;
/// The bar of a list and of a day's trend, milliseconds at the 99th percentile.
const LIST_MS: f64 = 20.0;
const TREND_MS: f64 = 50.0;

/// Answer times by kind of question.
pub type Answers = Arc<Mutex<BTreeMap<&'static str, Vec<Duration>>>>;

/// The same numbers on every machine (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}

/// The kinds of questions, each about a place that `dice` choose.
fn question(hall: &Hall, n: u64, dice: &mut Dice) -> (&'static str, String) {
    let plot = &hall.plots[dice.below(hall.plots.len() as u64) as usize].0;
    let span_us = hall.to_us - hall.from_us;
    let day = hall.from_us + (dice.below(span_us.max(1) as u64 / 1_000_000) as i64) * 1_000_000;
    let (from, to) = (day, day + DAY_US);
    let run = FIRST_RUN + dice.below(hall.last_run - FIRST_RUN + 1);
    match n % 20 {
        0 => ("plot types", "/plot-types?limit=100".into()),
        1 => ("images, newest", "/images".into()),
        2 => ("images of a plot type", format!("/images?plot_type={plot}")),
        3 => ("images of a plot type, past", format!("/images?plot_type={plot}&to_us={to}")),
        4 => ("images of a run", format!("/images?run={run}")),
        5 => ("predictions", format!("/plot-types/{plot}/predictions")),
        6 => (
            "predictions, past",
            format!("/plot-types/{plot}/predictions?from_us={from}&to_us={to}"),
        ),
        7 => ("log, last day", "/log".into()),
        8 => ("log, a past week", format!("/log?from_us={from}&to_us={}", from + 7 * DAY_US)),
        9 => (
            "log of a detector, 90 days",
            format!("/log?detector=D{}&from_us={from}&to_us={}", n % 8, from + 90 * DAY_US),
        ),
        10 => ("log of a run", format!("/log?run={run}")),
        11 => ("incidents, open", "/incidents".into()),
        12 => ("incidents, past", format!("/incidents?open=false&from_us={from}&to_us={to}")),
        13 => ("runs", "/runs".into()),
        14 => ("dead letters", "/dead-letters".into()),
        15 => ("latency by run", "/status/latency".into()),
        16 => ("calendar", "/status/calendar?limit=400".into()),
        17 => ("labels", "/labels".into()),
        18 => ("trend, last day", format!("/plot-types/{plot}/trend")),
        _ => ("trend, a past day", format!("/plot-types/{plot}/trend?from_us={from}&to_us={to}")),
    }
}

/// Asks for as long as `settings` say, after a short warm-up that does not count.
pub async fn run(url: &str, hall: &Hall, settings: &Settings) -> Answers {
    let answers = Answers::default();
    let client = reqwest::Client::new();
    let mut dice = Dice(1);
    let mut asked = JoinSet::new();
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / settings.rate.max(1)));
    let (begun, warm) = (Instant::now(), Duration::from_secs(5));
    let mut n = 0;
    while begun.elapsed() < warm + Duration::from_secs(settings.seconds) {
        beat.tick().await;
        let (kind, path) = question(hall, n, &mut dice);
        n += 1;
        let request = client.get(format!("{url}/api/v1{path}"));
        let answers = answers.clone();
        let counts = begun.elapsed() > warm;
        asked.spawn(async move {
            let sent = Instant::now();
            let answer = request.send().await.unwrap();
            let status = answer.status();
            let body = answer.bytes().await.unwrap();
            let took = sent.elapsed();
            assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
            if counts {
                answers.lock().unwrap().entry(kind).or_default().push(took);
            }
        });
        while let Some(done) = asked.try_join_next() {
            done.unwrap();
        }
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap();
    }
    answers
}

/// Prints the table; whether every kind kept its bar.
pub fn report(answers: Answers) -> bool {
    let mut kept = true;
    println!(
        "| question | answers | p50 ms | p99 ms | most ms | bar ms |\n|---|---|---|---|---|---|"
    );
    for (kind, times) in answers.lock().unwrap().iter_mut() {
        times.sort_unstable();
        let at = |share: f64| {
            times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
        };
        let bar = if kind.starts_with("trend") { TREND_MS } else { LIST_MS };
        kept &= at(0.99) <= bar;
        println!(
            "| {kind} | {} | {:.1} | {:.1} | {:.1} | {bar} |",
            times.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    println!();
    kept
}
