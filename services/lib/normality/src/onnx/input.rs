//! Pixels -> deviations from the mean of their planes.

use super::{declare_input, number, push};
use crate::{
    NormalityModel, PIXELS,
    cells::{Cells, LEAST_MEAN, LINE, PAPER, Panel, Sort},
    grid::Grid,
    look::{Look, steps},
};
use hydra_model::onnx::{DataType, GraphProto, attr_int, attr_ints, node, tensor_f32, tensor_i64};

/// `input` minus the mean: `centred` `[n, planes, rows, columns]`.
pub(super) fn input(model: &NormalityModel, out: &mut GraphProto) {
    let look = &model.look;
    declare_input(look.input, out);
    match &look.cells {
        Some(cells) => of_cells(look, cells, out),
        None => of_pixels(look, out),
    }
    let Grid { rows, columns, .. } = look.grid();
    out.initializer.push(tensor_f32("mean", &[1, look.channels().1, rows, columns], &model.mean));
    push(out, node("Sub", "centred", &["input", "mean"], &["centred"]));
}

/// Means over some pixels across and down.
fn of_pixels(look: &Look, out: &mut GraphProto) {
    number(out, "input.scale", 1.0 / 255.0);
    push(out, node("Mul", "input.colours", &[PIXELS, "input.scale"], &["input.colours"]));
    let full = if let Some(table) = &look.levels {
        out.initializer.push(tensor_f32("level.weights", &[1, 3, 1, 1], &digits(table)));
        scaled(table, PIXELS, out);
        let inputs = ["level.digits", "level.weights"];
        push(out, node("Conv", "level.conv", &inputs, &["level.places"]));
        looked_up(table, "input.level", out);
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
}

/// What a step of each primary colour counts in a table of levels.
fn digits(table: &[f32]) -> [f32; 3] {
    let steps = steps(table.len()) as f32;
    [steps * steps, steps, 1.0]
}

/// Colours as steps: `level.digits`.
fn scaled(table: &[f32], pixels: &str, out: &mut GraphProto) {
    number(out, "level.step", steps(table.len()) as f64 / 256.0);
    push(out, node("Mul", "level.mul", &[pixels, "level.step"], &["level.scaled"]));
    push(out, node("Floor", "level.floor", &["level.scaled"], &["level.digits"]));
}

/// The levels at `level.places`.
fn looked_up(table: &[f32], to: &str, out: &mut GraphProto) {
    out.initializer.push(tensor_f32("level.table", &[table.len()], table));
    let cast = node("Cast", "level.cast", &["level.places"], &["level.indices"]);
    push(out, cast.with(attr_int("to", DataType::Int64 as i64)));
    let inputs = ["level.table", "level.indices"];
    push(out, node("Gather", "level.gather", &inputs, &[to]).with(attr_int("axis", 0)));
}

/// The numbers of all cells, each relative to its panel's mean, as one picture.
fn of_cells(look: &Look, cells: &Cells, out: &mut GraphProto) {
    let parts: Vec<String> = cells
        .panels
        .iter()
        .enumerate()
        .map(|(index, panel)| {
            let values = match panel.sort {
                Sort::Level => None,
                Sort::Filled | Sort::Line => Some(heights(index, panel, out)),
            };
            values.unwrap_or_default()
        })
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    if let Some(table) = look.levels.as_ref().filter(|_| parts.is_empty()) {
        colours(look, cells, table, out);
    } else {
        push(out, node("Concat", "cells", &parts, &["cells"]).with(attr_int("axis", 1)));
    }
    relative(cells, out);
    // to their places; index 0 and a mask where there is no cell
    let area = cells.grid.area();
    let (mut index, mut mask) = (vec![0i64; area], vec![0.0f32; area]);
    let of_panels = cells.panels.iter().flat_map(|panel| &panel.places);
    for (n, (row, column)) in of_panels.chain(&cells.means).enumerate() {
        let at = *row as usize * cells.grid.columns + *column as usize;
        (index[at], mask[at]) = (n as i64, 1.0);
    }
    out.initializer.push(tensor_i64("cells.places", &[area], &index));
    out.initializer.push(tensor_f32("cells.mask", &[1, area], &mask));
    let laid = node("Gather", "cells.lay", &["cells.all", "cells.places"], &["cells.laid"]);
    push(out, laid.with(attr_int("axis", 1)));
    push(out, node("Mul", "cells.masked", &["cells.laid", "cells.mask"], &["cells.masked"]));
    let dims = [-1, 1, cells.grid.rows as i64, cells.grid.columns as i64];
    out.initializer.push(tensor_i64("cells.shape", &[4], &dims));
    push(out, node("Reshape", "input", &["cells.masked", "cells.shape"], &["input"]));
}

/// The level of each cell's pixel: `cells` `[n, cells]`.
fn colours(look: &Look, cells: &Cells, table: &[f32], out: &mut GraphProto) {
    let (wide, high) = (i64::from(look.input.width), i64::from(look.input.height));
    let pixels = cells.panels.iter().flat_map(|panel| &panel.pixels);
    let index: Vec<i64> = pixels.map(|(y, x)| i64::from(*y) * wide + i64::from(*x)).collect();
    out.initializer.push(tensor_i64("cells.flat", &[3], &[-1, 3, wide * high]));
    out.initializer.push(tensor_i64("cells.pixels", &[index.len()], &index));
    push(out, node("Reshape", "cells.reshape", &[PIXELS, "cells.flat"], &["cells.flattened"]));
    let inputs = ["cells.flattened", "cells.pixels"];
    push(out, node("Gather", "cells.pick", &inputs, &["cells.picked"]).with(attr_int("axis", 2)));
    scaled(table, "cells.picked", out);
    out.initializer.push(tensor_f32("level.weights", &[1, 3, 1], &digits(table)));
    push(out, node("Mul", "level.weigh", &["level.digits", "level.weights"], &["level.weighed"]));
    out.initializer.push(tensor_i64("level.axes", &[1], &[1]));
    let sum = node("ReduceSum", "level.sum", &["level.weighed", "level.axes"], &["level.places"]);
    push(out, sum.with(attr_int("keepdims", 0)));
    looked_up(table, "cells", out);
}

/// How far up the columns of a histogram reach: `[n, columns]`.
fn heights(index: usize, panel: &Panel, out: &mut GraphProto) -> String {
    let part = |leaf: &str| format!("panel{index}.{leaf}");
    let columns: Vec<i64> = panel.pixels.iter().map(|(_, x)| i64::from(*x)).collect();
    let high = panel.rows.1 - panel.rows.0;
    for (leaf, values) in [
        ("from", vec![panel.rows.0 as i64]),
        ("to", vec![panel.rows.1 as i64]),
        ("axis", vec![2]),
        ("columns", columns),
    ] {
        out.initializer.push(tensor_i64(&part(leaf), &[values.len()], &values));
    }
    let inputs = [PIXELS, &part("from"), &part("to"), &part("axis")];
    push(out, node("Slice", &part("slice"), &inputs, &[&part("rows")]));
    let inputs = [part("rows"), part("columns")];
    push(
        out,
        node("Gather", &part("pick"), &[&inputs[0], &inputs[1]], &[&part("picked")])
            .with(attr_int("axis", 3)),
    );
    // where a column ends: paper above what is filled, or a line above paper
    let (reduce, compare, bound) = match panel.sort {
        Sort::Line => ("ReduceMax", "Less", LINE),
        Sort::Filled | Sort::Level => ("ReduceMin", "Greater", PAPER),
    };
    push(
        out,
        node(reduce, &part("reduce"), &[&part("picked")], &[&part("tone")])
            .with(attr_ints("axes", &[1]))
            .with(attr_int("keepdims", 0)),
    );
    number(out, &part("bound"), f64::from(bound) * 255.0);
    push(out, node(compare, &part("compare"), &[&part("tone"), &part("bound")], &[&part("ends")]));
    for (leaf, from, to, kind) in [
        ("as_number", "ends", "ended", DataType::Int32),
        ("as_float", "first", "row", DataType::Float),
    ] {
        if leaf == "as_float" {
            // the lowest row; the last one where there is none
            push(
                out,
                node("ArgMax", &part("argmax"), &[&part("ended")], &[&part("first")])
                    .with(attr_int("axis", 1))
                    .with(attr_int("keepdims", 0))
                    .with(attr_int("select_last_index", 1)),
            );
        }
        let cast = node("Cast", &part(leaf), &[&part(from)], &[&part(to)]);
        push(out, cast.with(attr_int("to", kind as i64)));
    }
    number(out, &part("foot"), high as f64 - 1.0);
    number(out, &part("high"), high as f64);
    push(out, node("Sub", &part("up"), &[&part("foot"), &part("row")], &[&part("pixels")]));
    push(out, node("Div", &part("share"), &[&part("pixels"), &part("high")], &[&part("heights")]));
    part("heights")
}

/// `cells` relative to their panels' means, and the means behind them: `cells.all`.
fn relative(cells: &Cells, out: &mut GraphProto) {
    let count: usize = cells.panels.iter().map(|panel| panel.pixels.len()).sum();
    let panels = cells.panels.len();
    let (mut member, mut usual) = (vec![0.0f32; count * panels], Vec::with_capacity(count));
    let mut share = vec![0.0f32; panels * count];
    let mut at = 0;
    for (index, panel) in cells.panels.iter().enumerate() {
        for scale in &panel.scales {
            member[at * panels + index] = 1.0 / panel.scales.len() as f32;
            share[index * count + at] = 1.0;
            usual.push(*scale);
            at += 1;
        }
    }
    out.initializer.push(tensor_f32("cells.member", &[count, panels], &member));
    out.initializer.push(tensor_f32("cells.share", &[panels, count], &share));
    out.initializer.push(tensor_f32("cells.usual", &[1, count], &usual));
    number(out, "cells.least", f64::from(LEAST_MEAN));
    push(out, node("MatMul", "cells.sum", &["cells", "cells.member"], &["cells.sums"]));
    push(out, node("Max", "cells.max", &["cells.sums", "cells.least"], &["cells.means"]));
    push(out, node("MatMul", "cells.spread", &["cells.means", "cells.share"], &["cells.own"]));
    push(out, node("Div", "cells.div", &["cells", "cells.own"], &["cells.ratio"]));
    push(out, node("Mul", "cells.mul", &["cells.ratio", "cells.usual"], &["cells.relative"]));
    let both = ["cells.relative", "cells.means"];
    push(out, node("Concat", "cells.both", &both, &["cells.all"]).with(attr_int("axis", 1)));
}
