//! Writes a graph of our own, node by node.

use crate::onnx::{
    AttributeProto, DataType, Dim, GraphProto, NodeProto, TensorProto, node, tensor_f32,
    tensor_i64, value_info,
};

/// A graph under construction. Names of new tensors begin with `hydra:`.
#[derive(Default)]
pub(super) struct Build {
    pub graph: GraphProto,
    count: usize,
}

impl Build {
    fn name(&mut self) -> String {
        self.count += 1;
        format!("hydra:{}", self.count)
    }

    /// Adds an operator with one output and gives the output's name.
    pub fn op(&mut self, op: &str, inputs: &[&str]) -> String {
        self.op_with(op, inputs, Vec::new())
    }

    /// [`Self::op`] with attributes.
    pub fn op_with(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let name = self.name();
        let made = NodeProto { attribute: attributes, ..node(op, &name, inputs, &[&name]) };
        self.graph.node.push(made);
        name
    }

    /// Adds a constant of floats.
    pub fn floats(&mut self, shape: &[usize], values: &[f32]) -> String {
        let name = self.name();
        self.constant(tensor_f32(&name, shape, values))
    }

    /// Adds a constant of one float.
    pub fn scalar(&mut self, value: f32) -> String {
        self.floats(&[], &[value])
    }

    /// Adds a constant list of whole numbers.
    pub fn integers(&mut self, values: &[i64]) -> String {
        let name = self.name();
        self.constant(tensor_i64(&name, &[values.len()], values))
    }

    /// Adds a shape, for Reshape and Expand.
    pub fn shape(&mut self, shape: &[usize]) -> String {
        let dims: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
        self.integers(&dims)
    }

    /// Adds a constant under its own name, once.
    pub fn constant(&mut self, tensor: TensorProto) -> String {
        let name = tensor.name.clone();
        if !self.graph.initializer.iter().any(|t| t.name == name) {
            self.graph.initializer.push(tensor);
        }
        name
    }

    /// `x` in another shape.
    pub fn reshape(&mut self, x: &str, shape: &[usize]) -> String {
        let shape = self.shape(shape);
        self.op("Reshape", &[x, &shape])
    }

    /// Declares an input of floats.
    pub fn input(&mut self, name: &str, shape: &[usize]) {
        let value = declared(name, shape);
        self.graph.input.push(value);
    }

    /// Makes `from` the output `name`.
    pub fn output(&mut self, name: &str, from: &str, shape: &[usize]) {
        self.graph.node.push(node("Identity", name, &[from], &[name]));
        self.graph.output.push(declared(name, shape));
    }
}

fn declared(name: &str, shape: &[usize]) -> crate::onnx::ValueInfoProto {
    let dims: Vec<Dim> = shape.iter().map(|d| Dim::Fixed(*d)).collect();
    value_info(name, DataType::Float, &dims)
}
