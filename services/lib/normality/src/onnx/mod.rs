//! The model as an ONNX file that is served like any classifier.

mod input;
mod scale;

use super::{GUARD, LEAST, LogNormal, NormalityModel, PIXELS, Scale, faults::Faults, grid::Grid};
use hydra_model::onnx::{
    self, DataType, Dim, GraphProto, NodeProto, attr_int, attr_ints, node, tensor_f32, tensor_i64,
    value_info,
};
use hydra_proto::registry::InputShape;
use input::input;
use scale::scale;

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
        let parts = self.body(&mut out);
        told(self, parts, verdict, &mut out);
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
        let parts = self.body(&mut out);
        declare_features(self, &mut out);
        p_value(self, &parts.scores, "p_value", &mut out);
        verdict(self, &parts.maps, &mut out);
        out
    }

    /// From pixels to the scales.
    fn body(&self, out: &mut GraphProto) -> Parts {
        let mut parts = Parts::default();
        input(self, out);
        let shape = residual(self, out);
        for index in 0..self.scales.len() {
            scale(self, index, &mut parts, out);
        }
        // last, as in `measures`
        if let Some(Measured { score, logarithms }) = shape {
            parts.standings.push(score.clone());
            parts.scores.push(score);
            parts.measures.extend(logarithms);
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
    /// How strange each of them is `[n, 1]`.
    standings: Vec<String>,
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

fn declare_input(input: InputShape, out: &mut GraphProto) {
    let sides = [input.channels, input.height, input.width].map(|side| Dim::Fixed(side as usize));
    let dims: Vec<Dim> = std::iter::once(Dim::Named("n")).chain(sides).collect();
    out.input.push(value_info(PIXELS, DataType::Float, &dims));
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
    let Grid { rows, columns, .. } = model.look.grid();
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
    let both = node("Concat", "cam", &["map.good", "map"], &["cam.own"]);
    push(out, both.with(attr_int("axis", 1)));
    declare(out, "probabilities", &[2]);
    declare(out, "score", &[1]);
    shown(model, 2, out);
}

/// Measures to logits, probabilities and a map for each label.
fn told(model: &NormalityModel, mut parts: Parts, verdict: Verdict<'_>, out: &mut GraphProto) {
    let (labels, count) = (verdict.bias.len(), model.measure_count());
    p_value(model, &parts.scores, GUARD, out);
    push(out, node("Max", "strangest", &borrowed(&parts.standings), &["strangest"]));
    parts.measures.push("strangest".into());
    if let Some(faults) = &model.faults {
        parts.measures.extend(likeness(model, faults, out));
    }
    let joined = node("Concat", "features", &borrowed(&parts.measures), &["features"]);
    push(out, joined.with(attr_int("axis", 1)));
    out.initializer.push(tensor_f32("head.weight", &[labels, count], verdict.weight));
    out.initializer.push(tensor_f32("head.bias", &[labels], verdict.bias));
    let inputs = ["features", "head.weight", "head.bias"];
    push(out, node("Gemm", "head", &inputs, &["logits"]).with(attr_int("transB", 1)));
    let softmax = node("Softmax", "softmax", &["logits"], &["probabilities"]);
    push(out, softmax.with(attr_int("axis", 1)));
    let scales = parts.maps.len();
    let listens: Vec<f32> =
        verdict.weight.chunks_exact(count).flat_map(|row| listens(model, row)).collect();
    push(out, node("Concat", "maps", &borrowed(&parts.maps), &["maps"]).with(attr_int("axis", 1)));
    push(out, node("Mul", "maps.square", &["maps", "maps"], &["energies"]));
    out.initializer.push(tensor_f32("cam.weight", &[labels, scales, 1, 1], &listens));
    let cam = node("Conv", "cam", &["energies", "cam.weight"], &["cam.own"]);
    push(out, cam.with(attr_ints("kernel_shape", &[1, 1])));
    shown(model, labels, out);
    declare(out, "probabilities", &[labels]);
    declare(out, "logits", &[labels]);
    declare(out, "features", &[count]);
}

/// How much a label's row of the head listens to each scale.
fn listens(model: &NormalityModel, row: &[f32]) -> Vec<f32> {
    /// Of the weight of the strangest, for whichever scale that is.
    const SHARE: f32 = 0.1;
    let strangest =
        row[row.len() - model.summary_count() + 2 * usize::from(model.shape_score.is_some())];
    let mut at = 0;
    let of = |scale: &Scale| {
        let own = &row[at..at + scale.measure_count()];
        at += own.len();
        let (energy, largest) = own.split_last().unwrap_or((&0.0, &[]));
        largest.iter().sum::<f32>() + 2.0 * energy + SHARE * strangest
    };
    model.scales.iter().map(of).collect()
}

/// `cam.own` as `cam`, a map of the plot: where cells are compared, each is put where it is drawn.
fn shown(model: &NormalityModel, labels: usize, out: &mut GraphProto) {
    let Grid { rows, columns, .. } = model.shown_size();
    if let Some(spots) = model.look.spots() {
        let area = model.map_size().area() as i64;
        let index: Vec<i64> = spots.iter().map(|spot| spot.unwrap_or(0) as i64).collect();
        let mask: Vec<f32> = spots.iter().map(|spot| f32::from(spot.is_some())).collect();
        let shape = [-1, labels as i64, rows as i64, columns as i64];
        out.initializer.push(tensor_i64("cam.flat", &[3], &[-1, labels as i64, area]));
        out.initializer.push(tensor_i64("cam.spots", &[index.len()], &index));
        out.initializer.push(tensor_f32("cam.mask", &[1, 1, mask.len()], &mask));
        out.initializer.push(tensor_i64("cam.shape", &[4], &shape));
        push(out, node("Reshape", "cam.flatten", &["cam.own", "cam.flat"], &["cam.cells"]));
        let inputs = ["cam.cells", "cam.spots"];
        let lay = node("Gather", "cam.lay", &inputs, &["cam.laid"]);
        push(out, lay.with(attr_int("axis", 2)));
        push(out, node("Mul", "cam.hide", &["cam.laid", "cam.mask"], &["cam.shown"]));
        push(out, node("Reshape", "cam.map", &["cam.shown", "cam.shape"], &["cam"]));
    } else {
        push(out, node("Identity", "cam.map", &["cam.own"], &["cam"]));
    }
    declare(out, "cam", &[labels, rows, columns]);
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
