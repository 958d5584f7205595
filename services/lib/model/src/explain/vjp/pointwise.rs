//! Operators that work element by element.

use super::{Reverse, float_of};
use crate::onnx::NodeProto;

/// Slope and offset of a batch normalisation as constants that broadcast over the maps.
pub(super) fn normalisation(
    reverse: &mut Reverse,
    node: &NodeProto,
) -> Result<(String, String), String> {
    let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|i| reverse.floats(node, i));
    let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
    let epsilon = float_of(node, "epsilon", 1e-5);
    let slope: Vec<f32> =
        scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let offset: Vec<f32> =
        bias.iter().zip(&mean).zip(&slope).map(|((b, m), s)| b - m * s).collect();
    let mut shape = vec![1; reverse.shape(&node.input[0]).len()];
    *shape.get_mut(1).ok_or("a batch normalisation without channels")? = slope.len();
    let build = &mut reverse.build;
    Ok((build.floats(&shape, &slope), build.floats(&shape, &offset)))
}

/// Lower and upper bound of a Clip, which older operator sets hold as attributes.
pub(super) fn bounds(reverse: &Reverse, node: &NodeProto) -> Result<[f32; 2], String> {
    let bound = |index: usize, name: &str, default: f32| match node.input.get(index) {
        Some(input) if !input.is_empty() => {
            reverse.floats(node, index)?.first().copied().ok_or_else(|| "an empty bound".to_owned())
        }
        _ => Ok(float_of(node, name, default)),
    };
    Ok([bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?])
}

/// The gradient at one input of an element-wise operator.
pub(super) fn rule(
    reverse: &mut Reverse,
    node: &NodeProto,
    index: usize,
    name: &str,
    gradient: &str,
) -> Result<String, String> {
    let full = reverse.shape(&node.output[0]);
    let local = match node.op_type.as_str() {
        "Add" | "Sum" => gradient.to_owned(),
        "Mean" => {
            let share = reverse.build.scalar(1.0 / node.input.len() as f32);
            reverse.build.op("Mul", &[gradient, &share])
        }
        "Sub" if index == 0 => gradient.to_owned(),
        "Sub" => reverse.build.op("Neg", &[gradient]),
        "Mul" => {
            let other = reverse.input(node, 1 - index)?;
            reverse.build.op("Mul", &[gradient, &other])
        }
        "Div" => divided(reverse, node, index, gradient)?,
        "PRelu" if index == 0 => {
            let (x, slope) = (reverse.input(node, 0)?, reverse.input(node, 1)?);
            let below = reverse.build.op("Mul", &[gradient, &slope]);
            where_positive(reverse, &x, gradient, &below)
        }
        _ => return unary(reverse, node, gradient),
    };
    Ok(reverse.unbroadcast(&local, full, name))
}

fn divided(
    reverse: &mut Reverse,
    node: &NodeProto,
    index: usize,
    gradient: &str,
) -> Result<String, String> {
    let below = reverse.input(node, 1)?;
    let over = reverse.build.op("Div", &[gradient, &below]);
    if index == 0 {
        return Ok(over);
    }
    // d(a/b)/db = -(a/b)/b
    let quotient = reverse.forward_name(&node.output[0]);
    let product = reverse.build.op("Mul", &[&over, &quotient]);
    Ok(reverse.build.op("Neg", &[&product]))
}

/// `above` where x > 0, else `below`.
fn where_positive(reverse: &mut Reverse, x: &str, above: &str, below: &str) -> String {
    let zero = reverse.build.scalar(0.0);
    let positive = reverse.build.op("Greater", &[x, &zero]);
    reverse.build.op("Where", &[&positive, above, below])
}

/// Operators of one input: the gradient times the derivative at x, where y is the output.
fn unary(reverse: &mut Reverse, node: &NodeProto, gradient: &str) -> Result<String, String> {
    let (x, y) = (reverse.input(node, 0)?, reverse.forward_name(&node.output[0]));
    let derivative = match node.op_type.as_str() {
        "Relu" => {
            let zero = reverse.build.scalar(0.0);
            return Ok(where_positive(reverse, &x, gradient, &zero));
        }
        "LeakyRelu" => {
            let alpha = reverse.build.scalar(float_of(node, "alpha", 0.01));
            let below = reverse.build.op("Mul", &[gradient, &alpha]);
            return Ok(where_positive(reverse, &x, gradient, &below));
        }
        "Elu" => {
            // alpha (e^x - 1) has the derivative y + alpha
            let alpha = reverse.build.scalar(float_of(node, "alpha", 1.0));
            let slope = reverse.build.op("Add", &[&y, &alpha]);
            let below = reverse.build.op("Mul", &[gradient, &slope]);
            return Ok(where_positive(reverse, &x, gradient, &below));
        }
        "Clip" => {
            let [low, high] = bounds(reverse, node)?;
            return Ok(inside(reverse, &x, gradient, low, high));
        }
        "HardSigmoid" => {
            let (alpha, beta) = (float_of(node, "alpha", 0.2), float_of(node, "beta", 0.5));
            let slope = reverse.build.scalar(alpha);
            let scaled = reverse.build.op("Mul", &[gradient, &slope]);
            return Ok(inside(reverse, &x, &scaled, -beta / alpha, (1.0 - beta) / alpha));
        }
        "HardSwish" => hard_swish(reverse, &x),
        "Neg" => return Ok(reverse.build.op("Neg", &[gradient])),
        "Abs" => reverse.build.op("Sign", &[&x]),
        "Exp" => y,
        "Log" => reverse.build.op("Reciprocal", &[&x]),
        "Sqrt" => {
            let two = reverse.build.scalar(2.0);
            let doubled = reverse.build.op("Mul", &[&y, &two]);
            reverse.build.op("Reciprocal", &[&doubled])
        }
        "Sigmoid" | "Tanh" => saturating(reverse, node, &y),
        "Softplus" => reverse.build.op("Sigmoid", &[&x]),
        "Erf" => bell(reverse, &x),
        "BatchNormalization" => normalisation(reverse, node)?.0,
        other => {
            return Err(format!("operator {} has no gradient rule", crate::scan::short(other)));
        }
    };
    Ok(reverse.build.op("Mul", &[gradient, &derivative]))
}

/// `gradient` where low < x < high, else 0.
fn inside(reverse: &mut Reverse, x: &str, gradient: &str, low: f32, high: f32) -> String {
    let build = &mut reverse.build;
    let [low, high, zero] = [low, high, 0.0].map(|v| build.scalar(v));
    let above = build.op("Greater", &[x, &low]);
    let below = build.op("Less", &[x, &high]);
    let both = build.op("And", &[&above, &below]);
    build.op("Where", &[&both, gradient, &zero])
}

/// y (1 - y) of the logistic function, 1 - y^2 of the hyperbolic tangent.
fn saturating(reverse: &mut Reverse, node: &NodeProto, y: &str) -> String {
    let build = &mut reverse.build;
    let one = build.scalar(1.0);
    if node.op_type == "Tanh" {
        let square = build.op("Mul", &[y, y]);
        return build.op("Sub", &[&one, &square]);
    }
    let rest = build.op("Sub", &[&one, y]);
    build.op("Mul", &[y, &rest])
}

/// x max(0, min(1, x/6 + 1/2)): 0 up to -3, 1 from 3 on, x/3 + 1/2 in between.
fn hard_swish(reverse: &mut Reverse, x: &str) -> String {
    let build = &mut reverse.build;
    let [third, half, three, zero, one] = [1.0 / 3.0, 0.5, 3.0, 0.0, 1.0].map(|v| build.scalar(v));
    let scaled = build.op("Mul", &[x, &third]);
    let between = build.op("Add", &[&scaled, &half]);
    let distance = build.op("Abs", &[x]);
    let near = build.op("Less", &[&distance, &three]);
    let positive = build.op("Greater", &[x, &zero]);
    let far = build.op("Where", &[&positive, &one, &zero]);
    build.op("Where", &[&near, &between, &far])
}

/// 2 / sqrt(pi) exp(-x^2), the derivative of the error function.
fn bell(reverse: &mut Reverse, x: &str) -> String {
    let build = &mut reverse.build;
    let square = build.op("Mul", &[x, x]);
    let negative = build.op("Neg", &[&square]);
    let exponential = build.op("Exp", &[&negative]);
    let factor = build.scalar(std::f32::consts::FRAC_2_SQRT_PI);
    build.op("Mul", &[&exponential, &factor])
}
