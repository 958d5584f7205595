//! Small operations on graphs: what runs is made from what was imported.

use crate::onnx::{
    DataType, Dim, GraphProto, NodeProto, TensorProto, attr_int, node, proto, value_info,
};
use std::collections::{HashMap, HashSet};

/// Keeps what `outputs` need and nothing else: nodes, weights and inputs.
pub(crate) fn prune(graph: &mut GraphProto, outputs: &[&str]) {
    let mut needed: HashSet<String> = outputs.iter().map(|name| (*name).to_owned()).collect();
    let mut kept: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    graph.input.retain(|input| needed.contains(&input.name));
    graph.output.retain(|output| outputs.contains(&output.name.as_str()));
}

/// Makes a tensor of floats, whose shape for one image this is, an output if it is not one yet.
pub(crate) fn expose(graph: &mut GraphProto, tensor: &str, shape: &[usize]) {
    if graph.output.iter().any(|output| output.name == tensor) {
        return;
    }
    let is_batch = |(i, size): (usize, &usize)| i == 0 && *size == 1 && shape.len() > 1;
    let axes = shape.iter().enumerate();
    let dims: Vec<Dim> = axes
        .map(|(i, size)| if is_batch((i, size)) { Dim::Named("batch") } else { Dim::Fixed(*size) })
        .collect();
    graph.output.push(value_info(tensor, DataType::Float, &dims));
}

/// Gives every tensor and node of a graph another name.
pub(crate) fn rename(graph: &mut GraphProto, new: impl Fn(&str) -> String) {
    let change = |name: &mut String| {
        if !name.is_empty() {
            *name = new(name);
        }
    };
    for node in &mut graph.node {
        node.input.iter_mut().chain(&mut node.output).for_each(change);
        change(&mut node.name);
    }
    graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
    graph.input.iter_mut().chain(&mut graph.output).for_each(|value| change(&mut value.name));
}

/// Which node makes a tensor.
pub(crate) fn producers(graph: &GraphProto) -> HashMap<&str, usize> {
    let outputs = graph.node.iter().enumerate().flat_map(|(at, node)| {
        node.output.iter().filter(|name| !name.is_empty()).map(move |name| (name.as_str(), at))
    });
    outputs.collect()
}

/// The tensors that depend on `from`.
pub(crate) fn downstream(graph: &GraphProto, from: &str) -> HashSet<String> {
    let mut reached = HashSet::from([from.to_owned()]);
    for node in &graph.node {
        if node.input.iter().any(|name| reached.contains(name)) {
            reached.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
        }
    }
    reached
}

/// Sets the element type of an input or output.
fn set_kind(value: &mut proto::ValueInfoProto, kind: DataType) {
    use proto::type_proto::Value;
    if let Some(Value::TensorType(tensor)) = value.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        tensor.elem_type = kind as i32;
    }
}

/// Lets the first input be of floats where the network wants another type.
pub(crate) fn take_floats(graph: &mut GraphProto, wanted: i32) {
    let Some(input) = graph.input.first_mut() else { return };
    let inner = format!("{}/as-wanted", input.name);
    set_kind(input, DataType::Float);
    let outer = input.name.clone();
    for node in &mut graph.node {
        node.input.iter_mut().filter(|name| **name == outer).for_each(|n| n.clone_from(&inner));
    }
    let cast = node("Cast", "hydra-input", &[&outer], &[&inner]);
    graph.node.insert(0, cast.with(attr_int("to", i64::from(wanted))));
}

/// Lets an output be of floats where the network gives another type.
pub(crate) fn give_floats(graph: &mut GraphProto, output: &str) {
    let inner = format!("{output}/as-made");
    for node in &mut graph.node {
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .filter(|name| *name == output)
            .for_each(|name| name.clone_from(&inner));
    }
    let cast = node("Cast", "hydra-output", &[&inner], &[output]);
    graph.node.push(cast.with(attr_int("to", DataType::Float as i64)));
    graph.output.iter_mut().filter(|o| o.name == output).for_each(|o| set_kind(o, DataType::Float));
}

/// The trunk with the head behind it, as one graph. The head's own names are kept apart; its
/// input is the trunk's output of the same name.
pub(crate) fn compose(mut trunk: GraphProto, mut head: GraphProto) -> GraphProto {
    let shared: HashSet<String> = head.input.iter().map(|input| input.name.clone()).collect();
    rename(&mut head, |name| match shared.contains(name) {
        true => name.to_owned(),
        false => format!("head/{name}"),
    });
    trunk.node.append(&mut head.node);
    trunk.initializer.append(&mut head.initializer);
    trunk.output.append(&mut head.output);
    trunk
}

/// The name that a head's tensor has in the composed graph.
pub(crate) fn composed_name(name: &str) -> String {
    format!("head/{name}")
}

/// An initializer of the name, or the value of a `Constant` node that makes it.
pub(crate) fn constant<'a>(graph: &'a GraphProto, name: &str) -> Option<&'a TensorProto> {
    graph.initializer.iter().find(|tensor| tensor.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::tensor_f32;

    fn graph() -> GraphProto {
        GraphProto {
            node: vec![
                node("Relu", "a", &["x"], &["a"]),
                node("Add", "b", &["a", "w"], &["b"]),
                node("Mul", "c", &["a", "v"], &["c"]),
            ],
            initializer: vec![tensor_f32("w", &[1], &[1.0]), tensor_f32("v", &[1], &[1.0])],
            input: vec![value_info("x", DataType::Float, &[Dim::Fixed(1)])],
            output: vec![
                value_info("b", DataType::Float, &[Dim::Fixed(1)]),
                value_info("c", DataType::Float, &[Dim::Fixed(1)]),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn pruning_keeps_what_an_output_needs() {
        let mut graph = graph();
        prune(&mut graph, &["b"]);
        let names: Vec<&str> = graph.node.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((graph.initializer.len(), graph.output.len()), (1, 1));
    }

    #[test]
    fn a_head_is_joined_where_the_names_agree() {
        let mut head = graph();
        rename(&mut head, |name| if name == "x" { "b".into() } else { format!("{name}2") });
        let joined = compose(graph(), head);
        assert_eq!(joined.node[3].input, ["b"]);
        assert_eq!(joined.node[4].output, ["head/b2"]);
    }

    #[test]
    fn what_depends_on_a_tensor_is_found() {
        let reached = downstream(&graph(), "a");
        assert!(reached.contains("b") && reached.contains("c") && !reached.contains("x"));
    }
}
