//! The model as an ONNX file that is served like any classifier.

use super::{
    LogNormal, NormalityModel,
    grid::{pooled_size, stride},
};
use crate::runner::PIXELS;
use hydra_model::onnx::{
    self, DataType, Dim, GraphProto, NodeProto, attr_int, attr_ints, attr_string, node, tensor_f32,
    tensor_i64, value_info,
};

impl NormalityModel {
    /// Writes the model (opset 17). Input `pixels`: float32
    /// `[n, channels, height, width]`, from 0 to 255.
    /// Outputs: `probabilities` `[n, 2]` (Good, novel), `p_value` `[n, 1]`, `score` `[n, 1]`
    /// (standard deviations), `cam` `[n, 2, h, w]` (deviations; of Good their negative),
    /// `features` `[n, components]` (where there are components).
    pub fn to_onnx(&self, metadata: &[(&str, &str)]) -> Vec<u8> {
        let mut out = GraphProto { name: "normality".into(), ..Default::default() };
        input(self, &mut out);
        let mut scores = residual(self, &mut out);
        let mut maps = Vec::new();
        for index in 0..self.scales.len() {
            let (score, map) = scale(self, index, &mut out);
            scores.push(score);
            maps.push(map);
        }
        verdict(self, &scores, &maps, &mut out);
        onnx::encode(&onnx::model(out, metadata))
    }
}

fn push(out: &mut GraphProto, written: NodeProto) {
    out.node.push(written);
}

fn number(out: &mut GraphProto, name: &str, value: f64) {
    out.initializer.push(tensor_f32(name, &[1], &[value as f32]));
}

fn declare(out: &mut GraphProto, name: &str, dims: &[usize]) {
    let mut shape = vec![Dim::Named("n")];
    shape.extend(dims.iter().map(|d| Dim::Fixed(*d)));
    out.output.push(value_info(name, DataType::Float, &shape));
}

/// Pixels to deviations from the mean image.
fn input(model: &NormalityModel, out: &mut GraphProto) {
    let shape = model.input;
    let (h, w, c) = (shape.height as usize, shape.width as usize, shape.channels as usize);
    let dims = [Dim::Named("n"), Dim::Fixed(c), Dim::Fixed(h), Dim::Fixed(w)];
    out.input.push(value_info(PIXELS, DataType::Float, &dims));
    number(out, "input.scale", 1.0 / 255.0);
    out.initializer.push(tensor_f32("mean", &[1, c, h, w], &model.mean));
    push(out, node("Mul", "input", &[PIXELS, "input.scale"], &["input"]));
    push(out, node("Sub", "centred", &["input", "mean"], &["centred"]));
}

/// Takes the components out; gives the name of the score of their coefficients.
fn residual(model: &NormalityModel, out: &mut GraphProto) -> Vec<String> {
    let (count, length) = (model.components.len(), model.mean.len());
    if count == 0 {
        push(out, node("Identity", "residual", &["centred"], &["residual"]));
        return vec![];
    }
    let flat: Vec<f32> = model.components.iter().flatten().copied().collect();
    out.initializer.push(tensor_f32("components", &[count, length], &flat));
    push(out, node("Flatten", "flat", &["centred"], &["flat"]).with(attr_int("axis", 1)));
    push(
        out,
        node("Gemm", "features", &["flat", "components"], &["features"])
            .with(attr_int("transB", 1)),
    );
    push(out, node("MatMul", "known", &["features", "components"], &["known"]));
    push(out, node("Sub", "rest", &["flat", "known"], &["rest"]));
    let shape = model.input;
    let dims = [-1, i64::from(shape.channels), i64::from(shape.height), i64::from(shape.width)];
    out.initializer.push(tensor_i64("maps.shape", &[4], &dims));
    push(out, node("Reshape", "residual", &["rest", "maps.shape"], &["residual"]));
    declare(out, "features", &[count]);
    let Some(distribution) = model.shape_score else {
        return vec![];
    };
    let inverse: Vec<f32> = model.spread.iter().map(|s| 1.0 / s).collect();
    out.initializer.push(tensor_f32("inverse_spread", &[1, count], &inverse));
    push(out, node("Mul", "shape.scaled", &["features", "inverse_spread"], &["shape.scaled"]));
    push(out, node("Mul", "shape.squares", &["shape.scaled"; 2], &["shape.squares"]));
    let mean = node("ReduceMean", "shape.mean", &["shape.squares"], &["shape.mean"]);
    push(out, mean.with(attr_ints("axes", &[1])).with(attr_int("keepdims", 1)));
    push(out, node("Sqrt", "shape.raw", &["shape.mean"], &["shape.raw"]));
    vec![standardised(out, "shape", "shape.raw", distribution)]
}

/// (ln(raw) - centre) / width, `[n, 1]`.
fn standardised(out: &mut GraphProto, name: &str, raw: &str, score: LogNormal) -> String {
    let part = |leaf: &str| format!("{name}.{leaf}");
    number(out, &part("least"), 1e-9);
    number(out, &part("centre"), score.centre);
    number(out, &part("width"), score.width);
    push(out, node("Max", &part("max"), &[raw, &part("least")], &[&part("positive")]));
    push(out, node("Log", &part("log"), &[&part("positive")], &[&part("logarithm")]));
    push(out, node("Sub", &part("sub"), &[&part("logarithm"), &part("centre")], &[&part("off")]));
    push(out, node("Div", &part("div"), &[&part("off"), &part("width")], &[&part("score")]));
    part("score")
}

/// Deviations of one window size; gives the names of its score `[n, 1]` and map `[n, 1, h, w]`.
fn scale(model: &NormalityModel, index: usize, out: &mut GraphProto) -> (String, String) {
    let scale = &model.scales[index];
    let name = format!("scale{}", scale.kernel);
    let part = |leaf: &str| format!("{name}.{leaf}");
    let (rows, columns) = pooled_size(&model.input, scale.kernel);
    let channels = model.input.channels as usize;
    let (kernel, step) = (scale.kernel as i64, stride(scale.kernel) as i64);
    push(
        out,
        node("AveragePool", &part("pool"), &["residual"], &[&part("means")])
            .with(attr_ints("kernel_shape", &[kernel; 2]))
            .with(attr_ints("strides", &[step; 2])),
    );
    let dims = [1, channels, rows, columns];
    out.initializer.push(tensor_f32(&part("inverse_sigma"), &dims, &scale.inverse_sigma));
    let inputs = [part("means"), part("inverse_sigma")];
    push(out, node("Mul", &part("mul"), &[&inputs[0], &inputs[1]], &[&part("z")]));
    push(out, node("Mul", &part("square"), &[&part("z"), &part("z")], &[&part("squares")]));
    push(
        out,
        node("ReduceMean", &part("mean"), &[&part("squares")], &[&part("chi2")])
            .with(attr_ints("axes", &[1]))
            .with(attr_int("keepdims", 1)),
    );
    push(out, node("Sqrt", &part("sqrt"), &[&part("chi2")], &[&part("deviations")]));
    // score: mean of the largest
    push(
        out,
        node("Flatten", &part("flatten"), &[&part("deviations")], &[&part("flat")])
            .with(attr_int("axis", 1)),
    );
    let top = scale.top.min(rows * columns) as i64;
    out.initializer.push(tensor_i64(&part("k"), &[1], &[top]));
    let outputs = [part("largest"), part("places")];
    push(
        out,
        node("TopK", &part("top"), &[&part("flat"), &part("k")], &[&outputs[0], &outputs[1]])
            .with(attr_int("axis", 1)),
    );
    push(
        out,
        node("ReduceMean", &part("raw"), &[&part("largest")], &[&part("raw")])
            .with(attr_ints("axes", &[1]))
            .with(attr_int("keepdims", 1)),
    );
    let score = standardised(out, &name, &part("raw"), scale.score);
    // map: in units of what is usual, on the map's grid
    number(out, &part("unit"), scale.score.centre.exp());
    push(
        out,
        node("Div", &part("relative"), &[&part("deviations"), &part("unit")], &[&part("own")]),
    );
    let (map_rows, map_columns) = model.map_size();
    let sizes = tensor_i64(&part("sizes"), &[2], &[map_rows as i64, map_columns as i64]);
    out.initializer.push(sizes);
    push(
        out,
        node("Shape", &part("shape"), &[&part("own")], &[&part("batch")])
            .with(attr_int("start", 0))
            .with(attr_int("end", 2)),
    );
    push(
        out,
        node("Concat", &part("to"), &[&part("batch"), &part("sizes")], &[&part("size")])
            .with(attr_int("axis", 0)),
    );
    push(
        out,
        node("Resize", &part("resize"), &[&part("own"), "", "", &part("size")], &[&part("map")])
            .with(attr_string("mode", "nearest"))
            .with(attr_string("nearest_mode", "floor"))
            .with(attr_string("coordinate_transformation_mode", "asymmetric")),
    );
    (score, part("map"))
}

/// The largest score, its p-value, probabilities and the joint map.
fn verdict(model: &NormalityModel, scores: &[String], maps: &[String], out: &mut GraphProto) {
    push(out, node("Max", "largest", &borrowed(scores), &["largest"]));
    number(out, "total.centre", model.total.centre);
    number(out, "total.width", model.total.width);
    push(out, node("Sub", "total.sub", &["largest", "total.centre"], &["total.off"]));
    push(out, node("Div", "total.div", &["total.off", "total.width"], &["score"]));
    // p = (1 - erf(score / sqrt 2)) / 2
    number(out, "sqrt2", std::f64::consts::SQRT_2);
    number(out, "one", 1.0);
    number(out, "half", 0.5);
    number(out, "rate", model.false_alarm_rate);
    push(out, node("Div", "p.scaled", &["score", "sqrt2"], &["p.scaled"]));
    push(out, node("Erf", "p.erf", &["p.scaled"], &["p.erf"]));
    push(out, node("Sub", "p.double", &["one", "p.erf"], &["p.double"]));
    push(out, node("Mul", "p_value", &["p.double", "half"], &["p_value"]));
    push(out, node("Add", "p.sum", &["p_value", "rate"], &["p.sum"]));
    push(out, node("Div", "good", &["p_value", "p.sum"], &["good"]));
    push(out, node("Div", "novel", &["rate", "p.sum"], &["novel"]));
    push(
        out,
        node("Concat", "probabilities", &["good", "novel"], &["probabilities"])
            .with(attr_int("axis", 1)),
    );
    push(out, node("Max", "map", &borrowed(maps), &["map"]));
    push(out, node("Neg", "map.good", &["map"], &["map.good"]));
    push(out, node("Concat", "cam", &["map.good", "map"], &["cam"]).with(attr_int("axis", 1)));
    let (rows, columns) = model.map_size();
    declare(out, "probabilities", &[2]);
    declare(out, "p_value", &[1]);
    declare(out, "score", &[1]);
    declare(out, "cam", &[2, rows, columns]);
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
