//! What decoding a file would cost, from its bytes alone.
//!
//! Two bytes can become a message of a kilobyte in memory, so a small file could fill the
//! machine before any check of its content. This walk visits the wire format without building
//! anything and adds up a generous estimate.

/// Bytes that one decoded message is taken to cost, whatever its kind.
const MESSAGE_COST: u64 = 1024;
/// Bytes that one string or list entry is taken to cost beside its content.
const ENTRY_COST: u64 = 32;
/// Graphs in attributes in nodes in graphs: deeper than this is no classifier.
const MAX_DEPTH: u32 = 24;

/// The messages of the format that hold messages themselves.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Value,
    Type,
    TypeTensor,
    Nested,
    Shape,
    Function,
    Training,
    Annotation,
    /// Holds no messages.
    Leaf,
}

/// The message kind of a field; `None` for numbers, strings, bytes and what is not read at all.
fn child(of: Kind, field: u64) -> Option<Kind> {
    let kind = match (of, field) {
        (Kind::Model, 7) => Kind::Graph,
        (Kind::Model, 8 | 14) => Kind::Leaf,
        (Kind::Model, 20) => Kind::Training,
        (Kind::Model, 25) => Kind::Function,
        (Kind::Graph, 1) | (Kind::Function, 7) => Kind::Node,
        (Kind::Graph, 5) => Kind::Tensor,
        (Kind::Graph, 11..=13) | (Kind::Function, 12) => Kind::Value,
        (Kind::Graph, 14) => Kind::Annotation,
        (Kind::Graph, 15) => Kind::Sparse,
        (Kind::Node, 5) | (Kind::Function, 11) => Kind::Attribute,
        (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1 | 2) => Kind::Tensor,
        (Kind::Attribute, 6 | 11) | (Kind::Training, 1 | 2) => Kind::Graph,
        (Kind::Attribute, 14 | 15) | (Kind::Value, 2) => Kind::Type,
        (Kind::Attribute, 22 | 23) => Kind::Sparse,
        (Kind::Type, 1 | 8) => Kind::TypeTensor,
        (Kind::Type, 4 | 5 | 9) => Kind::Nested,
        (Kind::Nested, 1 | 2) => Kind::Type,
        (Kind::TypeTensor, 2) => Kind::Shape,
        (Kind::Shape, 1) => Kind::Leaf,
        (Kind::Graph, 16) | (Kind::Node, 9) | (Kind::Value, 4) | (Kind::Annotation, 2) => {
            Kind::Leaf
        }
        (Kind::Tensor, 3 | 13 | 16) | (Kind::Function, 9 | 14) | (Kind::Training, 3 | 4) => {
            Kind::Leaf
        }
        _ => return None,
    };
    Some(kind)
}

/// Fields whose packed content grows when it is decoded: one byte becomes a number of eight.
fn is_packed_integers(of: Kind, field: u64) -> bool {
    matches!((of, field), (Kind::Tensor, 1 | 5 | 7 | 11) | (Kind::Attribute, 8) | (Kind::Sparse, 3))
}

/// Estimated bytes of memory for the decoded file; stops early beyond `budget`.
///
/// # Errors
/// What is wrong, when the bytes are not of the wire format or nest too deeply.
pub(super) fn cost(bytes: &[u8], budget: u64) -> Result<u64, &'static str> {
    let mut total = 0;
    walk(bytes, Kind::Model, 0, budget, &mut total)?;
    Ok(total)
}

fn walk(
    mut bytes: &[u8],
    kind: Kind,
    depth: u32,
    budget: u64,
    total: &mut u64,
) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("nested too deeply");
    }
    *total += MESSAGE_COST;
    while !bytes.is_empty() && *total <= budget {
        let key = varint(&mut bytes)?;
        let field = key >> 3;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
                *total += ENTRY_COST;
            }
            1 => skip(&mut bytes, 8, total)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).map_err(|_| CUT)?;
                let content = bytes.get(..length).ok_or(CUT)?;
                bytes = &bytes[length..];
                match child(kind, field) {
                    Some(inner) => walk(content, inner, depth + 1, budget, total)?,
                    None if is_packed_integers(kind, field) => *total += 8 * length as u64,
                    None => *total += ENTRY_COST + length as u64,
                }
            }
            5 => skip(&mut bytes, 4, total)?,
            _ => return Err("not of the protobuf wire format"),
        }
    }
    Ok(())
}

const CUT: &str = "cut off";

fn skip(bytes: &mut &[u8], length: usize, total: &mut u64) -> Result<(), &'static str> {
    *bytes = bytes.get(length..).ok_or(CUT)?;
    *total += ENTRY_COST;
    Ok(())
}

/// Base-128 number, least significant group first.
fn varint(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    Err(CUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx;

    #[test]
    fn a_small_file_that_decodes_to_much_is_seen_before_it_is_decoded() {
        // a graph of a million empty nodes: two bytes each
        let file = wrap(0x3a, &[0x0a, 0x00].repeat(1_000_000));
        let budget = 100 << 20;
        assert!(file.len() < 3 << 20);
        assert!(cost(&file, budget).unwrap() > budget);
    }

    #[test]
    fn an_ordinary_file_costs_little_more_than_its_weights() {
        let graph = onnx::GraphProto {
            initializer: vec![onnx::tensor_f32("w", &[1000], &[0.0; 1000])],
            node: vec![onnx::node("Relu", "r", &["x"], &["y"])],
            ..Default::default()
        };
        let file = onnx::encode(&onnx::model(graph, &[]));
        let cost = cost(&file, u64::MAX).unwrap();
        assert!((4_000..20_000).contains(&cost), "{cost}");
    }

    fn wrap(key: u8, content: &[u8]) -> Vec<u8> {
        let mut message = vec![key];
        let mut length = content.len();
        while length >= 0x80 {
            message.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend(content);
        message
    }

    #[test]
    fn deep_nesting_and_other_formats_are_refused() {
        // graph -> node -> attribute -> graph ...
        let mut graph = Vec::new();
        for _ in 0..10 {
            graph = wrap(0x0a, &wrap(0x2a, &wrap(0x32, &graph)));
        }
        assert_eq!(cost(&wrap(0x3a, &graph), u64::MAX), Err("nested too deeply"));
        assert!(cost(b"hello, this is text", u64::MAX).is_err());
        assert_eq!(cost(&[0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f], u64::MAX), Err(CUT));
    }
}
