use super::*;
use crate::onnx::{attr_int, attr_ints, attr_string, node, tensor_f32, tensor_i64};

const BUDGET: Budget = Budget { tensor: 1 << 20, total: 1 << 22, products: 1 << 30 };

fn graph(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> GraphProto {
    GraphProto { node, initializer, ..Default::default() }
}

fn shape_of(name: &str, graph: &GraphProto, input: &[usize]) -> Vec<usize> {
    let sized = infer(graph, 17, &[("x", input.to_vec())], &BUDGET).unwrap();
    sized.facts[name].shape.clone()
}

#[test]
fn convolutions_and_pools_have_the_sizes_of_the_specification() {
    let weights = tensor_f32("w", &[8, 3, 3, 3], &[0.0; 216]);
    let conv = |attributes: Vec<_>| NodeProto {
        attribute: attributes,
        ..node("Conv", "c", &["x", "w"], &["y"])
    };
    for (attributes, wanted) in [
        (vec![], [1, 8, 9, 7]),
        (vec![attr_ints("pads", &[1, 1, 1, 1])], [1, 8, 11, 9]),
        (vec![attr_ints("strides", &[2, 2])], [1, 8, 5, 4]),
        (vec![attr_ints("dilations", &[2, 2])], [1, 8, 7, 5]),
        (vec![attr_string("auto_pad", "SAME_UPPER"), attr_ints("strides", &[2, 3])], [1, 8, 6, 3]),
    ] {
        let graph = graph(vec![conv(attributes)], vec![weights.clone()]);
        assert_eq!(shape_of("y", &graph, &[1, 3, 11, 9]), wanted);
    }
    let pool = |ceil| {
        node("MaxPool", "p", &["x"], &["y"])
            .with(attr_ints("kernel_shape", &[3, 3]))
            .with(attr_ints("strides", &[2, 2]))
            .with(attr_int("ceil_mode", ceil))
    };
    assert_eq!(shape_of("y", &graph(vec![pool(0)], vec![]), &[1, 4, 10, 9]), [1, 4, 4, 4]);
    assert_eq!(shape_of("y", &graph(vec![pool(1)], vec![]), &[1, 4, 10, 9]), [1, 4, 5, 4]);
}

#[test]
fn shapes_that_exporters_compute_are_followed() {
    // x.view(x.size(0), -1), as PyTorch writes it
    let nodes = vec![
        node("Shape", "s", &["x"], &["shape"]),
        node("Gather", "g", &["shape", "zero"], &["n"]),
        node("Unsqueeze", "u", &["n", "axes"], &["n1"]),
        node("Concat", "c", &["n1", "rest"], &["target"]).with(attr_int("axis", 0)),
        node("Reshape", "r", &["x", "target"], &["y"]),
    ];
    let weights = vec![
        tensor_i64("zero", &[], &[0]),
        tensor_i64("axes", &[1], &[0]),
        tensor_i64("rest", &[1], &[-1]),
    ];
    assert_eq!(shape_of("y", &graph(nodes, weights), &[2, 5, 4, 3]), [2, 60]);
}

#[test]
fn slices_take_what_the_specification_says() {
    for (start, end, step, wanted) in
        [(1, 100, 1, 8), (-3, -1, 1, 2), (0, 9, 2, 5), (-1, i64::MIN, -1, 9), (5, 2, 1, 0)]
    {
        let nodes = vec![node("Slice", "s", &["x", "a", "b", "axis", "step"], &["y"])];
        let weights = vec![
            tensor_i64("a", &[1], &[start]),
            tensor_i64("b", &[1], &[end]),
            tensor_i64("axis", &[1], &[1]),
            tensor_i64("step", &[1], &[step]),
        ];
        assert_eq!(shape_of("y", &graph(nodes, weights), &[2, 9]), [2, wanted]);
    }
}

#[test]
fn matrix_products_are_counted() {
    let weights = vec![tensor_f32("w", &[100, 10], &[0.0; 1000])];
    let graph = graph(vec![node("MatMul", "m", &["x", "w"], &["y"])], weights);
    let sized = infer(&graph, 17, &[("x", vec![4, 100])], &BUDGET).unwrap();
    assert_eq!((sized.facts["y"].shape.clone(), sized.products), (vec![4, 10], 4_000));
    let wrong = infer(&graph, 17, &[("x", vec![4, 99])], &BUDGET);
    assert!(matches!(wrong, Err(Unsized::Rule { node: 0, .. })));
}

#[test]
fn a_few_nodes_cannot_ask_for_terabytes() {
    let huge = [1 << 20, 1 << 20];
    let fill = graph(
        vec![node("ConstantOfShape", "f", &["shape"], &["y"])],
        vec![tensor_i64("shape", &[2], &huge)],
    );
    let spread = graph(
        vec![node("Expand", "e", &["x", "shape"], &["y"])],
        vec![tensor_i64("shape", &[2], &huge)],
    );
    let doubling = (0..60).map(|i| {
        let (from, to) = (format!("t{i}"), format!("t{}", i + 1));
        node("Concat", "c", &[&from, &from], &[&to]).with(attr_int("axis", 0))
    });
    let first = node("Identity", "i", &["x"], &["t0"]);
    let laughs = graph(std::iter::once(first).chain(doubling).collect(), vec![]);
    let outer = graph(
        vec![
            node("Reshape", "r", &["x", "column"], &["c"]),
            node("Reshape", "r", &["x", "row"], &["r"]),
            node("Add", "a", &["c", "r"], &["y"]),
        ],
        vec![tensor_i64("column", &[2], &[-1, 1]), tensor_i64("row", &[2], &[1, -1])],
    );
    for (what, graph, size) in
        [("fill", fill, 1), ("expand", spread, 1), ("concat", laughs, 1), ("add", outer, 10_000)]
    {
        let found = infer(&graph, 17, &[("x", vec![size])], &BUDGET);
        assert!(matches!(found, Err(Unsized::Beyond { .. })), "{what}: {found:?}");
    }
}

#[test]
fn a_size_that_depends_on_the_picture_is_refused() {
    let nodes = vec![
        node("Cast", "c", &["x"], &["shape"]).with(attr_int("to", 7)),
        node("ConstantOfShape", "f", &["shape"], &["y"]),
    ];
    let found = infer(&graph(nodes, vec![]), 17, &[("x", vec![2])], &BUDGET);
    assert!(matches!(found, Err(Unsized::Rule { node: 1, .. })), "{found:?}");
}

#[test]
fn hostile_numbers_in_attributes_do_not_overflow() {
    for value in [0, -1, i64::MIN, i64::MAX, 1 << 40] {
        let attributes = [
            attr_ints("kernel_shape", &[value, value]),
            attr_ints("strides", &[value, value]),
            attr_ints("pads", &[value; 4]),
            attr_ints("dilations", &[value, value]),
            attr_int("axis", value),
            attr_int("group", value),
            attr_int("blocksize", value),
            attr_ints("axes", &[value]),
            attr_ints("perm", &[value; 4]),
            attr_ints("split", &[value]),
            attr_ints("starts", &[value]),
            attr_ints("ends", &[value]),
            attr_int("k", value),
        ];
        let weights = vec![
            tensor_f32("w", &[1, 1, 1, 1], &[0.0]),
            tensor_i64("n", &[4], &[value; 4]),
            tensor_i64("one", &[1], &[value]),
        ];
        for op in [
            "Conv",
            "ConvTranspose",
            "MaxPool",
            "AveragePool",
            "DepthToSpace",
            "SpaceToDepth",
            "Resize",
            "Upsample",
            "Gemm",
            "MatMul",
            "ReduceMean",
            "ReduceSum",
            "ArgMax",
            "TopK",
            "Concat",
            "Expand",
            "Flatten",
            "Gather",
            "OneHot",
            "Pad",
            "Range",
            "Reshape",
            "Shape",
            "Slice",
            "Split",
            "Squeeze",
            "Tile",
            "Transpose",
            "Unsqueeze",
            "ConstantOfShape",
            "LayerNormalization",
            "Add",
            "Where",
            "Softmax",
            "Cast",
        ] {
            for inputs in
                [&["x", "w"][..], &["x", "n", "n", "n", "n"], &["x", "one", "one"], &["n"]]
            {
                let node = NodeProto {
                    attribute: attributes.to_vec(),
                    ..node(op, "hostile", inputs, &["y"])
                };
                for opset in [7, 9, 10, 11, 13, 18] {
                    // an answer or a refusal, never an overflow
                    let graph = graph(vec![node.clone()], weights.clone());
                    let _ = infer(&graph, opset, &[("x", vec![1, 1, 4, 4])], &BUDGET);
                }
            }
        }
    }
}
