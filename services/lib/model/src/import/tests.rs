use super::*;
use crate::{
    RuntimeConfig, Session, Stopper, Tensor,
    manifest::{Graphs, Guards, Layout, Novelty, NoveltyKind},
    onnx::{
        self, DataType, Dim, GraphProto, ModelProto, TensorProto, attr_int, attr_ints, encode,
        model, node, value_info,
    },
    samples::{Head, Sample, classifier, head_of, trunk},
};
use hydra_proto::Label;
use prost::Message;
use std::path::PathBuf;

fn runtime() -> Runtime {
    Runtime::load(&RuntimeConfig::default()).unwrap()
}

fn labels(count: usize) -> Vec<Label> {
    (0..count).map(|i| format!("L{i}").parse().unwrap()).collect()
}

fn request(count: usize) -> ImportRequest {
    ImportRequest::new(labels(count), "2026-01-01T00:00:00Z")
}

fn imported(model: &ModelProto, request: &ImportRequest) -> Result<Imported, ImportError> {
    import(Source::Network(&encode(model)), request, &runtime())
}

fn sample(head: Head, softmax: bool) -> ModelProto {
    classifier(&Sample { head, softmax, ..Sample::default() })
}

/// The folder of the test data: `HYDRA_TEST_DATA`, else beside the workspace.
fn data(name: &str) -> PathBuf {
    let root = std::env::var_os("HYDRA_TEST_DATA").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data")
    });
    root.join("onnx").join(name)
}

#[test]
fn a_plain_classifier_is_understood_and_explained() {
    let found = imported(&sample(Head::Pooled, false), &request(3)).unwrap();
    let manifest = &found.bundle.manifest;
    assert_eq!(manifest.output.kind, ScoreKind::Logits);
    assert_eq!(manifest.input.dims(1), [1, 3, 20, 24]);
    assert_eq!(manifest.input.batch, Batch::Any);
    assert!(
        matches!(&manifest.explain, Explain::Tail { method: Method::GradCam, maps, .. } if maps == "relu2")
    );
    assert_eq!(found.bundle.files.len(), 2);
    assert!(found.report.to_string().contains("grad-cam"), "{}", found.report);
}

#[test]
fn the_same_file_makes_the_same_model() {
    let once = imported(&sample(Head::MaxPooled, true), &request(3)).unwrap();
    let again = imported(&sample(Head::MaxPooled, true), &request(3)).unwrap();
    assert_eq!(once.bundle.digest, again.bundle.digest);
    let mut other = request(3);
    other.labels.swap(0, 1);
    let other = imported(&sample(Head::MaxPooled, true), &other).unwrap();
    assert_ne!(once.bundle.digest, other.bundle.digest);
}

#[test]
fn what_the_scores_are_is_seen_from_the_graph_and_from_a_trial() {
    let kind = |model: &ModelProto, count| {
        imported(model, &request(count)).unwrap().bundle.manifest.output.kind
    };
    assert_eq!(kind(&sample(Head::Pooled, true), 3), ScoreKind::Softmax);
    let single = |softmax, sigmoid: bool| {
        let mut made = classifier(&Sample { labels: 1, softmax, ..Sample::default() });
        if sigmoid {
            let graph = made.graph.as_mut().unwrap();
            graph.node.last_mut().unwrap().op_type = "Sigmoid".into();
        }
        made
    };
    assert_eq!(kind(&single(false, false), 2), ScoreKind::SigmoidLogit);
    assert_eq!(kind(&single(false, true), 2), ScoreKind::Sigmoid);

    // a softmax that is written out: exp(x) / sum(exp(x))
    let mut written = sample(Head::Pooled, false);
    let graph = written.graph.as_mut().unwrap();
    let logits = graph.node.pop().unwrap().input[0].clone();
    graph.node.extend([
        node("Exp", "e", &[&logits], &["e"]),
        node("ReduceSum", "s", &["e", "one"], &["s"]),
        node("Div", "d", &["e", "s"], &["scores"]),
    ]);
    graph.initializer.push(onnx::tensor_i64("one", &[1], &[1]));
    assert_eq!(kind(&written, 3), ScoreKind::Softmax);
}

#[test]
fn heads_without_a_rule_fall_back_and_say_so() {
    let found = imported(&sample(Head::Unknown, false), &request(3)).unwrap();
    assert!(matches!(&found.bundle.manifest.explain, Explain::Eigen { .. }));
    let report = found.report.to_string();
    assert!(report.contains("eigen-cam") && report.contains("Softsign"), "{report}");
    let found = imported(&sample(Head::Flat, false), &request(3)).unwrap();
    assert!(matches!(&found.bundle.manifest.explain, Explain::None { .. }));
    assert!(found.report.to_string().contains("no heat maps"), "{}", found.report);
}

#[test]
fn a_trunk_and_a_head_become_one_model_with_an_exact_map() {
    let sample = Sample::default();
    let (trunk, head) = (encode(&trunk(&sample)), encode(&head_of(sample.maps, 3, 5)));
    let source = Source::TrunkAndHead { trunk: &trunk, head: &head };
    let found = import(source, &request(3), &runtime()).unwrap();
    let manifest = &found.bundle.manifest;
    assert!(matches!(manifest.graphs, Graphs::TrunkAndHead { .. }));
    assert!(
        matches!(&manifest.explain, Explain::Tail { method: Method::GradCam, maps, .. } if maps == "maps")
    );
    // another head on the same trunk shares its file
    let other = encode(&head_of(sample.maps, 4, 6));
    let source = Source::TrunkAndHead { trunk: &trunk, head: &other };
    let other = import(source, &request(4), &runtime()).unwrap();
    assert_eq!(other.bundle.manifest.graphs.body(), manifest.graphs.body());
    assert_ne!(other.bundle.digest, found.bundle.digest);
    // a head for other features is refused
    let wrong = encode(&head_of(sample.maps + 1, 3, 5));
    let source = Source::TrunkAndHead { trunk: &trunk, head: &wrong };
    assert!(import(source, &request(3), &runtime()).is_err());
}

/// A classifier whose picture has the channels last, or none, and a head on its mean.
fn with_input(axes: &[Dim<'_>], to_maps: &[i64], kind: DataType) -> ModelProto {
    let mut made = sample(Head::Pooled, false);
    let graph = made.graph.as_mut().unwrap();
    graph.input = vec![value_info("picture", kind, axes)];
    let cast = node("Cast", "cast", &["picture"], &["floats"]).with(attr_int("to", 1));
    let turn = node("Transpose", "turn", &["floats"], &["image"]).with(attr_ints("perm", to_maps));
    graph.node.splice(0..0, [cast, turn]);
    made
}

#[test]
fn layouts_open_sizes_and_number_types_are_understood() {
    let (n, c, h, w) = (Dim::Named("n"), Dim::Fixed(3), Dim::Fixed(20), Dim::Fixed(24));
    let nhwc = with_input(&[n, h, w, c], &[0, 3, 1, 2], DataType::Uint8);
    let found = imported(&nhwc, &request(3)).unwrap();
    assert_eq!(found.bundle.manifest.input.layout, Layout::Nhwc);
    assert!(
        matches!(&found.bundle.manifest.explain, Explain::Tail { maps, .. } if maps == "relu2")
    );

    let open =
        with_input(&[n, Dim::Named("h"), Dim::Named("w"), c], &[0, 3, 1, 2], DataType::Float16);
    let error = imported(&open, &request(3)).unwrap_err().to_string();
    assert!(error.contains("size must be given"), "{error}");
    let sized = ImportRequest { size: Some((24, 20)), ..request(3) };
    assert_eq!(imported(&open, &sized).unwrap().bundle.manifest.input.width, 24);
    let contradicted = ImportRequest { size: Some((25, 20)), ..request(3) };
    assert!(imported(&nhwc, &contradicted).is_err());
}

#[test]
fn a_fixed_batch_is_kept_at_one() {
    for fixed in [1, 8] {
        let mut made = sample(Head::Pooled, false);
        let graph = made.graph.as_mut().unwrap();
        let picture = [fixed, 3, 20, 24].map(Dim::Fixed);
        graph.input = vec![value_info("image", DataType::Float, &picture)];
        let scores = [Dim::Fixed(fixed), Dim::Fixed(3)];
        graph.output = vec![value_info("scores", DataType::Float, &scores)];
        let found = imported(&made, &request(3)).unwrap();
        assert_eq!(found.bundle.manifest.input.batch, Batch::One);
    }
}

#[test]
fn a_network_that_mixes_its_batch_runs_one_image_at_a_time() {
    let mut made = sample(Head::Pooled, false);
    let graph = made.graph.as_mut().unwrap();
    let last = graph.node.pop().unwrap();
    // scores minus their mean over the batch
    graph.node.push(
        node(
            "ReduceMean",
            "mean",
            &last.input.iter().map(String::as_str).collect::<Vec<_>>(),
            &["mean"],
        )
        .with(attr_ints("axes", &[0])),
    );
    graph.node.push(node("Mul", "half", &["mean", "factor"], &["half"]));
    graph.node.push(node("Sub", "sub", &[&last.input[0], "half"], &["scores"]));
    graph.initializer.push(onnx::tensor_f32("factor", &[], &[0.5]));
    let found = imported(&made, &request(3)).unwrap();
    assert_eq!(found.bundle.manifest.input.batch, Batch::One);
}

#[test]
fn an_own_map_and_a_novelty_output_are_taken_by_name() {
    let mut made = sample(Head::Pooled, false);
    let graph = made.graph.as_mut().unwrap();
    graph.node.extend([
        node("ReduceMean", "map", &["relu2"], &["map"]).with(attr_ints("axes", &[1])),
        node("ReduceMax", "novelty", &["map"], &["novelty"]).with(attr_ints("axes", &[1, 2, 3])),
    ]);
    let axes = [Dim::Named("n"), Dim::Fixed(1), Dim::Fixed(10), Dim::Fixed(12)];
    graph.output.push(value_info("map", DataType::Float, &axes));
    graph.output.push(value_info("novelty", DataType::Float, &axes));
    let with_both = ImportRequest {
        map: Some(("map".into(), Method::Model)),
        novelty: Some(Novelty {
            output: "novelty".into(),
            kind: NoveltyKind::Score,
            threshold: 1.0,
            guards: Guards::Every,
        }),
        ..request(3)
    };
    let manifest = imported(&made, &with_both).unwrap().bundle.manifest;
    assert!(matches!(manifest.explain, Explain::Output { method: Method::Model, .. }));
    let absent = ImportRequest { embedding: Some("nowhere".into()), ..request(3) };
    let error = imported(&made, &absent).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn labels_that_do_not_fit_are_refused_with_both_numbers() {
    let error = imported(&sample(Head::Pooled, false), &request(4)).unwrap_err().to_string();
    assert!(error.contains("4 labels") && error.contains("[1, 3]"), "{error}");
    let mut twice = request(3);
    twice.labels[1] = twice.labels[0].clone();
    let error = imported(&sample(Head::Pooled, false), &twice).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
}

#[test]
fn what_is_no_classifier_of_pictures_is_refused_with_a_reason() {
    let refused = |change: &dyn Fn(&mut GraphProto)| {
        let mut made = sample(Head::Pooled, false);
        change(made.graph.as_mut().unwrap());
        imported(&made, &request(3)).unwrap_err().to_string()
    };
    let two = refused(&|g| g.input.push(value_info("mask", DataType::Float, &[Dim::Fixed(1)])));
    assert!(two.contains("mask"), "{two}");
    let none = refused(&|g| g.input.clear());
    assert!(none.contains("none"), "{none}");
    let flat = refused(&|g| {
        g.input = vec![value_info("image", DataType::Float, &[Dim::Named("n"), Dim::Fixed(784)])];
    });
    assert!(flat.contains("? x 784"), "{flat}");
    let five = refused(&|g| {
        g.input = vec![value_info("image", DataType::Float, &[1, 5, 20, 24].map(Dim::Fixed))];
    });
    assert!(five.contains("1 or 3 channels"), "{five}");
    let text = refused(&|g| {
        g.input = vec![value_info("image", DataType::String, &[1, 3, 20, 24].map(Dim::Fixed))];
    });
    assert!(text.contains("element type"), "{text}");
    let wrong = refused(&|g| {
        g.input = vec![value_info("image", DataType::Float, &[1, 1, 20, 24].map(Dim::Fixed))];
    });
    assert!(wrong.contains("Conv"), "{wrong}");
}

#[test]
fn a_network_that_gives_no_numbers_is_refused() {
    let mut made = sample(Head::Pooled, false);
    let graph = made.graph.as_mut().unwrap();
    let last = graph.node.pop().unwrap();
    graph.node.push(node("Div", "nan", &[&last.input[0], "zero"], &["scores"]));
    graph.initializer.push(onnx::tensor_f32("zero", &[], &[0.0]));
    assert!(matches!(imported(&made, &request(3)), Err(ImportError::Scores(_))));
}

#[test]
fn what_the_runtime_itself_refuses_is_an_error_and_not_a_crash() {
    // the scan knows no element types of inner tensors; the runtime does
    let graph = GraphProto {
        name: "g".into(),
        node: vec![
            node("Cast", "c", &["image"], &["text"]).with(attr_int("to", DataType::Int64 as i64)),
            node("Conv", "v", &["text", "w"], &["maps"]),
            node("GlobalAveragePool", "p", &["maps"], &["scores"]),
        ],
        initializer: vec![onnx::tensor_f32("w", &[3, 3, 1, 1], &[0.1; 9])],
        input: vec![value_info("image", DataType::Float, &[1, 3, 8, 8].map(Dim::Fixed))],
        output: vec![value_info("scores", DataType::Float, &[1, 3, 1, 1].map(Dim::Fixed))],
        ..Default::default()
    };
    let error = imported(&model(graph, &[]), &request(3)).unwrap_err();
    assert!(matches!(error, ImportError::Runtime(SessionError::Load(_))), "{error:?}");
}

#[test]
fn files_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.onnx");
    let error = import_file(&missing, &request(3), &runtime()).unwrap_err().to_string();
    assert!(error.contains("missing.onnx"), "{error}");
    assert!(import_file(folder.path(), &request(3), &runtime()).is_err());
    let sparse = folder.path().join("sparse.onnx");
    std::fs::File::create(&sparse).unwrap().set_len(10 << 30).unwrap();
    let error = import_file(&sparse, &request(3), &runtime()).unwrap_err();
    assert!(matches!(error, ImportError::Scan(ScanError::TooLarge { .. })));
    let whole = encode(&sample(Head::Pooled, false));
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"import torch\n"),
        ("cut", &whole[..whole.len() / 2]),
        ("zeros", &[0; 4096]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = import_file(&path, &request(3), &runtime()).unwrap_err();
        assert!(matches!(error, ImportError::Scan(_)), "{name}: {error:?}");
    }
}

#[test]
fn the_test_datas_networks_are_imported_whole() {
    for (name, count, grey) in [
        ("light/light_squeezenet.onnx", 1000, false),
        ("light/light_resnet50.onnx", 1000, false),
        ("light/light_shufflenet.onnx", 1000, false),
        ("light/light_inception_v1.onnx", 1000, false),
        ("light/light_densenet121.onnx", 1000, false),
        ("lenet_mnist/cnn.onnx", 10, true),
        ("lenet_mnist/cntk_opt-mnist.onnx", 10, true),
    ] {
        let found = import_file(&data(name), &request(count), &runtime()).unwrap();
        println!("{name}\n{}", found.report);
        let manifest = &found.bundle.manifest;
        assert_eq!(manifest.input.channels, if grey { 1 } else { 3 }, "{name}");
        assert!(!matches!(manifest.explain, Explain::None { .. }), "{name}");
    }
}

/// The files' own expected outputs, for the input that goes with them: i / n for element i of n.
#[test]
fn imported_networks_give_the_outputs_that_go_with_them() {
    for name in ["squeezenet", "resnet50", "shufflenet", "inception_v1", "densenet121"] {
        let path = data(&format!("light/light_{name}.onnx"));
        let found = import_file(&path, &request(1000), &runtime()).unwrap().bundle;
        let expected = data(&format!("light/light_{name}_output_0.pb"));
        let expected = TensorProto::decode(&std::fs::read(expected).unwrap()[..]).unwrap();
        let expected = onnx::floats(&expected).unwrap();
        let bytes = &found.files[&found.manifest.graphs.body()];
        let input = &found.manifest.input;
        let shape = input.dims(1);
        let scanned = scan(bytes, &Limits::default()).unwrap();
        let file = scanned.sized(&[(&input.name, shape.clone())]).unwrap().into_file();
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| i as f32 / count as f32).collect();
        let tensor = Tensor { name: &input.name, shape: &shape, values: &values };
        let mut session = Session::open(&runtime(), &file, None).unwrap();
        let wanted = [found.manifest.output.scores.as_str()];
        let output =
            session.run(&[tensor], &wanted, &Stopper::new(&runtime()).unwrap()).unwrap().remove(0);
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-7 + 1e-3 * b.abs();
        assert_eq!(output.values.len(), expected.len());
        assert!(output.values.iter().zip(&expected).all(close), "{name}");
    }
}
