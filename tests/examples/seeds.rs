//! What the fuzz targets begin with, a file each: `cargo run -p e2e --example seeds -- fuzz/corpus`.

#![allow(clippy::unwrap_used)]

use e2e::Plot;
use hydra_model::{
    onnx,
    samples::{Sample, classifier},
};
use hydra_proto::{Event, events::*, registry::InputShape};
use hydra_vision::{Limits, Workbench, corpus};
use std::{fs, path::PathBuf};

/// Larger files teach a fuzzer nothing but patience.
const MAX_BYTES: usize = 64 << 10;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    write(&folder.join("decode"), pictures());
    write(&folder.join("names"), NAMES.map(|(name, path)| (name.to_owned(), path.into())));
    write(&folder.join("messages"), messages());
    write(&folder.join("model_scan"), networks());
}

fn write(folder: &PathBuf, seeds: impl IntoIterator<Item = (String, Vec<u8>)>) {
    fs::create_dir_all(folder).unwrap();
    let mut written = 0;
    for (name, bytes) in seeds {
        fs::write(folder.join(name.replace(['/', ' ', ':'], "_")), bytes).unwrap();
        written += 1;
    }
    println!("wrote {written} seeds to {}", folder.display());
}

/// The bad-input corpus, without cuts and flips, which a fuzzer finds by itself.
fn pictures() -> impl Iterator<Item = (String, Vec<u8>)> {
    let found = |name: &str| name.contains("/truncated/") || name.contains("/flipped/");
    let cases = corpus::all().into_iter();
    cases
        .filter(move |case| case.bytes.len() <= MAX_BYTES && !found(&case.name))
        .map(|case| (case.name, case.bytes))
}

const NAMES: [(&str, &str); 5] = [
    ("rsai", "RunPeriod-2021-08/Run081000/BCAL_0002.PNG"),
    ("mon12", "/x/clas12mon_18777_06-13-2023_10.41.01_PM/DC_occupancy.png"),
    ("panguin", "Run4711/dc_wires_run_4711.png"),
    ("label", "Good"),
    ("traversal", "../Run1/.plot_0001.png"),
];

/// One of each event behind the byte that chooses it, and headers.
fn messages() -> Vec<(String, Vec<u8>)> {
    let plot = Plot::new(1);
    let image = Image {
        id: plot.id().as_bytes().to_vec().into(),
        plot_type: plot.plot_type.into(),
        run: plot.run,
        chunk: Some(plot.chunk),
        run_period: "RunPeriod-2021-08".into(),
        conditions_json: r#"{"beam_nA": 120.5}"#.into(),
        ..Image::default()
    };
    let shape = InputShape { width: 3, height: 2, channels: 1, letterbox: true };
    let pixels = Workbench::new(Limits::default()).open(&plot.png).unwrap().pixels(&shape);
    let image = Some(image);
    let resized = ImageResized {
        image: image.clone(),
        pixels: vec![pixels.clone()],
        sight: Some(Sight { panels: vec![Panel::default()], ..Sight::default() }),
        ..ImageResized::default()
    };
    let score = Score { label: "Good".into(), probability: f32::NAN };
    let prediction =
        Prediction { scores: vec![score], p_value: Some(0.01), ..Prediction::default() };
    let inferred = ImageInferred {
        image: image.clone(),
        predictions: vec![prediction],
        ..ImageInferred::default()
    };
    let wanted =
        HeatmapWanted { image: image.clone(), pixels: Some(pixels), ..HeatmapWanted::default() };
    let buried = MessageBuried { image: image.clone(), ..MessageBuried::default() };
    let changed = AlarmChanged { image: image.clone(), ..AlarmChanged::default() };
    let training = TrainingWanted { plot_types: vec!["a".into()], ..TrainingWanted::default() };
    let facts = "BCAL\n1000\nRunPeriod-2021-08\n7\n2026-01-01T00:00:00Z\nrsai\n{\"beam\": 1}";
    vec![
        event(0, &ImageIngested { image }),
        event(1, &resized),
        event(2, &inferred),
        event(3, &wanted),
        event(4, &HeatmapMade { maximum: 0.5, ..HeatmapMade::default() }),
        event(5, &buried),
        event(6, &changed),
        event(7, &training),
        ("headers".to_owned(), [&[8], facts.as_bytes()].concat()),
    ]
}

fn event<E: Event>(choice: u8, event: &E) -> (String, Vec<u8>) {
    (E::NAME.to_owned(), [&[choice][..], &event.encode_to_vec()].concat())
}

fn networks() -> [(String, Vec<u8>); 1] {
    [("classifier".to_owned(), onnx::encode(&classifier(&Sample::default())))]
}
