//! The model as an ONNX file that is served like any classifier.

use super::{
    GUARD, LEAST, LogNormal, NormalityModel, PIXELS, Scale,
    faults::Faults,
    grid::{Grid, step},
    look::STEPS,
};
use hydra_model::onnx::{
    self, DataType, Dim, GraphProto, NodeProto, attr_int, attr_ints, attr_string, node, tensor_f32,
    tensor_i64, value_info,
};

/// A linear layer from what a plot measures to a logit for each label.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// `[labels, measures]`, row-major.
    pub weight: &'a [f32],
    /// `[labels]`.
    pub bias: &'a [f32],
}

impl NormalityModel {
    /// Writes a classifier that reads [`NormalityModel::measures`] (opset 17). Input as that of
    /// [`NormalityModel::to_onnx`]. Outputs: `probabilities` and `logits` `[n, labels]`,
    /// `features` `[n, measures]`, [`GUARD`] `[n, 1]`, and `cam` `[n, labels, h, w]`: the
    /// deviations that speak for a label, each scale's as loud as the label listens to it.
    ///
    /// # Panics
    /// Where the layer does not read as many measures as there are.
    pub fn to_classifier(&self, verdict: Verdict<'_>, metadata: &[(&str, &str)]) -> Vec<u8> {
        let (labels, count) = (verdict.bias.len(), self.measure_count());
        assert_eq!(verdict.weight.len(), labels * count, "a weight for each measure");
        let mut out = GraphProto { name: "deviations".into(), ..Default::default() };
        let parts = self.body(true, &mut out);
        told(self, &parts, verdict, &mut out);
        onnx::encode(&onnx::model(out, metadata))
    }

    /// Writes the model (opset 17). Input `pixels`: float32
    /// `[n, channels, height, width]`, from 0 to 255.
    /// Outputs: `probabilities` `[n, 2]` (Good, novel), `p_value` `[n, 1]`, `score` `[n, 1]`
    /// (standard deviations), `cam` `[n, 2, h, w]` (deviations; of Good their negative),
    /// `features` `[n, components]` (where there are components).
    pub fn to_onnx(&self, metadata: &[(&str, &str)]) -> Vec<u8> {
        onnx::encode(&onnx::model(self.graph(), metadata))
    }

    /// The graph of the file.
    pub(crate) fn graph(&self) -> GraphProto {
        let mut out = GraphProto { name: "normality".into(), ..Default::default() };
        let parts = self.body(false, &mut out);
        declare_features(self, &mut out);
        p_value(self, &parts.scores, "p_value", &mut out);
        verdict(self, &parts.maps, &mut out);
        out
    }

    /// From pixels to the scales, and to what only measures need where that is asked for.
    fn body(&self, measures: bool, out: &mut GraphProto) -> Parts {
        let mut parts = Parts::default();
        input(self, out);
        let shape = residual(self, out);
        for index in 0..self.scales.len() {
            scale(self, index, &mut parts, out);
        }
        // last, as in `measures`
        if let Some(Measured { score, logarithms }) = shape {
            parts.scores.push(score);
            parts.measures.extend(logarithms);
        }
        if let Some(faults) = self.faults.as_ref().filter(|_| measures) {
            parts.measures.extend(likeness(self, faults, out));
        }
        parts
    }
}

/// Names of what the scales give.
#[derive(Default)]
struct Parts {
    /// Standardised scores `[n, 1]`.
    scores: Vec<String>,
    /// Deviations in units of what is usual, on the map's grid `[n, 1, h, w]`.
    maps: Vec<String>,
    /// The numbers of [`NormalityModel::measures`] `[n, 1]`.
    measures: Vec<String>,
}

struct Measured {
    score: String,
    logarithms: [String; 2],
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

/// Pixels to deviations from the mean of their planes.
fn input(model: &NormalityModel, out: &mut GraphProto) {
    let look = &model.look;
    let (h, w) = (look.input.height as usize, look.input.width as usize);
    let (colours, all) = look.channels();
    let dims = [Dim::Named("n"), Dim::Fixed(colours), Dim::Fixed(h), Dim::Fixed(w)];
    out.input.push(value_info(PIXELS, DataType::Float, &dims));
    number(out, "input.scale", 1.0 / 255.0);
    push(out, node("Mul", "input.colours", &[PIXELS, "input.scale"], &["input.colours"]));
    let full = if let Some(table) = &look.levels {
        levels(table, out);
        let parts = ["input.colours", "input.level"];
        let joined = node("Concat", "input.all", &parts, &["input.all"]);
        push(out, joined.with(attr_int("axis", 1)));
        "input.all"
    } else {
        "input.colours"
    };
    let side = look.detail as i64;
    push(
        out,
        node("AveragePool", "input", &[full], &["input"])
            .with(attr_ints("kernel_shape", &[side; 2]))
            .with(attr_ints("strides", &[side; 2])),
    );
    let Grid { rows, columns } = look.grid();
    out.initializer.push(tensor_f32("mean", &[1, all, rows, columns], &model.mean));
    push(out, node("Sub", "centred", &["input", "mean"], &["centred"]));
}

/// Looks every colour up in the table of levels: `[n, 1, height, width]`.
fn levels(table: &[f32], out: &mut GraphProto) {
    let steps = STEPS as f32;
    out.initializer.push(tensor_f32("level.table", &[table.len()], table));
    out.initializer.push(tensor_f32("level.weights", &[1, 3, 1, 1], &[steps * steps, steps, 1.0]));
    number(out, "level.step", 1.0 / 8.0);
    push(out, node("Mul", "level.mul", &[PIXELS, "level.step"], &["level.scaled"]));
    push(out, node("Floor", "level.floor", &["level.scaled"], &["level.digits"]));
    push(out, node("Conv", "level.conv", &["level.digits", "level.weights"], &["level.places"]));
    let cast = node("Cast", "level.cast", &["level.places"], &["level.indices"]);
    push(out, cast.with(attr_int("to", DataType::Int64 as i64)));
    let inputs = ["level.table", "level.indices"];
    push(out, node("Gather", "level.gather", &inputs, &["input.level"]).with(attr_int("axis", 0)));
}

/// Takes the components out; gives what their coefficients measure.
fn residual(model: &NormalityModel, out: &mut GraphProto) -> Option<Measured> {
    let (count, length) = (model.components.len(), model.mean.len());
    if count == 0 {
        push(out, node("Identity", "residual", &["centred"], &["residual"]));
        return None;
    }
    let flat: Vec<f32> = model.components.iter().flatten().copied().collect();
    out.initializer.push(tensor_f32("components", &[count, length], &flat));
    push(out, node("Flatten", "flat", &["centred"], &["flat"]).with(attr_int("axis", 1)));
    push(
        out,
        node("Gemm", "coefficients", &["flat", "components"], &["coefficients"])
            .with(attr_int("transB", 1)),
    );
    push(out, node("MatMul", "known", &["coefficients", "components"], &["known"]));
    push(out, node("Sub", "rest", &["flat", "known"], &["rest"]));
    let Grid { rows, columns } = model.look.grid();
    let dims = [-1, model.look.channels().1 as i64, rows as i64, columns as i64];
    out.initializer.push(tensor_i64("maps.shape", &[4], &dims));
    push(out, node("Reshape", "residual", &["rest", "maps.shape"], &["residual"]));
    let distribution = model.shape_score?;
    let logarithms = ratios(out, "shape", "coefficients", &model.spread);
    let score = standardised(out, "shape", distribution);
    Some(Measured { score, logarithms })
}

/// The largest of `values` `[n, count]` in units of their spread, as `raw`, and what they measure.
fn ratios(out: &mut GraphProto, name: &str, values: &str, spread: &[f32]) -> [String; 2] {
    let part = |leaf: &str| format!("{name}.{leaf}");
    let inverse: Vec<f32> = spread.iter().map(|s| 1.0 / s).collect();
    out.initializer.push(tensor_f32(&part("inverse"), &[1, spread.len()], &inverse));
    push(out, node("Mul", &part("scale"), &[values, &part("inverse")], &[&part("scaled")]));
    push(out, node("Abs", &part("abs"), &[&part("scaled")], &[&part("ratios")]));
    let most = node("ReduceMax", &part("most"), &[&part("ratios")], &[&part("raw")]);
    push(out, most.with(attr_ints("axes", &[1])).with(attr_int("keepdims", 1)));
    let inputs = [part("scaled"), part("scaled")];
    push(out, node("Mul", &part("square"), &[&inputs[0], &inputs[1]], &[&part("squares")]));
    let mean = node("ReduceMean", &part("mean"), &[&part("squares")], &[&part("energy")]);
    push(out, mean.with(attr_ints("axes", &[1])).with(attr_int("keepdims", 1)));
    let largest = logarithm(out, name, &part("raw"));
    [largest, logarithm(out, &part("of_energy"), &part("energy"))]
}

/// What the likeness to known faults measures.
fn likeness(model: &NormalityModel, faults: &Faults, out: &mut GraphProto) -> [String; 2] {
    let z = format!("{}.z", scale_name(&model.scales[faults.scale]));
    let flat: Vec<f32> = faults.ways.iter().flatten().copied().collect();
    let dims = [faults.ways.len(), faults.ways[0].len()];
    out.initializer.push(tensor_f32("faults.ways", &dims, &flat));
    push(out, node("Flatten", "faults.flatten", &[&z], &["faults.z"]).with(attr_int("axis", 1)));
    let along = node("Gemm", "faults.dot", &["faults.z", "faults.ways"], &["faults.along"]);
    push(out, along.with(attr_int("transB", 1)));
    ratios(out, "faults", "faults.along", &faults.spread)
}

/// The components' coefficients as embedding, where there are some.
fn declare_features(model: &NormalityModel, out: &mut GraphProto) {
    if !model.components.is_empty() {
        push(out, node("Identity", "features", &["coefficients"], &["features"]));
        declare(out, "features", &[model.components.len()]);
    }
}

/// (logarithm - centre) / width, `[n, 1]`.
fn standardised(out: &mut GraphProto, name: &str, score: LogNormal) -> String {
    let part = |leaf: &str| format!("{name}.{leaf}");
    number(out, &part("centre"), score.centre);
    number(out, &part("width"), score.width);
    push(out, node("Sub", &part("sub"), &[&part("logarithm"), &part("centre")], &[&part("off")]));
    push(out, node("Div", &part("div"), &[&part("off"), &part("width")], &[&part("score")]));
    part("score")
}

/// ln(raw), kept finite.
fn logarithm(out: &mut GraphProto, name: &str, raw: &str) -> String {
    let part = |leaf: &str| format!("{name}.{leaf}");
    number(out, &part("least"), LEAST);
    push(out, node("Max", &part("max"), &[raw, &part("least")], &[&part("positive")]));
    push(out, node("Log", &part("log"), &[&part("positive")], &[&part("logarithm")]));
    part("logarithm")
}

fn scale_name(scale: &Scale) -> String {
    let (high, wide) = scale.window;
    format!("scale{}.{high}x{wide}", scale.channels.0)
}

/// Deviations of one window size: their score, measures and map.
fn scale(model: &NormalityModel, index: usize, parts: &mut Parts, out: &mut GraphProto) {
    let scale = &model.scales[index];
    let (high, wide) = scale.window;
    let name = scale_name(scale);
    let part = |leaf: &str| format!("{name}.{leaf}");
    let Grid { rows, columns } = model.look.grid().pooled(scale.window);
    let channels = scale.channels.1 - scale.channels.0;
    let planes = planes(model, scale.channels, out);
    push(
        out,
        node("AveragePool", &part("pool"), &[&planes], &[&part("means")])
            .with(attr_ints("kernel_shape", &[high as i64, wide as i64]))
            .with(attr_ints("strides", &[step(high) as i64, step(wide) as i64])),
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
    push(
        out,
        node("ReduceMean", &part("spread"), &[&part("chi2")], &[&part("energy")])
            .with(attr_ints("axes", &[2, 3]))
            .with(attr_int("keepdims", 0)),
    );
    let largest = logarithm(out, &name, &part("raw"));
    parts.scores.push(standardised(out, &name, scale.score));
    let energy = logarithm(out, &part("of_energy"), &part("energy"));
    parts.measures.extend([largest, energy]);
    // map: in units of what is usual, on the map's grid
    number(out, &part("unit"), scale.score.centre.exp());
    push(
        out,
        node("Div", &part("relative"), &[&part("deviations"), &part("unit")], &[&part("own")]),
    );
    let map = model.map_size();
    let sizes = tensor_i64(&part("sizes"), &[2], &[map.rows as i64, map.columns as i64]);
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
    parts.maps.push(part("map"));
}

/// The residual of these planes alone.
fn planes(model: &NormalityModel, (from, to): (usize, usize), out: &mut GraphProto) -> String {
    if (from, to) == (0, model.look.channels().1) {
        return "residual".into();
    }
    let name = format!("residual{from}");
    if out.node.iter().all(|node| node.name != name) {
        let part = |leaf: &str| format!("{name}.{leaf}");
        for (leaf, value) in [("from", from), ("to", to), ("axis", 1)] {
            out.initializer.push(tensor_i64(&part(leaf), &[1], &[value as i64]));
        }
        let inputs = ["residual", &part("from"), &part("to"), &part("axis")];
        push(out, node("Slice", &name, &inputs, &[&name]));
    }
    name
}

/// The largest score and its p-value.
fn p_value(model: &NormalityModel, scores: &[String], to: &str, out: &mut GraphProto) {
    push(out, node("Max", "largest", &borrowed(scores), &["largest"]));
    number(out, "total.centre", model.total.centre);
    number(out, "total.width", model.total.width);
    push(out, node("Sub", "total.sub", &["largest", "total.centre"], &["total.off"]));
    push(out, node("Div", "total.div", &["total.off", "total.width"], &["score"]));
    // p = (1 - erf(score / sqrt 2)) / 2
    number(out, "sqrt2", std::f64::consts::SQRT_2);
    number(out, "one", 1.0);
    number(out, "half", 0.5);
    push(out, node("Div", "p.scaled", &["score", "sqrt2"], &["p.scaled"]));
    push(out, node("Erf", "p.erf", &["p.scaled"], &["p.erf"]));
    push(out, node("Sub", "p.double", &["one", "p.erf"], &["p.double"]));
    push(out, node("Mul", "p.value", &["p.double", "half"], &[to]));
    declare(out, to, &[1]);
}

/// Probabilities and the joint map.
fn verdict(model: &NormalityModel, maps: &[String], out: &mut GraphProto) {
    number(out, "rate", model.false_alarm_rate);
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
    let Grid { rows, columns } = model.map_size();
    declare(out, "probabilities", &[2]);
    declare(out, "score", &[1]);
    declare(out, "cam", &[2, rows, columns]);
}

/// Measures to logits, probabilities and a map for each label.
fn told(model: &NormalityModel, parts: &Parts, verdict: Verdict<'_>, out: &mut GraphProto) {
    let (labels, count) = (verdict.bias.len(), model.measure_count());
    p_value(model, &parts.scores, GUARD, out);
    let joined = node("Concat", "features", &borrowed(&parts.measures), &["features"]);
    push(out, joined.with(attr_int("axis", 1)));
    out.initializer.push(tensor_f32("head.weight", &[labels, count], verdict.weight));
    out.initializer.push(tensor_f32("head.bias", &[labels], verdict.bias));
    let inputs = ["features", "head.weight", "head.bias"];
    push(out, node("Gemm", "head", &inputs, &["logits"]).with(attr_int("transB", 1)));
    let softmax = node("Softmax", "softmax", &["logits"], &["probabilities"]);
    push(out, softmax.with(attr_int("axis", 1)));
    let scales = parts.maps.len();
    let listens: Vec<f32> = verdict
        .weight
        .chunks_exact(count)
        .flat_map(|row| row[..2 * scales].chunks_exact(2).map(|two| two[0] + 2.0 * two[1]))
        .collect();
    push(out, node("Concat", "maps", &borrowed(&parts.maps), &["maps"]).with(attr_int("axis", 1)));
    push(out, node("Mul", "maps.square", &["maps", "maps"], &["energies"]));
    out.initializer.push(tensor_f32("cam.weight", &[labels, scales, 1, 1], &listens));
    let cam = node("Conv", "cam", &["energies", "cam.weight"], &["cam"]);
    push(out, cam.with(attr_ints("kernel_shape", &[1, 1])));
    let Grid { rows, columns } = model.map_size();
    declare(out, "probabilities", &[labels]);
    declare(out, "logits", &[labels]);
    declare(out, "features", &[count]);
    declare(out, "cam", &[labels, rows, columns]);
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
