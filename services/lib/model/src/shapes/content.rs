//! The values of small constants, and arithmetic on them.

use crate::onnx::{DataType, TensorProto};

/// Values of a small constant, row-major. Whole numbers up to 2^53 are exact.
pub(crate) type Content = Vec<f64>;

/// Constants with more elements than this decide no shapes.
pub(super) const MAX_ELEMENTS: usize = 1024;

/// Whether the element type holds whole numbers.
pub(super) fn is_integer(kind: i32) -> bool {
    [
        DataType::Int64,
        DataType::Int32,
        DataType::Int16,
        DataType::Int8,
        DataType::Uint8,
        DataType::Uint16,
        DataType::Uint32,
        DataType::Uint64,
    ]
    .iter()
    .any(|k| *k as i32 == kind)
}

/// The values of `tensor`, if it is small and its element type is one that shapes are made of.
pub(super) fn of(tensor: &TensorProto) -> Option<Content> {
    let count = crate::onnx::element_count(tensor);
    if count > MAX_ELEMENTS {
        return None;
    }
    let raw = &tensor.raw_data[..];
    let typed = raw.is_empty();
    let values: Content = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float if typed => tensor.float_data.iter().map(|v| f64::from(*v)).collect(),
        DataType::Float => {
            raw.as_chunks().0.iter().map(|c| f64::from(f32::from_le_bytes(*c))).collect()
        }
        DataType::Double if typed => tensor.double_data.clone(),
        DataType::Double => raw.as_chunks().0.iter().map(|c| f64::from_le_bytes(*c)).collect(),
        DataType::Int64 if typed => tensor.int64_data.iter().map(|v| *v as f64).collect(),
        DataType::Int64 => {
            raw.as_chunks().0.iter().map(|c| i64::from_le_bytes(*c) as f64).collect()
        }
        DataType::Int32 if typed => tensor.int32_data.iter().map(|v| f64::from(*v)).collect(),
        DataType::Int32 => {
            raw.as_chunks().0.iter().map(|c| f64::from(i32::from_le_bytes(*c))).collect()
        }
        _ => return None,
    };
    (values.len() == count).then_some(values)
}

/// `a op b`, element by element; one of them may be a single value.
pub(super) fn zip(a: &Content, b: &Content, op: impl Fn(f64, f64) -> f64) -> Option<Content> {
    match (a.len(), b.len()) {
        (n, m) if n == m => Some(a.iter().zip(b).map(|(x, y)| op(*x, *y)).collect()),
        (_, 1) => Some(a.iter().map(|x| op(*x, b[0])).collect()),
        (1, _) => Some(b.iter().map(|y| op(a[0], *y)).collect()),
        _ => None,
    }
}
