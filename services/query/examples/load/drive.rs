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

/// What is asked about when: a plot type, a run, a past day.
struct Place<'a> {
    plot: &'a str,
    run: u64,
    from: i64,
    to: i64,
    n: u64,
}

type Question = fn(&Place<'_>) -> String;

/// The kinds of questions.
const QUESTIONS: [(&str, Question); 32] = [
    ("plot types", |_| "/plot-types?limit=100".into()),
    ("detectors", |_| "/detectors".into()),
    ("groups", |_| "/groups".into()),
    ("models", |_| "/models".into()),
    ("models, released, of a plot type", |p| format!("/models?released=true&plot_type={}", p.plot)),
    ("images, newest", |_| "/images".into()),
    ("images of a plot type", |p| format!("/images?plot_type={}", p.plot)),
    ("images of a plot type, past", |p| format!("/images?plot_type={}&to_us={}", p.plot, p.to)),
    ("images of a plot type, oldest", |p| format!("/images?plot_type={}&order=oldest", p.plot)),
    ("images of a plot type, oldest of a past time", |p| {
        format!("/images?plot_type={}&order=oldest&from_us={}", p.plot, p.from)
    }),
    ("images of a run", |p| format!("/images?run={}", p.run)),
    ("predictions", |p| format!("/plot-types/{}/predictions", p.plot)),
    ("predictions, past", |p| {
        format!("/plot-types/{}/predictions?from_us={}&to_us={}", p.plot, p.from, p.to)
    }),
    ("log, last day", |_| "/log".into()),
    ("log, a past week", |p| format!("/log?from_us={}&to_us={}", p.from, p.from + 7 * DAY_US)),
    ("log of a detector, 90 days", |p| {
        let to = p.from + 90 * DAY_US;
        format!("/log?detector=D{}&from_us={}&to_us={to}", p.n % 8, p.from)
    }),
    ("log, ever", |_| "/log?from_us=0".into()),
    ("log of a plot type, ever", |p| format!("/log?from_us=0&plot_type={}", p.plot)),
    ("log of a detector, one kind, ever", |p| {
        format!("/log?from_us=0&detector=D{}&kind=novel", p.n % 8)
    }),
    ("log of a run", |p| format!("/log?run={}", p.run)),
    ("incidents, open", |_| "/incidents".into()),
    ("incidents, past", |p| format!("/incidents?open=false&from_us={}&to_us={}", p.from, p.to)),
    ("runs", |_| "/runs".into()),
    ("quality of a run", |p| format!("/quality?run={}", p.run)),
    ("quality of a detector and run, table", |p| {
        format!("/quality?run={}&detector=D{}&format=csv", p.run, p.n % 8)
    }),
    ("dead letters", |_| "/dead-letters".into()),
    ("latency by run", |_| "/status/latency".into()),
    ("calendar", |_| "/status/calendar?limit=400".into()),
    ("labels", |_| "/labels".into()),
    ("trend, last day", |p| format!("/plot-types/{}/trend", p.plot)),
    ("trend, a past day", |p| {
        format!("/plot-types/{}/trend?from_us={}&to_us={}", p.plot, p.from, p.to)
    }),
    ("why", |p| format!("/plot-types/{}/why?at_us={}", p.plot, p.from)),
];

/// So many pages of a thousand are walked into a list before its far pages are asked for.
const DEEP: usize = 100;

/// Lists of which pages far behind the first one are asked for.
fn long_lists(hall: &Hall) -> [(&'static str, String); 6] {
    let plot = &hall.plots[0].0;
    [
        ("images, far in", "/images?".into()),
        ("images of a plot type, far in", format!("/images?plot_type={plot}&")),
        (
            "images of a plot type, oldest, far in",
            format!("/images?plot_type={plot}&order=oldest&"),
        ),
        (
            "predictions, far in",
            format!("/plot-types/{plot}/predictions?from_us={}&", hall.from_us),
        ),
        ("log, far in", "/log?from_us=0&".into()),
        ("runs, far in", "/runs?".into()),
    ]
}

/// Addresses of pages far in: every tenth of those that were walked over, and the last.
async fn far_pages(url: &str, list: &str) -> Vec<String> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    for n in 1..=DEEP {
        let answer = reqwest::get(format!("{url}/api/v1{list}limit=1000{cursor}")).await.unwrap();
        assert_eq!(answer.status(), 200, "{list}");
        let page: serde_json::Value = answer.json().await.unwrap();
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        if n % 10 == 0 || pages.is_empty() {
            pages.push(format!("{list}limit=100{cursor}"));
        }
    }
    pages
}

/// The next question, about a place that `dice` choose; `far` are the pages far in.
fn question(
    hall: &Hall,
    far: &[(&'static str, Vec<String>)],
    n: u64,
    dice: &mut Dice,
) -> (&'static str, String) {
    let plot = &hall.plots[dice.below(hall.plots.len() as u64) as usize].0;
    let span_us = hall.to_us - hall.from_us;
    let from = hall.from_us + (dice.below(span_us.max(1) as u64 / 1_000_000) as i64) * 1_000_000;
    let run = FIRST_RUN + dice.below(hall.last_run - FIRST_RUN + 1);
    let at = (n % (QUESTIONS.len() + far.len()) as u64) as usize;
    if let Some((kind, pages)) = at.checked_sub(QUESTIONS.len()).and_then(|at| far.get(at)) {
        return (*kind, pages[dice.below(pages.len() as u64) as usize].clone());
    }
    let place = Place { plot: plot.as_str(), run, from, to: from + DAY_US, n };
    let (kind, ask) = QUESTIONS[at];
    (kind, ask(&place))
}

/// Asks for as long as `settings` say, after a short warm-up that does not count.
pub async fn run(url: &str, hall: &Hall, settings: &Settings) -> Answers {
    let answers = Answers::default();
    let client = reqwest::Client::new();
    let mut dice = Dice(1);
    let mut far = Vec::new();
    for (kind, list) in long_lists(hall) {
        let pages = far_pages(url, &list).await;
        if pages.is_empty() {
            println!("{kind}: there is one page only; not asked");
        } else {
            far.push((kind, pages));
        }
    }
    let mut asked = JoinSet::new();
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / settings.rate.max(1)));
    let (begun, warm) = (Instant::now(), Duration::from_secs(5));
    let mut n = 0;
    while begun.elapsed() < warm + Duration::from_secs(settings.seconds) {
        beat.tick().await;
        let (kind, path) = question(hall, &far, n, &mut dice);
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

/// What reads two hours or a day of one plot type.
fn is_trend(kind: &str) -> bool {
    kind.starts_with("trend") || kind == "why"
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
        let bar = if is_trend(kind) { TREND_MS } else { LIST_MS };
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
