//! ONNX bytes <-> protobuf messages, and short constructors for their parts.
//!
//! The messages are a subset of the public ONNX specification (`proto/onnx.proto`). Nothing here
//! judges whether a file is safe to run, it only reads and writes.

use prost::Message;

/// The generated ONNX messages, with the specification's own names.
#[allow(missing_docs, clippy::all)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

pub use proto::attribute_proto::AttributeType;
pub use proto::tensor_proto::{DataLocation, DataType};
pub use proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    SparseTensorProto, StringStringEntryProto, TensorProto, TypeProto, ValueInfoProto,
};

/// Operator set that our own files are written in.
pub const OPSET: i64 = 17;
/// Intermediate representation version that goes with [`OPSET`].
pub const IR_VERSION: i64 = 8;

/// Why ONNX bytes or a tensor in them could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are not a protobuf message of this shape.
    #[error("not an ONNX file")]
    Decode(#[from] prost::DecodeError),
    /// The message has no graph.
    #[error("the ONNX file holds no graph")]
    NoGraph,
    /// A tensor's element type is not the one asked for.
    #[error("tensor {name}: element type {found}, wanted {wanted}")]
    ElementType {
        /// Name of the tensor.
        name: String,
        /// Element type in the file, as in the specification.
        found: i32,
        /// Element type that was asked for.
        wanted: i32,
    },
    /// A tensor's data do not fill its shape, or lie outside the file.
    #[error("tensor {name}: {found} elements for a shape of {wanted}")]
    Length {
        /// Name of the tensor.
        name: String,
        /// Elements that the file holds.
        found: usize,
        /// Elements that the shape asks for.
        wanted: usize,
    },
}

/// Reads a model file; nested deeper than 100 messages is refused by the decoder.
pub fn decode(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    let model = ModelProto::decode(bytes)?;
    if model.graph.is_none() {
        return Err(OnnxError::NoGraph);
    }
    Ok(model)
}

/// Writes a model file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// Wraps a graph as a model file in [`OPSET`], with `metadata` as key and value pairs.
pub fn model(graph: GraphProto, metadata: &[(&str, &str)]) -> ModelProto {
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "hydra".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: metadata
            .iter()
            .map(|(k, v)| StringStringEntryProto { key: (*k).into(), value: (*v).into() })
            .collect(),
        ..Default::default()
    }
}

/// One operator of the standard domain.
pub fn node(op: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: name.into(),
        input: inputs.iter().map(|s| (*s).into()).collect(),
        output: outputs.iter().map(|s| (*s).into()).collect(),
        ..Default::default()
    }
}

impl NodeProto {
    /// The same node with one attribute more.
    pub fn with(mut self, attribute: AttributeProto) -> Self {
        self.attribute.push(attribute);
        self
    }

    /// The attribute of this name, if the node has it.
    pub fn attribute_named(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|a| a.name == name)
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind as i32, ..Default::default() }
}

/// An integer attribute.
pub fn attr_int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, AttributeType::Int) }
}

/// An attribute that lists integers.
pub fn attr_ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) }
}

/// A float attribute.
pub fn attr_float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeType::Float) }
}

/// A string attribute.
pub fn attr_string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.as_bytes().to_vec()), ..attribute(name, AttributeType::String) }
}

/// A tensor attribute.
pub fn attr_tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(value), ..attribute(name, AttributeType::Tensor) }
}

fn tensor(name: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.iter().map(|d| *d as i64).collect(),
        data_type: kind as i32,
        raw_data,
        ..Default::default()
    }
}

/// A float32 tensor, row-major; no `dims` make a scalar.
pub fn tensor_f32(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    debug_assert_eq!(values.len(), dims.iter().product::<usize>(), "{name}");
    tensor(name, dims, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// An int64 tensor, row-major.
pub fn tensor_i64(name: &str, dims: &[usize], values: &[i64]) -> TensorProto {
    debug_assert_eq!(values.len(), dims.iter().product::<usize>(), "{name}");
    tensor(name, dims, DataType::Int64, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// An int32 tensor, row-major.
pub fn tensor_i32(name: &str, dims: &[usize], values: &[i32]) -> TensorProto {
    debug_assert_eq!(values.len(), dims.iter().product::<usize>(), "{name}");
    tensor(name, dims, DataType::Int32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// An int8 tensor, row-major.
pub fn tensor_i8(name: &str, dims: &[usize], values: &[i8]) -> TensorProto {
    debug_assert_eq!(values.len(), dims.iter().product::<usize>(), "{name}");
    tensor(name, dims, DataType::Int8, values.iter().map(|v| v.cast_unsigned()).collect())
}

/// A uint8 tensor, row-major.
pub fn tensor_u8(name: &str, dims: &[usize], values: &[u8]) -> TensorProto {
    debug_assert_eq!(values.len(), dims.iter().product::<usize>(), "{name}");
    tensor(name, dims, DataType::Uint8, values.to_vec())
}

/// The values of a float32 tensor that lies inside the file.
pub fn floats(tensor: &TensorProto) -> Result<Vec<f32>, OnnxError> {
    if tensor.data_type != DataType::Float as i32 {
        return Err(OnnxError::ElementType {
            name: tensor.name.clone(),
            found: tensor.data_type,
            wanted: DataType::Float as i32,
        });
    }
    let values: Vec<f32> = if tensor.float_data.is_empty() {
        let chunks = tensor.raw_data.chunks_exact(4);
        chunks.map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect()
    } else {
        tensor.float_data.clone()
    };
    let wanted = element_count(tensor);
    if values.len() != wanted {
        return Err(OnnxError::Length { name: tensor.name.clone(), found: values.len(), wanted });
    }
    Ok(values)
}

/// Elements that the tensor's shape asks for; a negative or overflowing shape gives `usize::MAX`.
pub fn element_count(tensor: &TensorProto) -> usize {
    tensor
        .dims
        .iter()
        .try_fold(1usize, |n, d| usize::try_from(*d).ok().and_then(|d| n.checked_mul(d)))
        .unwrap_or(usize::MAX)
}

/// One axis of a declared shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim<'a> {
    /// Exactly this many.
    Fixed(usize),
    /// Any number, the same wherever the name returns.
    Named(&'a str),
}

/// Declares a value's element type and shape, for graph inputs and outputs.
pub fn value_info(name: &str, kind: DataType, dims: &[Dim<'_>]) -> ValueInfoProto {
    use proto::tensor_shape_proto::{Dimension, dimension};
    let dim = dims
        .iter()
        .map(|d| Dimension {
            value: Some(match d {
                Dim::Fixed(n) => dimension::Value::DimValue(*n as i64),
                Dim::Named(n) => dimension::Value::DimParam((*n).into()),
            }),
            ..Default::default()
        })
        .collect();
    let shape = proto::TensorShapeProto { dim };
    let tensor = proto::type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(proto::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_survives_writing_and_reading() {
        let graph = GraphProto {
            name: "g".into(),
            node: vec![
                node("Concat", "c", &["x", "w"], &["y"]).with(attr_int("axis", 0)),
                node("Constant", "k", &[], &["w"])
                    .with(attr_tensor("value", tensor_f32("w", &[1, 2], &[0.5, -2.0]))),
            ],
            input: vec![value_info("x", DataType::Float, &[Dim::Named("n"), Dim::Fixed(2)])],
            ..Default::default()
        };
        let written = encode(&model(graph, &[("note", "yes")]));
        let read = decode(&written).unwrap();
        let graph = read.graph.unwrap();
        assert_eq!(graph.node[0].attribute_named("axis").unwrap().i, Some(0));
        let weights = graph.node[1].attribute[0].t.as_ref().unwrap();
        assert_eq!(floats(weights).unwrap(), [0.5, -2.0]);
        assert_eq!(read.metadata_props[0].value, "yes");
    }

    #[test]
    fn bytes_without_a_graph_are_refused() {
        assert!(matches!(decode(&[]), Err(OnnxError::NoGraph)));
        assert!(matches!(decode(b"not an onnx file"), Err(OnnxError::Decode(_))));
    }

    #[test]
    fn a_tensor_that_does_not_fill_its_shape_is_refused() {
        let mut t = tensor_f32("t", &[2], &[1.0, 2.0]);
        t.dims = vec![3];
        assert!(matches!(floats(&t), Err(OnnxError::Length { found: 2, wanted: 3, .. })));
        t.dims = vec![i64::MAX, i64::MAX];
        assert_eq!(element_count(&t), usize::MAX);
    }
}
