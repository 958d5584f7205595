//! A tensor's data lie in the file and fill its shape.

use super::error::{ScanError, short};
use crate::onnx::{DataLocation, DataType, TensorProto, element_count};

/// Checks one tensor, wherever in the file it is.
pub(super) fn check(tensor: &TensorProto, max_elements: usize) -> Result<(), ScanError> {
    let refused = |why: String| ScanError::Tensor { tensor: short(&tensor.name), why };
    if tensor.data_location == DataLocation::External as i32 || !tensor.external_data.is_empty() {
        return Err(ScanError::ExternalData { tensor: short(&tensor.name) });
    }
    if tensor.segment.is_some() {
        return Err(refused("it is only a part of a tensor".into()));
    }
    let wanted = element_count(tensor);
    if wanted > max_elements {
        return Err(refused(format!("more than {max_elements} elements")));
    }
    let kind = DataType::try_from(tensor.data_type)
        .map_err(|_| refused(format!("element type {} is not taken", tensor.data_type)))?;
    let found = elements(tensor, kind)
        .ok_or_else(|| refused(format!("element type {} is not taken", kind.as_str_name())))?;
    if found != wanted {
        return Err(refused(format!("{found} elements for the shape {:?}", tensor.dims)));
    }
    Ok(())
}

/// Elements that the file holds; `None` for types that are no numbers.
fn elements(tensor: &TensorProto, kind: DataType) -> Option<usize> {
    let (bytes, typed) = match kind {
        DataType::Float => (4, tensor.float_data.len()),
        DataType::Double => (8, tensor.double_data.len()),
        DataType::Int64 => (8, tensor.int64_data.len()),
        DataType::Uint64 => (8, tensor.uint64_data.len()),
        DataType::Uint32 => (4, tensor.uint64_data.len()),
        DataType::Int32 => (4, tensor.int32_data.len()),
        DataType::Int16 | DataType::Uint16 | DataType::Float16 | DataType::Bfloat16 => {
            (2, tensor.int32_data.len())
        }
        DataType::Int8 | DataType::Uint8 | DataType::Bool => (1, tensor.int32_data.len()),
        _ => return None,
    };
    match tensor.raw_data.len() {
        0 => Some(typed),
        // neither a remainder nor two sets of values
        raw if raw % bytes == 0 && typed == 0 => Some(raw / bytes),
        _ => Some(usize::MAX),
    }
}
