//! Deviations of one window size.

use super::{Parts, logarithm, number, push, scale_name, standardised};
use crate::{NormalityModel, grid::Grid};
use hydra_model::onnx::{
    GraphProto, attr_int, attr_ints, attr_string, node, tensor_f32, tensor_i64,
};

/// Deviations of one window size: their score, measures and map.
pub(super) fn scale(model: &NormalityModel, index: usize, parts: &mut Parts, out: &mut GraphProto) {
    let scale = &model.scales[index];
    let (high, wide) = scale.window;
    let name = scale_name(scale);
    let part = |leaf: &str| format!("{name}.{leaf}");
    let grid = model.look.grid();
    let Grid { rows, columns, .. } = grid.pooled(scale.window);
    let channels = scale.channels.1 - scale.channels.0;
    let planes = planes(model, scale.channels, out);
    push(
        out,
        node("AveragePool", &part("pool"), &[&planes], &[&part("means")])
            .with(attr_ints("kernel_shape", &[high as i64, wide as i64]))
            .with(attr_ints("strides", &[grid.step(high) as i64, grid.step(wide) as i64])),
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
    let flat = node("Flatten", &part("flatten"), &[&part("deviations")], &[&part("flat")]);
    push(out, flat.with(attr_int("axis", 1)));
    let top = scale.top.min(rows * columns) as i64;
    out.initializer.push(tensor_i64(&part("k"), &[1], &[top]));
    largest(&name, "flat", ("raw", top), out);
    push(
        out,
        node("ReduceMean", &part("spread"), &[&part("chi2")], &[&part("energy")])
            .with(attr_ints("axes", &[2, 3]))
            .with(attr_int("keepdims", 0)),
    );
    let most = logarithm(out, &name, &part("raw"));
    let score = standardised(out, &name, scale.score);
    parts.scores.push(score.clone());
    if let Some(sides) = scale.sides {
        let flat = node("Flatten", &part("sides"), &[&part("z")], &[&part("up")]);
        push(out, flat.with(attr_int("axis", 1)));
        push(out, node("Neg", &part("neg"), &[&part("up")], &[&part("down")]));
        for (side, known) in ["up", "down"].into_iter().zip(sides) {
            let raw = format!("{side}.raw");
            largest(&name, side, (&raw, top), out);
            parts.measures.push(logarithm(out, &part(side), &part(&raw)));
            parts.standings.push(standardised(out, &part(side), known));
        }
        let two = [part("up.score"), part("down.score")];
        push(out, node("Add", &part("both"), &[&two[0], &two[1]], &[&part("sum")]));
        number(out, &part("root"), std::f64::consts::FRAC_1_SQRT_2);
        let inputs = [part("sum"), part("root")];
        push(out, node("Mul", &part("pair"), &[&inputs[0], &inputs[1]], &[&part("pair")]));
        parts.standings.push(part("pair"));
    } else {
        parts.measures.push(most);
        parts.standings.push(score);
    }
    parts.measures.push(logarithm(out, &part("of_energy"), &part("energy")));
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

/// The mean of the largest of a scale's values, `[n, 1]`.
fn largest(scale: &str, values: &str, (to, top): (&str, i64), out: &mut GraphProto) {
    let part = |leaf: &str| format!("{scale}.{leaf}");
    let own = |leaf: &str| format!("{scale}.{values}.{leaf}");
    if top == 1 {
        let most = node("ReduceMax", &own("top"), &[&part(values)], &[&part(to)]);
        push(out, most.with(attr_ints("axes", &[1])).with(attr_int("keepdims", 1)));
        return;
    }
    let inputs = [part(values), part("k")];
    let outputs = [own("largest"), own("places")];
    let most = node("TopK", &own("top"), &[&inputs[0], &inputs[1]], &[&outputs[0], &outputs[1]]);
    push(out, most.with(attr_int("axis", 1)));
    push(
        out,
        node("ReduceMean", &own("raw"), &[&own("largest")], &[&part(to)])
            .with(attr_ints("axes", &[1]))
            .with(attr_int("keepdims", 1)),
    );
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
