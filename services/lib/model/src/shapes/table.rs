//! The operators that are taken: each name with its rule.

use super::content::{is_integer, zip};
use super::{Call, Fact, Facts, Rule, arrange, axis, broadcast, reduce, windows};
use crate::onnx::NodeProto;

/// The rule of an operator of the standard domain; `None` where it is not taken.
pub(super) fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "Abs"
        | "Acos"
        | "Acosh"
        | "Asin"
        | "Asinh"
        | "Atan"
        | "Atanh"
        | "BitShift"
        | "Ceil"
        | "Celu"
        | "Clip"
        | "Cos"
        | "Cosh"
        | "CumSum"
        | "DequantizeLinear"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Floor"
        | "Gelu"
        | "GroupNormalization"
        | "HardSigmoid"
        | "HardSwish"
        | "Hardmax"
        | "Identity"
        | "InstanceNormalization"
        | "IsInf"
        | "IsNaN"
        | "LRN"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "Mish"
        | "Neg"
        | "Not"
        | "QuantizeLinear"
        | "Reciprocal"
        | "Relu"
        | "Round"
        | "ScatterElements"
        | "Selu"
        | "Shrink"
        | "Sigmoid"
        | "Sign"
        | "Sin"
        | "Sinh"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "Sqrt"
        | "Swish"
        | "Tan"
        | "Tanh"
        | "ThresholdedRelu" => same,
        "BatchNormalization" => batch_norm,
        "LayerNormalization" => layer_norm,
        "Dropout" => dropout,
        "DynamicQuantizeLinear" => dynamic_quantize,
        "Add" | "And" | "Div" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual"
        | "Max" | "Mean" | "Min" | "Mod" | "Mul" | "Or" | "PRelu" | "Pow" | "Sub" | "Sum"
        | "Where" | "Xor" => elementwise,
        "Conv" | "ConvInteger" => windows::conv,
        "QLinearConv" => windows::quantised_conv,
        "ConvTranspose" => windows::conv_transpose,
        "AveragePool" | "LpPool" | "MaxPool" => windows::pool,
        "GlobalAveragePool" | "GlobalLpPool" | "GlobalMaxPool" => windows::global_pool,
        "DepthToSpace" => windows::depth_to_space,
        "SpaceToDepth" => windows::space_to_depth,
        "Resize" | "Upsample" => windows::resize,
        "Gemm" => reduce::gemm,
        "MatMul" | "MatMulInteger" => reduce::matmul,
        "QLinearMatMul" => reduce::quantised_matmul,
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax"
        | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => {
            reduce::reduce
        }
        "ArgMax" | "ArgMin" => reduce::arg,
        "TopK" => reduce::top_k,
        "Cast" => arrange::cast,
        "Concat" => arrange::concat,
        "Constant" => arrange::constant,
        "ConstantOfShape" => arrange::constant_of_shape,
        "Expand" => arrange::expand,
        "Flatten" => arrange::flatten,
        "Gather" => arrange::gather,
        "GatherElements" => arrange::gather_elements,
        "OneHot" => arrange::one_hot,
        "Pad" => arrange::pad,
        "Range" => arrange::range,
        "Reshape" => arrange::reshape,
        "Shape" => arrange::shape,
        "Size" => arrange::size,
        "Slice" => arrange::slice,
        "Split" => arrange::split,
        "Squeeze" => arrange::squeeze,
        "Tile" => arrange::tile,
        "Transpose" => arrange::transpose,
        "Unsqueeze" => arrange::unsqueeze,
        _ => return None,
    })
}

/// Output like the first input.
fn same(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    let content = fact.content.as_ref().and_then(|values| {
        let apply: fn(f64) -> f64 = match call.node.op_type.as_str() {
            "Identity" => |v| v,
            "Floor" => f64::floor,
            "Ceil" => f64::ceil,
            "Neg" => |v| -v,
            "Abs" => f64::abs,
            "Sqrt" => f64::sqrt,
            "Reciprocal" => f64::recip,
            _ => return None,
        };
        Some(values.iter().map(|v| apply(*v)).collect())
    });
    Ok(vec![Fact { shape: fact.shape.clone(), kind: fact.kind, content }])
}

/// Only as in serving; in training it has outputs that depend on the batch.
fn batch_norm(call: &Call) -> Result<Vec<Fact>, String> {
    if call.int("training_mode", 0) != 0 || call.node.output.len() > 1 {
        return Err("it is in training mode".into());
    }
    Ok(vec![Fact::of_shape(call.fact(0)?.shape.clone())])
}

fn layer_norm(call: &Call) -> Result<Vec<Fact>, String> {
    let shape = &call.fact(0)?.shape;
    let at = axis(call.int("axis", -1), shape.len())?;
    let statistics: Vec<usize> =
        shape.iter().enumerate().map(|(i, d)| if i < at { *d } else { 1 }).collect();
    let statistics = Fact::of_shape(statistics);
    Ok(vec![Fact::of_shape(shape.clone()), statistics.clone(), statistics])
}

fn dropout(call: &Call) -> Result<Vec<Fact>, String> {
    let fact = call.fact(0)?;
    Ok(vec![fact.clone(), Fact::of_shape(fact.shape.clone())])
}

fn dynamic_quantize(call: &Call) -> Result<Vec<Fact>, String> {
    let scalar = Fact::of_shape(Vec::new());
    Ok(vec![Fact::of_shape(call.fact(0)?.shape.clone()), scalar.clone(), scalar])
}

/// Any number of inputs that are broadcast against each other.
fn elementwise(call: &Call) -> Result<Vec<Fact>, String> {
    let first = call.fact(0)?;
    let mut shape = first.shape.clone();
    for index in 1..call.inputs.len() {
        shape = broadcast(&shape, &call.fact(index)?.shape)?;
    }
    let content = (call.inputs.len() == 2).then(|| arithmetic(call)).flatten();
    Ok(vec![Fact { shape, kind: first.kind, content }])
}

fn arithmetic(call: &Call) -> Option<Vec<f64>> {
    let (a, b) = (call.optional(0)?, call.optional(1)?);
    let whole = is_integer(a.kind);
    let (x, y) = (a.content.as_ref()?, b.content.as_ref()?);
    match call.node.op_type.as_str() {
        "Add" => zip(x, y, |a, b| a + b),
        "Sub" => zip(x, y, |a, b| a - b),
        "Mul" => zip(x, y, |a, b| a * b),
        "Div" if whole => zip(x, y, |a, b| (a / b).trunc()),
        "Div" => zip(x, y, |a, b| a / b),
        "Max" => zip(x, y, f64::max),
        "Min" => zip(x, y, f64::min),
        _ => None,
    }
}

/// Multiplications that a convolution or matrix product does; other operators count nothing.
pub(super) fn products(node: &NodeProto, facts: &Facts, output: Option<&Fact>) -> u64 {
    let shape = |i: usize| node.input.get(i).and_then(|n| facts.get(n)).map(|f| &f.shape[..]);
    let per_output = match node.op_type.as_str() {
        "Conv" | "ConvInteger" => shape(1).map(|w| w.iter().skip(1).product()),
        "QLinearConv" => shape(3).map(|w| w.iter().skip(1).product()),
        "ConvTranspose" => shape(1).map(|w| w.iter().product()),
        "MatMul" | "MatMulInteger" | "QLinearMatMul" => shape(0).and_then(|a| a.last().copied()),
        "Gemm" => shape(0).map(|a| a.iter().product::<usize>() / output_rows(output)),
        _ => None,
    };
    let elements = output.map_or(0, Fact::elements) as u64;
    elements.saturating_mul(per_output.unwrap_or(0) as u64)
}

fn output_rows(output: Option<&Fact>) -> usize {
    output.and_then(|o| o.shape.first().copied()).unwrap_or(1).max(1)
}
