//! What happened in the hall: three runs, chunk by chunk, as a table of facts that every answer
//! is checked against.

use hydra_proto::{ContentHash, ImageId, ModelDigest, PlotTypeName, events::VerdictState};
use hydra_store::Kind;
use hydra_vision::write_rgb_png;

/// Between two chunks.
pub const CADENCE_US: i64 = 60_000_000;
/// Images a run; the last one goes on.
pub const RUNS: [(u32, u32); 3] = [(80_001, 40), (80_002, 40), (80_003, 20)];
/// Chunks of the first run in which `DC_occupancy` was not drawn.
pub const GAP: std::ops::RangeInclusive<u32> = 25..=28;

/// What a model said.
#[derive(Clone, Debug)]
pub struct Opinion {
    pub model: ModelDigest,
    pub label: &'static str,
    pub confidence: f32,
    pub threshold: f32,
    pub state: VerdictState,
    pub kind: Kind,
    /// In the order Good, Bad, NoData.
    pub scores: [f32; 3],
}

/// One image.
#[derive(Clone, Debug)]
pub struct Fact {
    pub id: ImageId,
    pub plot: PlotTypeName,
    pub run: u32,
    pub chunk: Option<u32>,
    pub taken_us: i64,
    pub beam: f64,
    pub png: Vec<u8>,
    pub content: ContentHash,
    /// Of the model whose verdict counts.
    pub verdict: Option<Opinion>,
    /// Of the model in the shadow.
    pub shadow: Option<Opinion>,
}

/// Labels of every model here.
pub const LABELS: [&str; 3] = ["Good", "Bad", "NoData"];

/// The models: first and second of the drift chambers, one in the shadow.
pub fn model(name: &str) -> ModelDigest {
    ModelDigest::of(manifest(name).as_bytes())
}

/// A manifest as the library keeps it.
pub fn manifest(name: &str) -> String {
    format!("{{\"name\":\"{name}\"}}")
}

fn opinion(model_name: &str, label: &'static str, confidence: f32, beam: f64) -> Opinion {
    let threshold = 0.7;
    let state = match confidence {
        c if c < 0.0 => VerdictState::Novel,
        c if c < threshold => VerdictState::Unconfirmed,
        _ => VerdictState::Confirmed,
    };
    let confidence = confidence.abs();
    let kind = match (state, label) {
        (VerdictState::Novel, _) => Kind::Novel,
        (VerdictState::Unconfirmed, _) => Kind::Unconfirmed,
        (_, "Bad") if beam >= 5.0 => Kind::Bad,
        (_, "Bad") => Kind::Neutral,
        _ => Kind::Fine,
    };
    let rest = (1.0 - confidence) / 2.0;
    let scores = LABELS.map(|name| if name == label { confidence } else { rest });
    Opinion { model: model(model_name), label, confidence, threshold, state, kind, scores }
}

/// What the drift chambers' occupancy was: label and confidence; below zero is novel.
fn occupancy(run: u32, chunk: u32) -> (&'static str, f32) {
    match (run, chunk) {
        (80_001, 10..=14) => ("Bad", 0.9),
        (80_001, 20) => ("Bad", 0.6),
        (80_001, 22) => ("Bad", 0.95), // without beam
        (80_001, 30..=31) => ("Good", -0.8),
        (80_002, 5..=8) => ("NoData", 0.99),
        (80_003, 18..) => ("Bad", 0.97),
        _ => ("Good", 0.9 + (chunk % 10) as f32 / 200.0),
    }
}

fn picture(seed: u32) -> Vec<u8> {
    let rgb: Vec<u8> = (0..48 * 32 * 3).map(|i: u32| (i * 7 + seed * 31) as u8).collect();
    let mut png = write_rgb_png(48, 32, &rgb);
    if seed.is_multiple_of(5) {
        // what a browser could take for a page, if it were sent as it came
        png.extend_from_slice(b"<html><script>alert(document.domain)</script></html>");
    }
    png
}

fn fact(plot: &str, run: u32, chunk: Option<u32>, taken_us: i64) -> Fact {
    let plot: PlotTypeName = plot.parse().unwrap();
    let seed = run * 1_000 + chunk.unwrap_or(0) + plot.as_str().len() as u32 * 100_000;
    let png = picture(seed);
    let content = ContentHash::of(&png);
    let beam = if (run, chunk) == (80_001, Some(22)) { 0.0 } else { 42.5 };
    let id = ImageId::of(&plot, run, chunk, &content);
    Fact { id, plot, run, chunk, taken_us, beam, png, content, verdict: None, shadow: None }
}

/// All that happened up to `now_us`, in the order in which it came.
pub fn facts(now_us: i64) -> Vec<Fact> {
    let mut facts = Vec::new();
    let total: u32 = RUNS.iter().map(|(_, chunks)| chunks).sum();
    let mut at_us = now_us - i64::from(total) * CADENCE_US - 10_000_000;
    for (run, chunks) in RUNS {
        for chunk in 1..=chunks {
            at_us += CADENCE_US;
            let drawn = run != 80_001 || !GAP.contains(&chunk);
            if drawn {
                let mut dc = fact("DC_occupancy", run, Some(chunk), at_us);
                let (label, confidence) = occupancy(run, chunk);
                let of = if run == 80_003 { "second" } else { "first" };
                dc.verdict = Some(opinion(of, label, confidence, dc.beam));
                facts.push(dc);
            }
            // chunk 3 of a run has the very time of chunk 2: only ids tell them apart
            let tied_us = if chunk == 3 { at_us - CADENCE_US } else { at_us };
            let mut tdc = fact("DC_tdc", run, Some(chunk), tied_us);
            tdc.verdict = Some(opinion("first", "Good", 0.99, tdc.beam));
            tdc.shadow = Some(opinion("shadow", "Bad", 0.8, tdc.beam));
            facts.push(tdc);
            facts.push(fact("CDC_occupancy", run, Some(chunk), at_us));
            if chunk == 1 {
                let mut cup = fact("Faraday Cup", run, None, at_us + 1);
                let label = if run == 80_002 { "Bad" } else { "Good" };
                cup.verdict = Some(opinion("first", label, 0.88, cup.beam));
                facts.push(cup);
                facts.push(fact("Stray plot-01", run, Some(0), at_us + 2));
            }
        }
    }
    facts
}
