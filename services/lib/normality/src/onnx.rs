//! The model as an ONNX file that is served like any classifier.

use super::{
    LogNormal, NormalityModel, PIXELS,
    grid::{Grid, step},
    look::STEPS,
};
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
        onnx::encode(&onnx::model(self.graph(), metadata))
    }

    /// The graph of the file.
    pub(crate) fn graph(&self) -> GraphProto {
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
        out
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
    let Grid { rows, columns } = model.look.grid();
    let dims = [-1, model.look.channels().1 as i64, rows as i64, columns as i64];
    out.initializer.push(tensor_i64("maps.shape", &[4], &dims));
    push(out, node("Reshape", "residual", &["rest", "maps.shape"], &["residual"]));
    declare(out, "features", &[count]);
    let Some(distribution) = model.shape_score else {
        return vec![];
    };
    let inverse: Vec<f32> = model.spread.iter().map(|s| 1.0 / s).collect();
    out.initializer.push(tensor_f32("inverse_spread", &[1, count], &inverse));
    push(out, node("Mul", "shape.scaled", &["features", "inverse_spread"], &["shape.scaled"]));
    push(out, node("Abs", "shape.abs", &["shape.scaled"], &["shape.ratios"]));
    let most = node("ReduceMax", "shape.most", &["shape.ratios"], &["shape.raw"]);
    push(out, most.with(attr_ints("axes", &[1])).with(attr_int("keepdims", 1)));
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
    let (high, wide) = scale.window;
    let name = format!("scale{}.{high}x{wide}", scale.channels.0);
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
    let score = standardised(out, &name, &part("raw"), scale.score);
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
    (score, part("map"))
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
    let Grid { rows, columns } = model.map_size();
    declare(out, "probabilities", &[2]);
    declare(out, "p_value", &[1]);
    declare(out, "score", &[1]);
    declare(out, "cam", &[2, rows, columns]);
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
