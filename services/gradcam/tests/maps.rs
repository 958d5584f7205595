//! Maps of every kind of model, for any class and any image.
#![allow(clippy::unwrap_used)]

use hydra_blobs::{Blobs, BlobsConfig};
use hydra_gradcam::Gradcam;
use hydra_model::{
    Bundle, Library, Runtime, RuntimeConfig, Session, Stopper, Tensor,
    import::{ImportRequest, Source, import},
    manifest::Method,
    onnx::{self, DataType, Dim, GraphProto, node, value_info},
    prepare,
    samples::{Head, Sample, classifier, head_of, noise, trunk},
    scan::{Limits, scan},
};
use hydra_proto::{
    ContentHash, Event, Label,
    event::decode,
    events::{HeatmapMade, HeatmapWanted, Image, Pixels},
    registry::InputShape,
};
use hydra_stage::{Failure, Stage};
use hydra_vision::{Map, Workbench, write_rgb_png};

const SHAPE: InputShape = InputShape { width: 24, height: 20, channels: 3, letterbox: false };

fn runtime() -> Runtime {
    Runtime::load(&RuntimeConfig::default()).unwrap()
}

fn request(labels: &[&str]) -> ImportRequest {
    let labels: Vec<Label> = labels.iter().map(|l| l.parse().unwrap()).collect();
    ImportRequest::new(labels, "2026-01-01T00:00:00Z")
}

fn three() -> ImportRequest {
    request(&["Good", "Bad", "Hot"])
}

fn bundle(sample: Sample, request: &ImportRequest, change: impl FnOnce(&mut GraphProto)) -> Bundle {
    let mut model = classifier(&sample);
    change(model.graph.as_mut().unwrap());
    import(Source::Network(&onnx::encode(&model)), request, &runtime()).unwrap().bundle
}

struct Bench {
    gradcam: Gradcam,
    library: Library,
}

impl Bench {
    async fn with(bundles: &[&Bundle]) -> Self {
        let memory = BlobsConfig { url: "memory:".into() };
        let library = Library::new(Blobs::open(&memory).await.unwrap());
        for bundle in bundles {
            library.add(bundle).await.unwrap();
        }
        let gradcam = Gradcam::new(library.clone(), &runtime(), 2).unwrap();
        Self { gradcam, library }
    }

    async fn made(&self, wanted: HeatmapWanted) -> Result<(HeatmapMade, Map), Failure> {
        let done = self.gradcam.handle(vec![wanted]).await.remove(0)?;
        assert_eq!(done.outgoing.len(), 1);
        let made: HeatmapMade = decode(HeatmapMade::NAME, done.outgoing[0].body.clone()).unwrap();
        let key = ContentHash::from_slice(&made.map).unwrap();
        let png = self.library.blobs().get(&key).await.unwrap();
        Ok((made, Map::from_png(&png).unwrap()))
    }
}

fn picture(seed: u64) -> Vec<u8> {
    write_rgb_png(SHAPE.width, SHAPE.height, &noise(SHAPE.size_bytes(), seed))
}

fn packed(png: &[u8], shape: &InputShape) -> Pixels {
    Workbench::default().open(png).unwrap().pixels(shape)
}

fn wanted(bundle: &Bundle, label: &str, png: &[u8], pixels: Option<Pixels>) -> HeatmapWanted {
    let image = Image {
        id: vec![7; 24].into(),
        plot_type: "A".into(),
        content: ContentHash::of(png).to_field(),
        ..Image::default()
    };
    let model = bundle.digest.to_field();
    HeatmapWanted { image: Some(image), model, label: label.into(), pixels }
}

#[tokio::test]
async fn the_map_of_a_pooled_network_is_its_heads_weights_times_its_maps() {
    let sample = Sample::default();
    let bundle = bundle(sample, &three(), |_| {});
    let bench = Bench::with(&[&bundle]).await;
    let png = picture(1);
    // by hand: the network as it was written, its last maps and the head's own weights
    let graph = classifier(&sample).graph.unwrap();
    let weights = graph.initializer.iter().find(|t| t.name == "fc.weight").unwrap();
    let weights = onnx::floats(weights).unwrap();
    let file = &bundle.files[&bundle.manifest.graphs.body()];
    let input = &bundle.manifest.input;
    let checked = scan(file, &Limits::default()).unwrap();
    let checked = checked.sized(&[(&input.name, input.dims(1))]).unwrap();
    let mut session = Session::open(&runtime(), &checked.into_file(), None).unwrap();
    let mut values = Vec::new();
    prepare::append(input, &noise(SHAPE.size_bytes(), 1), &mut values).unwrap();
    let tensor = Tensor { name: &input.name, shape: &input.dims(1), values: &values };
    let stopper = Stopper::new(&runtime()).unwrap();
    let maps = session.run(&[tensor], &["relu2"], &stopper).unwrap().remove(0);
    let places = 12 * 10;
    for (number, label) in ["Good", "Bad", "Hot"].into_iter().enumerate() {
        let cam: Vec<f32> = (0..places)
            .map(|place| {
                (0..sample.maps)
                    .map(|c| weights[number * sample.maps + c] * maps.values[c * places + place])
                    .sum::<f32>()
                    / places as f32
            })
            .collect();
        let (by_hand, maximum) = Map::from_weights(12, 10, &cam).unwrap();
        let event = wanted(&bundle, label, &png, Some(packed(&png, &SHAPE)));
        let (made, map) = bench.made(event).await.unwrap();
        assert_eq!(made.method, "grad-cam");
        assert_eq!((made.image_id.len(), made.label.as_str()), (24, label));
        assert!((made.maximum - maximum).abs() <= 1e-4 * maximum, "{} {maximum}", made.maximum);
        let worst = map.values().iter().zip(by_hand.values()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst.unwrap() <= 1, "{label}: off by {worst:?} of 255");
    }
}

#[tokio::test]
async fn every_head_has_its_method_and_every_class_its_map() {
    for (head, method) in [
        (Head::Mean, "grad-cam"),
        (Head::MaxPooled, "gradient"),
        (Head::AveragePooled, "gradient"),
        (Head::Convolved, "grad-cam"),
        (Head::Branched, "gradient"),
        (Head::Unknown, "eigen-cam"),
    ] {
        let bundle = bundle(Sample { head, softmax: true, ..Sample::default() }, &three(), |_| {});
        let bench = Bench::with(&[&bundle]).await;
        let png = picture(1);
        let mut maps = Vec::new();
        for label in ["Good", "Bad", "Hot"] {
            let event = wanted(&bundle, label, &png, Some(packed(&png, &SHAPE)));
            let (made, map) = bench.made(event).await.unwrap();
            assert_eq!((made.method.as_str(), map.width(), map.height()), (method, 12, 10));
            maps.push((map, made.maximum));
        }
        // what is no class's own is the same for all
        let alike = maps[0] == maps[1] && maps[1] == maps[2];
        assert_eq!(alike, method == "eigen-cam", "{head:?}");
    }
}

#[tokio::test]
async fn two_labels_of_one_score_are_explained_in_opposite_directions() {
    let sample = Sample { labels: 1, maps: 4, ..Sample::default() };
    let bundle = bundle(sample, &request(&["Good", "Bad"]), |_| {});
    let bench = Bench::with(&[&bundle]).await;
    let png = picture(1);
    let map = |label| bench.made(wanted(&bundle, label, &png, Some(packed(&png, &SHAPE))));
    let (good, bad) = (map("Good").await.unwrap().1, map("Bad").await.unwrap().1);
    // a place speaks for one of them at most
    let both = good.values().iter().zip(bad.values()).filter(|(a, b)| **a > 0 && **b > 0);
    assert_eq!(both.count(), 0);
    assert!(good.values().iter().chain(bad.values()).any(|v| *v == 255));
}

#[tokio::test]
async fn a_networks_own_map_is_taken_for_each_label_or_for_all() {
    for labels in [1, 3] {
        let of_it = ImportRequest { map: Some(("own".into(), Method::Model)), ..three() };
        let bundle = bundle(Sample { maps: 3, ..Sample::default() }, &of_it, |graph| {
            let name = if labels == 3 { "relu2" } else { "mean" };
            let axes = onnx::attr_ints("axes", &[1]);
            graph.node.push(node("ReduceMean", "mean", &["relu2"], &["mean"]).with(axes));
            graph.node.push(node("Identity", "own", &[name], &["own"]));
            let dims = [Dim::Named("n"), Dim::Fixed(labels), Dim::Fixed(10), Dim::Fixed(12)];
            graph.output.push(value_info("own", DataType::Float, &dims));
        });
        let bench = Bench::with(&[&bundle]).await;
        let png = picture(1);
        let map = |label| bench.made(wanted(&bundle, label, &png, Some(packed(&png, &SHAPE))));
        let (good, hot) = (map("Good").await.unwrap(), map("Hot").await.unwrap());
        assert_eq!(good.0.method, "model");
        assert_eq!(good.1 == hot.1, labels == 1);
    }
}

#[tokio::test]
async fn a_trunk_with_a_head_is_explained_by_a_small_graph_behind_the_trunk() {
    let sample = Sample::default();
    let (trunk, head) = (onnx::encode(&trunk(&sample)), onnx::encode(&head_of(sample.maps, 3, 1)));
    let source = Source::TrunkAndHead { trunk: &trunk, head: &head };
    let bundle = import(source, &three(), &runtime()).unwrap().bundle;
    let bench = Bench::with(&[&bundle]).await;
    let png = picture(1);
    let event = wanted(&bundle, "Hot", &png, Some(packed(&png, &SHAPE)));
    let (made, map) = bench.made(event).await.unwrap();
    assert_eq!((made.method.as_str(), map.width()), ("grad-cam", 12));
}

#[tokio::test]
async fn an_image_without_pixels_is_explained_from_its_original() {
    let bundle = bundle(Sample::default(), &three(), |_| {});
    let bench = Bench::with(&[&bundle]).await;
    let png = picture(1);
    let with = bench.made(wanted(&bundle, "Bad", &png, Some(packed(&png, &SHAPE)))).await.unwrap();
    let missing = bench.made(wanted(&bundle, "Bad", &png, None)).await;
    assert!(matches!(missing, Err(Failure::Failed(_))));
    bench.library.blobs().put(png.clone().into()).await.unwrap();
    let without = bench.made(wanted(&bundle, "Bad", &png, None)).await.unwrap();
    assert_eq!(with, without);
    // pixels of another size are as good as none
    let small = InputShape { width: 8, height: 8, ..SHAPE };
    let other = bench.made(wanted(&bundle, "Bad", &png, Some(packed(&png, &small)))).await;
    assert_eq!(other.unwrap(), with);
}

#[tokio::test]
async fn a_letterboxed_map_covers_the_plot_and_not_the_paper() {
    let request = ImportRequest { letterbox: true, ..three() };
    let bundle = bundle(Sample { width: 24, height: 24, ..Sample::default() }, &request, |_| {});
    let bench = Bench::with(&[&bundle]).await;
    let png = write_rgb_png(48, 12, &noise(48 * 12 * 3, 1));
    bench.library.blobs().put(png.clone().into()).await.unwrap();
    let shape = InputShape { width: 24, height: 24, channels: 3, letterbox: true };
    for pixels in [None, Some(packed(&png, &shape))] {
        let (_, map) = bench.made(wanted(&bundle, "Bad", &png, pixels)).await.unwrap();
        assert_eq!((map.width(), map.height()), (24, 6));
    }
}

#[tokio::test]
async fn what_can_never_work_is_refused_and_the_rest_is_tried_again() {
    let well = bundle(Sample::default(), &three(), |_| {});
    let flat = bundle(Sample { head: Head::Flat, ..Sample::default() }, &three(), |_| {});
    let absent = bundle(Sample { seed: 9, ..Sample::default() }, &three(), |_| {});
    let bench = Bench::with(&[&well, &flat]).await;
    let png = picture(1);
    let event = |bundle, label| wanted(bundle, label, &png, Some(packed(&png, &SHAPE)));
    let mut torn = event(&well, "Bad");
    torn.pixels.as_mut().unwrap().zstd = bytes::Bytes::from_static(b"torn");
    let nameless = HeatmapWanted { image: None, ..event(&well, "Bad") };
    for (what, event) in [
        ("label", event(&well, "Unheard")),
        ("no explanation", event(&flat, "Bad")),
        ("pixels", torn),
        ("image", nameless),
    ] {
        let refused = bench.made(event).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{what}: {refused:?}");
    }
    let failed = bench.made(event(&absent, "Bad")).await;
    assert!(matches!(failed, Err(Failure::Failed(_))), "{failed:?}");
}

#[tokio::test]
async fn a_map_of_nonsense_is_not_stored() {
    let of_it = ImportRequest { map: Some(("own".into(), Method::Model)), ..three() };
    let broken = bundle(Sample { maps: 3, ..Sample::default() }, &of_it, |graph| {
        graph.node.push(node("Div", "own", &["relu2", "zero"], &["own"]));
        graph.initializer.push(onnx::tensor_f32("zero", &[], &[0.0]));
        let dims = [Dim::Named("n"), Dim::Fixed(3), Dim::Fixed(10), Dim::Fixed(12)];
        graph.output.push(value_info("own", DataType::Float, &dims));
    });
    let bench = Bench::with(&[&broken]).await;
    let png = picture(1);
    let event = wanted(&broken, "Bad", &png, Some(packed(&png, &SHAPE)));
    let failure = bench.made(event).await.unwrap_err();
    assert!(matches!(failure, Failure::Failed(_)) && failure.chain().contains("no map"));
}
