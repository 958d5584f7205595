use super::*;
use crate::{
    Runtime, RuntimeConfig, Session, Stopper, Tensor, edit,
    onnx::{self, ModelProto},
    samples::{Head, Sample, classifier, randomise},
    session::Output,
};
use std::path::PathBuf;

fn runtime() -> Runtime {
    Runtime::load(&RuntimeConfig::default()).unwrap()
}

fn checked(model: &ModelProto, input: &str, shape: &[usize]) -> Checked {
    let scanned = scan(&onnx::encode(model), &Limits::default()).unwrap();
    scanned.sized(&[(input, shape.to_vec())]).unwrap()
}

/// The network's last maps for a picture of noise.
fn maps_of(checked: &Checked, maps: &str, input: &str, shape: &[usize]) -> Output {
    let mut graph = checked.graph.clone();
    edit::expose(&mut graph, maps, checked.shape(maps).unwrap());
    edit::prune(&mut graph, &[maps]);
    let file = Checked { graph, ..checked.clone() }.into_file();
    let count: usize = shape.iter().product();
    let values: Vec<f32> =
        crate::samples::noise(count, 7).iter().map(|p| f32::from(*p) / 255.0).collect();
    let mut session = Session::open(&runtime(), &file, None).unwrap();
    let tensor = Tensor { name: input, shape, values: &values };
    session.run(&[tensor], &[maps], &Stopper::new(&runtime()).unwrap()).unwrap().remove(0)
}

/// Plans, and compares the gradient of several scores with differences. Gives the method and the
/// worst relative error.
fn worst_error(model: &ModelProto, input: &str, shape: &[usize], output: &str) -> (Method, f64) {
    let checked = checked(model, input, shape);
    let plan = plan(&checked, output, &runtime());
    let Plan::Tail { maps, method, tail, file } = plan else { panic!("{plan:?}") };
    let mut values = maps_of(&checked, &maps, input, shape);
    if values.values.iter().any(|v| !v.is_finite() || v.abs() > 1e4) {
        // weights that are all alike let signals grow without bound; the tail is what is tested
        let noise = crate::samples::noise(values.values.len(), 8);
        values.values = noise.iter().map(|v| f32::from(*v) / 255.0).collect();
    }
    let mut worst = 0.0_f64;
    for score in [0, tail.scores() / 2, tail.scores() - 1] {
        let checkup = verify(&tail, &file, &values, score, 48, &runtime()).unwrap();
        assert!(checkup.norm > 0.0, "{maps}: no gradient for score {score}");
        worst = worst.max(checkup.relative_error);
    }
    (method, worst)
}

#[test]
fn the_gradient_agrees_with_differences_for_every_head() {
    for (head, wanted) in [
        (Head::Pooled, Method::GradCam),
        (Head::Mean, Method::GradCam),
        (Head::MaxPooled, Method::Gradient),
        (Head::AveragePooled, Method::Gradient),
        (Head::Convolved, Method::GradCam),
        (Head::Branched, Method::Gradient),
    ] {
        for softmax in [false, true] {
            for seed in 1..=3 {
                let model = classifier(&Sample { head, softmax, seed, ..Sample::default() });
                let (method, error) = worst_error(&model, "image", &[1, 3, 20, 24], "scores");
                assert_eq!(method, wanted, "{head:?}");
                assert!(error <= 1e-3, "{head:?} softmax {softmax} seed {seed}: {error}");
            }
        }
    }
}

#[test]
fn what_cannot_be_differentiated_says_so() {
    let planned = |head| {
        let model = classifier(&Sample { head, ..Sample::default() });
        plan(&checked(&model, "image", &[1, 3, 20, 24]), "scores", &runtime())
    };
    let unknown = planned(Head::Unknown);
    let Plan::Eigen { maps, reason } = unknown else { panic!("{unknown:?}") };
    assert_eq!(maps, "relu2");
    assert!(reason.contains("Softsign"), "{reason}");
    let flat = planned(Head::Flat);
    let Plan::None { reason } = flat else { panic!("{flat:?}") };
    assert!(reason.contains("no"), "{reason}");
}

/// A file of the test data, read from `HYDRA_TEST_DATA`, else from beside the workspace.
fn data(name: &str) -> ModelProto {
    let root = std::env::var_os("HYDRA_TEST_DATA").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data")
    });
    let path = root.join("onnx").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    onnx::decode(&bytes).unwrap()
}

#[test]
fn the_gradient_agrees_with_differences_for_real_networks() {
    for (name, input, side, channels, output, wanted) in [
        ("light/light_squeezenet.onnx", "data_0", 224, 3, "softmaxout_1", Method::GradCam),
        ("light/light_resnet50.onnx", "gpu_0/data_0", 224, 3, "gpu_0/softmax_1", Method::GradCam),
        ("light/light_shufflenet.onnx", "gpu_0/data_0", 224, 3, "gpu_0/softmax_1", Method::GradCam),
        ("light/light_inception_v1.onnx", "data_0", 224, 3, "prob_1", Method::Gradient),
        ("light/light_densenet121.onnx", "data_0", 224, 3, "fc6_1", Method::GradCam),
        ("lenet_mnist/cnn.onnx", "in", 32, 1, "out", Method::Gradient),
        ("lenet_mnist/cntk_opt-mnist.onnx", "Input3", 28, 1, "Plus214_Output_0", Method::Gradient),
    ] {
        // The light networks' weights are all alike, so every class and every map would do; with
        // random ones of the same shapes a mistaken class or map shows.
        for seed in [None, Some(1)] {
            let mut model = data(name);
            if let Some(seed) = seed {
                randomise(&mut model, seed);
            }
            let (method, error) = worst_error(&model, input, &[1, channels, side, side], output);
            println!("{name} seed {seed:?}: {} relative error {error:.1e}", method.as_str());
            assert_eq!(method, wanted, "{name}");
            assert!(error <= 1e-3, "{name} seed {seed:?}: {error}");
        }
    }
}
